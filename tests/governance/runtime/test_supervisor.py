"""`make run`: one command, one line that says it is ready, nothing left when it is told to stop."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from kombu import Connection

from governance.runtime import account
from governance.runtime.home import Home
from governance.runtime.lease import keeper_lives
from tests.governance.runtime.stand_in import Copy, eventually, lone_environment, make_project
from tests.serving import free_port
from tests.waiting import PATIENCE

NewHome = Callable[..., Home]


@contextlib.contextmanager
def running_copy(project: Path, home: Home) -> Iterator[Copy]:
    one = Copy(project, home, free_port())
    try:
        one.read_until("Ready")
        yield one
    finally:
        if one.process.poll() is None:
            one.stop()
        if one.process.stdout is not None:
            one.process.stdout.close()
        eventually(lambda: not keeper_lives(home))


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """A copy that a test may hurt, but leaves running."""
    folder = tmp_path_factory.mktemp("standing")
    home = Home.open(folder / "home")
    with running_copy(make_project(folder / "project"), home) as one:
        yield one
    account.destroy(home)


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


@pytest.fixture
def copy(stand_in: Path, new_home: NewHome) -> Iterator[Copy]:
    """A copy of the test's own, to be ended by it."""
    with running_copy(stand_in, new_home()) as one:
        yield one


def broker_url(home: Home) -> str:
    return (home.path / "broker.env").read_text().strip().removeprefix("export CELERY_BROKER_URL=").strip("'")


def test_it_says_where_it_is_ready_and_answers_on_both_loopback_addresses(standing: Copy) -> None:
    assert standing.lines[-1] == f"Ready: http://localhost:{standing.port}\n"
    assert standing.get("/livez") == "ok"
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        assert standing.get("/livez", host="::1") == "ok"


def test_web_is_the_app_and_knows_no_other_logins_address(standing: Copy) -> None:
    assert standing.get("/login") == "muniment_app"
    assert standing.get("/passwords") == "DATABASE_URL"


def test_each_queue_is_worked_by_its_own_login(standing: Copy, tmp_path: Path) -> None:
    with Connection(broker_url(standing.home)) as broker:
        for queue, login in (("default", "app"), ("sealer", "sealer")):
            note = tmp_path / queue
            with broker.Producer() as producer:
                producer.publish(
                    ([str(note)], {}, {}), routing_key=queue, headers={"task": "write", "id": queue}, retry=True
                )
            eventually(lambda note=note, login=login: note.read_text() == login)  # type: ignore[misc]  # bound now


def test_told_to_stop_it_stops_everything(copy: Copy) -> None:
    processes = psutil.Process(copy.process.pid).children(recursive=True)
    assert copy.stop() == 0
    assert not [process for process in processes if process.is_running()]
    assert not keeper_lives(copy.home)
    with socket.socket() as one:
        one.bind(("127.0.0.1", copy.port))


@pytest.mark.parametrize("part", ["web", "worker", "jobs", "sealer", "beat"])
def test_a_killed_part_is_started_again_and_the_console_says_so(standing: Copy, part: str) -> None:
    killed = standing.children()[part]
    killed.kill()
    assert f"{part} ended by SIGKILL; starting it again in 0.5 s" in standing.read_until(part)
    eventually(lambda: standing.children()[part].pid != killed.pid)
    # The port was ours all along: who asks meanwhile waits and is answered.
    assert standing.get("/login") == "muniment_app"


def test_a_killed_database_comes_back_under_the_running_product(standing: Copy) -> None:
    server = int((standing.home.services / "database" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(server, signal.SIGKILL)
    eventually(lambda: standing.get("/login") == "muniment_app")
    assert standing.process.poll() is None


def test_killed_itself_it_leaves_no_process_and_loses_no_data(copy: Copy) -> None:
    lines = (copy.home.path / "database.env").read_text().splitlines()
    owner = next(line for line in lines if "OWNER" in line).split("=", 1)[1].strip("'")
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS id")
    processes = psutil.Process(copy.process.pid).children(recursive=True)
    copy.process.kill()
    copy.process.wait()
    eventually(lambda: not any(process.is_running() for process in processes))
    eventually(lambda: not keeper_lives(copy.home))
    again = copy.launch()
    assert again.stdout is not None
    with again.stdout:
        assert again.stdout.readline().startswith("Ready")
        with psycopg.connect(owner) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1,)
        again.send_signal(signal.SIGINT)
        assert again.wait(PATIENCE) == 0


def test_started_in_the_background_of_a_script_its_parts_die_with_it_all_the_same(copy: Copy) -> None:
    for process in psutil.Process(copy.process.pid).children():
        status = Path(f"/proc/{process.pid}/status").read_text()
        ignored = int(next(line for line in status.splitlines() if line.startswith("SigIgn:")).split()[1], 16)
        name = " ".join(process.cmdline()[:4])
        if process.pid != copy.process.pid and "keeper" not in name:
            assert not ignored & 1 << (signal.SIGQUIT - 1), f"{name} would not hear SIGQUIT"


def test_a_second_copy_on_the_same_home_gets_a_sentence(standing: Copy) -> None:
    second = standing.launch()
    said, _ = second.communicate(timeout=PATIENCE)
    assert second.returncode == 2
    assert said == (
        f"Muniment already runs from {standing.home.path}, at http://localhost:{standing.port}: stop it, "
        "or set MUNIMENT_HOME and MUNIMENT_PORT to run another copy.\n"
    )


def test_whether_it_runs_can_be_asked(standing: Copy, stand_in: Path, new_home: NewHome) -> None:
    asked = standing.launch("--check-running")
    assert asked.communicate(timeout=PATIENCE)[0] == f"http://localhost:{standing.port}\n"
    assert asked.returncode == 0
    other = subprocess.run(
        [sys.executable, "-m", "governance.runtime.supervisor", "--check-running"],
        cwd=stand_in,
        env=lone_environment(MUNIMENT_HOME=str(new_home().path)),
        capture_output=True,
        text=True,
    )
    assert (other.returncode, other.stdout, other.stderr) == (1, "", "")


def test_manage_py_joins_the_running_database_and_leaves_it_running(standing: Copy) -> None:
    found = subprocess.run(
        [sys.executable, "manage.py", "showmigrations", "--plan"],
        cwd=standing.project,
        env=lone_environment(MUNIMENT_HOME=str(standing.home.path)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "[X]  contenttypes.0001_initial" in found.stdout
    assert standing.get("/login") == "muniment_app"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_taken_port_gets_a_sentence_before_anything_starts(stand_in: Path, new_home: NewHome, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        taken = socket.create_server((address, 0), family=family)
    except OSError:
        assert family == socket.AF_INET6, "this machine has no IPv6 loopback, so that port cannot be taken"
        return
    with taken:
        port = taken.getsockname()[1]
        one = Copy(stand_in, new_home(), port)
        said, _ = one.process.communicate(timeout=PATIENCE)
    assert said == f"Port {port} is taken: set MUNIMENT_PORT to a free one.\n"
    assert one.process.returncode == 2
    assert not one.home.services.exists()


def test_a_port_that_is_none_gets_a_sentence(
    stand_in: Path, new_home: NewHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Copy(stand_in, new_home(), 99999)
    said, _ = one.process.communicate(timeout=PATIENCE)
    assert said == "MUNIMENT_PORT is '99999'; it must be a number from 1 to 65535.\n"
    assert one.process.returncode == 2


def test_web_that_cannot_start_ends_it_with_the_logs_last_lines(stand_in: Path, new_home: NewHome) -> None:
    (stand_in / "governance" / "wsgi.py").write_text("raise RuntimeError('no such room')\n")
    one = Copy(stand_in, new_home(), free_port())
    said, _ = one.process.communicate(timeout=PATIENCE)
    assert "The web process does not start" in said
    assert one.process.returncode == 2
    assert not keeper_lives(one.home)
