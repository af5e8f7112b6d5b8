"""`muniment` against what is not there, not Muniment, or not well: never "open", and never the key elsewhere."""

import datetime
import email.utils
import ipaddress
import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.governance.client.conftest import Pipeline
from tests.serving import free_port, serving
from tests.waiting import PATIENCE

ASK = ("--model", "scoring", "--version", "1", "--environment", "production")
QUICK = ("--request-timeout", "1")
MANIFEST = json.dumps({"model": {"name": "scoring"}})
COMMANDS = [
    ("gate", *ASK),
    ("wait", *ASK, "--timeout", "0.1"),
    ("use", "loans", "--purpose", "dpv:A"),
    ("register", "-"),
]


def verdict(allowed: bool = True, **more: Any) -> dict[str, Any]:
    """The gate's answer on ASK."""
    rows = [] if allowed else [{"key": "risk", "status": "UNSATISFIED", "reason": "x", "message": "0 of 1 signed."}]
    answer = {"allowed": allowed, "namespace": "retail", "model": "scoring", "version": 1, "release": 7}
    return {**answer, "environment": "production", "slot": "champion", "requirements": rows, **more}


class StandIn:
    """A server that says what it is told to: a list of answers in turn, the last one for good. It keeps what it heard."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, dict[str, str], Any]] = []
        self.heard: list[dict[str, Any]] = []
        self.url = ""

    def says(self, body: Any, status: str = "200 OK", **headers: str) -> None:
        """One more answer: bytes, or anything else as JSON."""
        given = {"Content-Type": "application/json", **{name.replace("_", "-"): v for name, v in headers.items()}}
        self.answers.append((status, given, body))

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        self.heard.append({**environ, "at": time.time()})
        status, headers, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        start_response(status, list(headers.items()))
        if callable(body):
            yield from body()
        else:
            yield body if isinstance(body, bytes) else json.dumps(body).encode()


@pytest.fixture
def stand_ins() -> Iterator[Callable[..., StandIn]]:
    """Makes servers for the time of the test."""
    with ExitStack() as open_ones:

        def make(tls: ssl.SSLContext | None = None) -> StandIn:
            made = StandIn()
            made.url = f"{'https' if tls else 'http'}://127.0.0.1:{open_ones.enter_context(serving(made, tls))}"
            return made

        yield make


@pytest.fixture
def server(stand_ins: Callable[..., StandIn], pipeline: Pipeline) -> StandIn:
    """The server that MUNIMENT_URL names."""
    made = stand_ins()
    pipeline.url = made.url
    return made


@pytest.fixture
def nowhere(pipeline: Pipeline) -> None:
    """MUNIMENT_URL names a port that nobody listens on."""
    pipeline.url = f"http://127.0.0.1:{free_port()}"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[0])
def test_nobody_there_is_3_for_questions_and_writes(
    nowhere: None, pipeline: Pipeline, command: tuple[str, ...]
) -> None:
    done = pipeline.run(*command, given=MANIFEST)
    assert (done.returncode, done.stdout) == (3, "")
    assert "the registry cannot be reached: " in done.stderr
    assert "refused" in done.stderr


def drip() -> Iterator[bytes]:
    while True:  # until who asked hangs up
        yield b" "
        time.sleep(0.1)


def late() -> Iterator[bytes]:
    time.sleep(2 * PATIENCE)
    yield b"{}"


NONSENSE = {
    "500": ("500 Internal Server Error", {"detail": "boom"}, {}),
    "a page": ("200 OK", b"<html>Sign in to the network</html>", {}),
    "malformed JSON": ("200 OK", b'{"allowed": true', {}),
    "a list": ("200 OK", [True], {}),
    "not UTF-8": ("200 OK", b'{"allowed": true, "model": "\xff"}', {}),
    "truth as text": ("200 OK", verdict(allowed="true"), {}),
    "no rows": ("200 OK", verdict(requirements=None), {}),
    "another version": ("200 OK", verdict(version=2), {}),
    "another environment": ("200 OK", verdict(environment="staging"), {}),
    "404 of somebody else": ("404 Not Found", {"error": "no route"}, {}),
    "cut short": ("200 OK", b'{"allowed": true}', {"Content_Length": "9000"}),
    "dripping": ("200 OK", drip, {}),
    "late": ("200 OK", late, {}),
    "too long": ("200 OK", b"[" * (17 * 2**20), {}),
    "not modified": ("304 Not Modified", b"", {}),
    "a redirect in a circle": ("302 Found", b"", {"Location": "/api/v1/gate"}),
    "a redirect to nowhere": ("302 Found", b"", {"Location": "http://[::1"}),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_3_and_never_open(server: StandIn, pipeline: Pipeline, name: str) -> None:
    status, body, headers = NONSENSE[name]
    server.says(body, status, **headers)
    done = pipeline.run("gate", *ASK, *QUICK)
    assert (done.returncode, done.stdout) == (3, ""), done.stderr


def test_a_question_is_repeated_after_a_failure_of_the_moment(server: StandIn, pipeline: Pipeline) -> None:
    server.says({}, "502 Bad Gateway")
    server.says(verdict())
    assert pipeline.run("gate", *ASK).returncode == 0
    assert len(server.heard) == 2


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_wait_a_server_asks_for_is_kept(server: StandIn, pipeline: Pipeline, form: str) -> None:
    moment = datetime.datetime.now(datetime.UTC).replace(microsecond=0) + datetime.timedelta(seconds=3)
    server.says(
        {}, "503 Busy", Retry_After="1" if form == "seconds" else email.utils.format_datetime(moment, usegmt=True)
    )
    server.says(verdict())
    assert pipeline.run("gate", *ASK).returncode == 0
    first, second = (one["at"] for one in server.heard)
    # A date may be over before it is read: then there is nothing to wait for.
    assert second >= moment.timestamp() if form == "date" else second - first >= 1


def test_a_wait_beyond_our_patience_is_not_begun(server: StandIn, pipeline: Pipeline) -> None:
    server.says({}, "429 Too Many Requests", Retry_After="86400")
    assert pipeline.run("gate", *ASK).returncode == 3
    assert len(server.heard) == 1


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[0])
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_the_key_follows_no_redirect_to_another_host(
    server: StandIn, stand_ins: Callable[..., StandIn], pipeline: Pipeline, command: tuple[str, ...], status: str
) -> None:
    elsewhere = stand_ins()
    elsewhere.says(verdict())
    server.says(b"", status, Location=f"{elsewhere.url}/api/v1/gate")
    done = pipeline.run(*command, *(("--timeout", "1m") if "wait" in command else ()), given=MANIFEST)
    assert (done.returncode, elsewhere.heard) == (3, [])
    assert f"it redirects to {elsewhere.url}" in done.stderr


def test_a_redirect_on_the_same_host_is_followed_by_questions_only(server: StandIn, pipeline: Pipeline) -> None:
    server.says(b"", "308 Moved", Location="/muniment/api/v1/gate")
    server.says(verdict())
    assert pipeline.run("gate", *ASK).returncode == 0
    assert [one["PATH_INFO"] for one in server.heard] == ["/api/v1/gate", "/muniment/api/v1/gate"]
    assert {one["HTTP_AUTHORIZATION"] for one in server.heard} == {f"Bearer {pipeline.key}"}
    server.answers = [("308 Moved", {"Location": "/elsewhere"}, b"")]
    done = pipeline.run("register", "-", given=MANIFEST)
    assert (done.returncode, "redirects a write" in done.stderr) == (3, True)


def certificate(folder: Path) -> ssl.SSLContext:
    """A certificate for 127.0.0.1 that nobody vouches for, as a server's context; its text lies in cert.pem."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "muniment")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    signed = made.add_extension(address, critical=False).sign(key, hashes.SHA256())
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *private))
    (folder / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_a_certificate_is_trusted_only_when_somebody_vouches_for_it(
    stand_ins: Callable[..., StandIn], pipeline: Pipeline, tmp_path: Path
) -> None:
    server = stand_ins(certificate(tmp_path))
    server.says(verdict())
    pipeline.url = server.url
    done = pipeline.run("gate", *ASK)
    assert (done.returncode, server.heard) == (3, [])
    assert "its certificate is not trusted" in done.stderr
    pipeline.environment["SSL_CERT_FILE"] = str(tmp_path / "cert.pem")
    assert pipeline.run("gate", *ASK).returncode == 0


def test_a_proxy_is_used_for_other_hosts_and_never_for_our_own(
    stand_ins: Callable[..., StandIn], server: StandIn, pipeline: Pipeline
) -> None:
    proxy = stand_ins()
    proxy.says(verdict())
    server.says(verdict())
    pipeline.environment |= {"http_proxy": proxy.url, "MUNIMENT_ALLOW_HTTP": "1"}
    assert pipeline.run("gate", *ASK).returncode == 0
    assert (len(server.heard), proxy.heard) == (1, [])
    pipeline.url = "http://muniment.test"
    assert pipeline.run("gate", *ASK).returncode == 0
    assert len(proxy.heard) == 1
    pipeline.environment["no_proxy"] = "muniment.test"
    assert pipeline.run("gate", *ASK, *QUICK).returncode == 3
    assert len(proxy.heard) == 1


def test_waiting_asks_less_and_less_often_and_says_what_it_knows(server: StandIn, pipeline: Pipeline) -> None:
    server.says(verdict(allowed=False), ETag='"one"')
    server.says(b"", "304 Not Modified")
    server.says({}, "503 Busy")
    server.says({}, "503 Busy")
    server.says({}, "503 Busy")
    server.says(verdict())
    done = pipeline.run("wait", *ASK, "--interval", "0.2")
    assert done.returncode == 0, done.stderr
    assert [one.get("HTTP_IF_NONE_MATCH") for one in server.heard] == [None, *['"one"'] * 5]
    times = [one["at"] for one in server.heard]
    # It waits no less than it means to, give or take a tenth.
    assert times[1] - times[0] >= 0.18 and times[2] - times[1] >= 0.27
    assert done.stderr.count("CLOSED retail/scoring 1") == 1
    assert "waiting; the registry cannot be reached (it answered 503)" in done.stderr


def test_waiting_outlives_a_restart_and_reports_3_when_it_ends_unreachable(server: StandIn, pipeline: Pipeline) -> None:
    server.says({}, "503 Busy")
    done = pipeline.run("wait", *ASK, "--timeout", "3", "--interval", "0.2")
    assert (done.returncode, "gave up after 3 s" in done.stderr) == (3, True)


def test_what_the_server_says_cannot_drive_the_terminal(server: StandIn, pipeline: Pipeline) -> None:
    rows = [{"key": "a\x1b[2J", "status": "UNSATISFIED", "message": "one\x1b]0;x\x07\r\n::warning::two\u202e"}]
    server.says(verdict(allowed=False, requirements=rows))
    done = pipeline.run("gate", *ASK)
    assert done.stdout.splitlines()[1:] == ["  a�[2J: one�]0;x�", "  a�[2J: ::warning::two�"]
    server.answers = [("403 Forbidden", {}, {"detail": f"no, {pipeline.key}\x1b[0m", "errors": {"a": "b"}})]
    assert pipeline.run("gate", *ASK).stderr == "muniment: refused (403): no, (key)�[0m\n  a: b\n"


WRONG: list[tuple[str, ...]] = [
    (),
    ("promote",),
    ("gate",),
    ("gate", "--environment", "production"),
    ("gate", "--environment", "production", "--model", "scoring"),
    ("gate", *ASK, "--digest", "sha256:00"),
    ("gate", "--environment", "production", "--digest", "sha256:00", "--version", "1"),
    ("gate", *ASK, "--version", "one"),
    ("gate", *ASK, "--cache", "file"),
    ("gate", *ASK, "--max-age", "5m"),
    ("gate", *ASK, "--cache", "file", "--max-age", "2d"),
    ("gate", *ASK, "--cache", "file", "--max-age", "25h"),
    ("gate", *ASK, "--api-key", "mun_pipe_secret"),
    ("wait", *ASK, "--timeout", "-1"),
    ("wait", *ASK, "--timeout", "0"),
    ("use", "loans"),
    ("register",),
    ("register", "missing.json"),
    ("register", "-", "--model", "scoring"),
    ("register", "--model", "scoring"),
    ("register", "--model", "scoring", "--artifact", "missing.bin"),
    ("register", "--dataset", "loans", "--label", "1"),
    ("register", "--release-to", "production"),
]


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_wrong_use_is_2_and_nothing_is_sent(server: StandIn, pipeline: Pipeline, arguments: tuple[str, ...]) -> None:
    server.says(verdict())
    done = pipeline.run(*arguments)
    assert (done.returncode, done.stdout, server.heard) == (2, "", [])
    assert done.stderr.startswith("muniment: ")


@pytest.mark.parametrize(
    "manifest",
    ["", "[]", "{}", '{"models": {}}', '{"model": 1}', '{"model": ["a"]}', '{"model": {"name": "a", "name": "b"}}',
     '{"release": {"environment": "production"}}', '{"dataset_version": {"digest": "file:missing"}}'],
)  # fmt: skip
def test_a_manifest_that_cannot_be_right_is_2_and_nothing_is_sent(
    server: StandIn, pipeline: Pipeline, manifest: str
) -> None:
    server.says(verdict())
    done = pipeline.run("register", "-", given=manifest)
    assert (done.returncode, server.heard) == (2, []), done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [("MUNIMENT_URL", ""), ("MUNIMENT_API_KEY", ""), ("MUNIMENT_URL", "muniment.example"), ("MUNIMENT_URL", "ftp://a"),
     ("MUNIMENT_URL", "https://user:secret@muniment.example"), ("MUNIMENT_URL", "https://muniment.example?a=b"),
     ("MUNIMENT_URL", "http://muniment.example"), ("MUNIMENT_URL", "http://127.0.0.1.muniment.example"),
     ("MUNIMENT_API_KEY", "two words"), ("MUNIMENT_API_KEY", "line\nbreak"), ("MUNIMENT_API_KEY", "schlüssel")],
)  # fmt: skip
def test_settings_that_cannot_be_right_are_2(pipeline: Pipeline, name: str, value: str) -> None:
    pipeline.environment[name] = value
    done = pipeline.run("gate", *ASK)
    assert (done.returncode, "MUNIMENT_" in done.stderr) == (2, True)
    assert not value or name == "MUNIMENT_URL" or value not in done.stderr
    assert "secret" not in done.stderr


class TestTheKeptAnswer:
    """`gate --cache FILE --max-age TIME`: an open answer serves for a while when the registry is down, and nothing else."""

    KEEP = ("--cache", "open.json", "--max-age", "1h")

    @pytest.fixture
    def down(self, server: StandIn, pipeline: Pipeline) -> StandIn:
        """An open answer was kept; now the registry answers 503."""
        server.says(verdict())
        assert pipeline.run("gate", *ASK, *self.KEEP).returncode == 0
        server.answers = [("503 Busy", {"Retry-After": "0"}, {})]
        return server

    def test_it_serves_while_the_registry_is_down_and_says_so(self, down: StandIn, pipeline: Pipeline) -> None:
        done = pipeline.run("gate", *ASK, *self.KEEP, "--json")
        assert done.returncode == 0
        assert "the registry cannot be reached (it answered 503). This is its answer of" in done.stderr
        assert json.loads(done.stdout)["cached_seconds_ago"] >= 0

    def test_it_serves_no_longer_than_permitted(self, down: StandIn, pipeline: Pipeline) -> None:
        time.sleep(0.3)
        assert pipeline.run("gate", *ASK, "--cache", "open.json", "--max-age", "0.2").returncode == 3

    def test_a_clock_put_back_makes_it_no_younger(self, down: StandIn, pipeline: Pipeline) -> None:
        self.change(pipeline, at=time.time() + 60)
        assert pipeline.run("gate", *ASK, *self.KEEP).returncode == 3

    def test_it_answers_its_own_question_only(self, down: StandIn, pipeline: Pipeline) -> None:
        assert pipeline.run("gate", *ASK, "--slot", "shadow", *self.KEEP).returncode == 3
        pipeline.url = pipeline.url.replace("127.0.0.1", "localhost")
        assert pipeline.run("gate", *ASK, *self.KEEP, *QUICK).returncode == 3

    def test_a_refusal_is_an_answer_and_not_overridden(self, down: StandIn, pipeline: Pipeline) -> None:
        down.answers = [("401 Unauthorized", {}, {"detail": "This key is not known."})]
        assert pipeline.run("gate", *ASK, *self.KEEP).returncode == 1

    def test_a_closed_answer_takes_it_away(self, down: StandIn, pipeline: Pipeline) -> None:
        down.answers = [("200 OK", {}, verdict(allowed=False))]
        assert pipeline.run("gate", *ASK, *self.KEEP).returncode == 1
        assert not (pipeline.folder / "open.json").exists()

    @pytest.mark.parametrize("mode", [0o620, 0o602])
    def test_one_that_others_could_have_written_is_not_believed(
        self, down: StandIn, pipeline: Pipeline, mode: int
    ) -> None:
        (pipeline.folder / "open.json").chmod(mode)
        assert pipeline.run("gate", *ASK, *self.KEEP).returncode == 3

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"at": "now"}'])
    def test_a_damaged_one_is_none(self, down: StandIn, pipeline: Pipeline, text: str) -> None:
        (pipeline.folder / "open.json").write_text(text, encoding="utf-8")
        assert pipeline.run("gate", *ASK, *self.KEEP).returncode == 3

    def test_one_that_was_closed_is_not_served(self, down: StandIn, pipeline: Pipeline) -> None:
        self.change(pipeline, answer=verdict(allowed=False))
        assert pipeline.run("gate", *ASK, *self.KEEP).returncode == 3

    def test_a_folder_that_takes_no_file_fails_no_open_gate(self, server: StandIn, pipeline: Pipeline) -> None:
        server.says(verdict())
        done = pipeline.run("gate", *ASK, "--cache", "missing/open.json", "--max-age", "5m")
        assert (done.returncode, "could not be kept" in done.stderr) == (0, True)

    @staticmethod
    def change(pipeline: Pipeline, **what: Any) -> None:
        file = pipeline.folder / "open.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **what}), encoding="utf-8")
        file.chmod(0o600)
