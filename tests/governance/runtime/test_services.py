"""The embedded services: who may in, two copies side by side, and starting again after any death."""

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from kombu import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from governance.runtime import account, keys
from governance.runtime.home import PROJECT, Home, RuntimeProblem
from governance.runtime.lease import Lease, keeper_lives, running
from governance.runtime.provision import close_database
from tests.governance.runtime.stand_in import eventually
from tests.waiting import PATIENCE

NewHome = Callable[..., Home]


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lease]:
    """Services that a test only looks at; who breaks something takes `lease`."""
    home = Home.open(tmp_path_factory.mktemp("standing") / "home")
    with Lease(home) as joined:
        yield joined
    account.destroy(home)


@pytest.fixture
def lease(new_home: NewHome) -> Iterator[Lease]:
    with Lease(new_home()) as joined:
        yield joined


def ask(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
        return row[0] if row else None


def run_sql(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def postmaster(home: Home) -> int:
    return int((home.services / "database" / "postmaster.pid").read_text().splitlines()[0])


def keeper_of(home: Home) -> int:
    found = running(home)
    assert found is not None
    return found.keeper


def test_each_login_connects_as_itself_with_psycopg_and_libpqs_own_parser(standing: Lease) -> None:
    for variable, role in {
        "DATABASE_URL": "muniment_app",
        "DATABASE_OWNER_URL": "muniment_owner",
        "DATABASE_SEALER_URL": "muniment_sealer",
        "DATABASE_AUDITOR_URL": "muniment_auditor",
        "DATABASE_SUPERUSER_URL": "muniment_superuser",
    }.items():
        assert ask(standing.urls[variable], "SELECT current_user") == role
        assert conninfo_to_dict(standing.urls[variable])["dbname"] == "muniment"


def test_the_environment_files_open_the_database_from_a_shell(standing: Lease) -> None:
    psql = account.programs(account.Account(None, None))["psql"]
    command = f'. "{standing.home.path}/database.env" && "{psql}" -XAt "$DATABASE_AUDITOR_URL" -c "SELECT current_user"'
    found = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True, env={"PGPORT": "9"})
    assert found.stdout == "muniment_auditor\n"


def test_it_is_postgresql_18_with_checksums_scram_and_nothing_on_the_network(standing: Lease) -> None:
    url = standing.urls["DATABASE_SUPERUSER_URL"]
    settings = {
        name: ask(url, f"SHOW {name}")
        for name in ("listen_addresses", "data_checksums", "password_encryption", "fsync", "full_page_writes")
    }
    assert settings == {
        "listen_addresses": "",
        "data_checksums": "on",
        "password_encryption": "scram-sha-256",
        "fsync": "on",
        "full_page_writes": "on",
    }
    assert str(ask(url, "SHOW server_version")).startswith("18")
    assert ask(url, "SELECT count(*) FROM pg_authid WHERE rolcanlogin AND rolpassword NOT LIKE 'SCRAM%'") == 0
    assert ask(url, "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules") == "scram-sha-256"


@pytest.mark.parametrize("role", ["muniment_app", "muniment_owner", "muniment_superuser"])
def test_a_wrong_password_is_refused_and_so_is_none(standing: Lease, role: str) -> None:
    for password in ("wrong", ""):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host=str(standing.running.sockets), user=role, password=password, dbname="muniment")


@pytest.mark.parametrize("variable", ["DATABASE_URL", "DATABASE_SEALER_URL", "DATABASE_AUDITOR_URL"])
def test_a08_no_login_makes_temporary_tables_or_tables_of_its_own(standing: Lease, variable: str) -> None:
    for statement in (
        "CREATE TEMPORARY TABLE promotion (id int)",
        "CREATE TABLE public.promotion (id int)",
        "CREATE SCHEMA shadow",
        "CREATE DATABASE shadow",
        "SET session_replication_role = replica",
    ):
        with psycopg.connect(standing.urls[variable], autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_a08_nor_in_the_other_databases_nor_in_a_new_one_of_the_owners(standing: Lease) -> None:
    owner = standing.urls["DATABASE_OWNER_URL"]
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("CREATE DATABASE another")
        close_database(connection, "another")
    app_url = standing.urls["DATABASE_URL"]
    for name in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(make_conninfo(app_url, dbname=name))
    with psycopg.connect(make_conninfo(app_url, dbname="another")) as app:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("CREATE TEMPORARY TABLE promotion (id int)")
        app.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("SELECT lo_create(0)")


def test_the_auditors_sessions_start_read_only(standing: Lease) -> None:
    assert ask(standing.urls["DATABASE_AUDITOR_URL"], "SHOW default_transaction_read_only") == "on"


def test_celery_reaches_the_broker_with_its_password_and_nobody_without(standing: Lease) -> None:
    url = standing.urls["CELERY_BROKER_URL"]
    with Connection(url) as connection, connection.SimpleQueue("notes") as letters:
        letters.put("dear")
        assert letters.get(timeout=PATIENCE).payload == "dear"
    password = keys.passwords(standing.home, may_make=False)["broker"]
    with Connection(url.replace(password, "wrong")) as stranger, pytest.raises(Exception, match=r"WRONGPASS|invalid"):
        stranger.connect()


def test_passwords_stand_in_no_command_line(standing: Lease) -> None:
    secrets = keys.passwords(standing.home, may_make=False).by_name.values()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            line = " ".join(process.cmdline())
            assert not any(secret in line for secret in secrets), line


def test_files_and_folders_of_the_services_let_only_their_user_in(standing: Lease) -> None:
    for top in (standing.home.path, standing.home.services.resolve()):
        for path in (top, *top.rglob("*")):
            if not path.is_symlink() and not stat.S_ISSOCK(path.lstat().st_mode):
                assert stat.S_IMODE(path.lstat().st_mode) & 0o077 == 0, path
    assert stat.S_IMODE(standing.running.sockets.stat().st_mode) == 0o700


def test_as_root_the_services_run_as_a_user_that_may_do_nothing_else(standing: Lease) -> None:
    server = psutil.Process(postmaster(standing.home))
    expected = account.SYSTEM_USER if os.geteuid() == 0 else psutil.Process().username()
    assert server.username() == expected


def test_the_second_to_join_finds_the_same_server_and_the_last_to_leave_stops_it(new_home: NewHome) -> None:
    home = new_home()
    first = Lease(home)
    second = Lease(home)
    assert second.running == first.running
    first.leave()
    assert ask(second.urls["DATABASE_URL"], "SELECT 1") == 1
    server = postmaster(home)
    second.leave()
    assert not psutil.pid_exists(server)
    assert not keeper_lives(home)
    assert running(home) is None


def test_two_homes_run_side_by_side(new_home: NewHome) -> None:
    with Lease(new_home("one")) as one, Lease(new_home("two")) as two:
        run_sql(one.urls["DATABASE_OWNER_URL"], "CREATE TABLE mine (id int)")
        assert ask(two.urls["DATABASE_OWNER_URL"], "SELECT to_regclass('mine') IS NULL")
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(make_conninfo(one.urls["DATABASE_URL"], host=str(two.running.sockets)))


def test_after_kill_9_of_the_database_nothing_committed_is_lost(lease: Lease) -> None:
    owner = lease.urls["DATABASE_OWNER_URL"]
    run_sql(owner, "CREATE TABLE kept (id int); INSERT INTO kept SELECT generate_series(1, 1000)")
    killed = postmaster(lease.home)
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: postmaster(lease.home) != killed and ask(owner, "SELECT count(*) FROM kept") == 1000)


def test_after_kill_9_of_the_keeper_the_services_go_and_come_back(lease: Lease) -> None:
    run_sql(lease.urls["DATABASE_OWNER_URL"], "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)")
    server = postmaster(lease.home)
    os.kill(keeper_of(lease.home), signal.SIGKILL)
    eventually(lambda: not keeper_lives(lease.home))
    lease.ensure()
    assert postmaster(lease.home) != server
    assert ask(lease.urls["DATABASE_OWNER_URL"], "SELECT count(*) FROM kept") == 1


def test_after_kill_9_of_everything_at_once_the_next_start_recovers(new_home: NewHome) -> None:
    home = new_home()
    lease = Lease(home)
    run_sql(lease.urls["DATABASE_OWNER_URL"], "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)")
    keeper = psutil.Process(keeper_of(home))
    for process in (keeper, *keeper.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    lease.leave()
    assert (home.services / "database" / "postmaster.pid").exists()
    with Lease(home) as again:
        assert ask(again.urls["DATABASE_OWNER_URL"], "SELECT count(*) FROM kept") == 1


def test_after_kill_9_of_the_only_user_the_services_stop_by_themselves(new_home: NewHome) -> None:
    home = new_home()
    program = (
        "import pathlib, sys, time\n"
        "from governance.runtime import home, lease\n"
        "lease.Lease(home.Home.open(pathlib.Path(sys.argv[1]))); print('joined', flush=True); time.sleep(900)"
    )
    user = subprocess.Popen([sys.executable, "-c", program, str(home.path)], cwd=PROJECT, stdout=subprocess.PIPE)
    assert user.stdout is not None
    with user.stdout:
        assert user.stdout.readline() == b"joined\n"
    server = postmaster(home)
    user.kill()
    user.wait()
    eventually(lambda: not keeper_lives(home) and not psutil.pid_exists(server))


def test_a_stale_lock_file_whose_number_another_program_has_now_is_no_obstacle(new_home: NewHome) -> None:
    home = new_home()
    with Lease(home):
        lines = (home.services / "database" / "postmaster.pid").read_text().splitlines()
    # Ours lives, so PostgreSQL would take it for a running server.
    (home.services / "database" / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with Lease(home) as lease:
        assert ask(lease.urls["DATABASE_URL"], "SELECT 1") == 1


def test_a_half_made_cluster_is_thrown_away_and_made_again(new_home: NewHome) -> None:
    home = new_home()
    services = account.services_folder(home, account.service_account())
    half = services / "database.new-0123"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with Lease(home) as lease:
        assert ask(lease.urls["DATABASE_URL"], "SELECT 1") == 1
    assert not half.exists()
    assert not list(services.glob("database.new-*"))


def test_something_else_in_the_place_of_the_cluster_is_kept_and_named(new_home: NewHome) -> None:
    home = new_home()
    services = account.services_folder(home, account.service_account())
    (services / "database").mkdir()
    (services / "database" / "thesis.txt").write_text("x")
    with pytest.raises(RuntimeProblem, match="not a whole PostgreSQL cluster: move it away"):
        Lease(home)
    assert (services / "database" / "thesis.txt").exists()


def test_a_cluster_of_another_version_gets_a_sentence(new_home: NewHome) -> None:
    home = new_home()
    services = account.services_folder(home, account.service_account())
    (services / "database").mkdir()
    (services / "database" / "PG_VERSION").write_text("16\n")
    keys.passwords(home, may_make=True)
    with pytest.raises(RuntimeProblem, match=r"made by PostgreSQL 16.*pg_upgrade"):
        Lease(home)


def test_a_home_far_too_deep_for_a_socket_works_all_the_same(new_home: NewHome) -> None:
    with Lease(new_home("/".join(["a-rather-long-name-for-a-folder"] * 5))) as lease:
        assert ask(lease.urls["DATABASE_URL"], "SELECT 1") == 1
        assert len(os.fsencode(lease.running.sockets)) < 90


def test_what_runs_is_written_for_the_next_process_to_read(standing: Lease) -> None:
    found = json.loads((standing.home.run / "services.json").read_text())
    assert found["services"] == ["database", "broker"]
    assert Path(found["sockets"]) == standing.running.sockets
