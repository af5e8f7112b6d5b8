#!/usr/bin/env python3
"""Muniment for pipelines: may it go live, wait until it may, register what was made, may this data be used.

Exit status: 0 open or done, 1 closed or refused, 2 wrong use, 3 the registry cannot be reached or answers nonsense.

The address stands in MUNIMENT_URL and the service account's key in MUNIMENT_API_KEY, never on the command line. This
one file, with Python 3.11 or later and nothing else, is the whole program: copy it, or install it with pip.
"""

import argparse
import contextlib
import email.utils
import hashlib
import http.client
import json
import os
import random
import re
import ssl
import stat
import sys
import tempfile
import threading
import time
import unicodedata
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

OPEN, CLOSED, WRONG_USE, UNREACHABLE = 0, 1, 2, 3
INTERRUPTED = 130  # by the keyboard, as in every shell
PASSING = ("SATISFIED", "NOT_APPLICABLE", "WAIVED")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
ATTEMPTS = 3
MOST_BYTES = 16 * 2**20
MOST_CACHED = 24 * 3600
#: Manifest key -> collection, in the order they are registered: what is named must be there first.
COLLECTIONS = {
    "dataset": "datasets",
    "dataset_version": "dataset-versions",
    "terms": "terms",
    "flag": "flags",
    "run": "runs",
    "model": "models",
    "model_version": "model-versions",
    "release": "releases",
}
#: States of a run that is over.
ENDED = ("complete", "failed", "aborted")
REFERENCES = ("dataset", "dataset_version", "model", "model_version", "source_run", "parent_version")


class Stop(Exception):
    """The end of the command: its exit status, and what to say."""

    def __init__(self, status: int, says: str) -> None:
        super().__init__(says)
        self.status = status


class Unreachable(Exception):
    """No answer of the registry's. `final`: asking again changes nothing; `wait`: seconds it asked for."""

    def __init__(self, says: str, *, final: bool = False, wait: float | None = None) -> None:
        super().__init__(says)
        self.final, self.wait = final, wait


@dataclass(frozen=True)
class Answer:
    """An answer of the registry: its status, its JSON object ({} with 304), its headers."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]


class Registry:
    """The registry over HTTP. The key leaves for the host of MUNIMENT_URL alone, whatever a redirect says."""

    def __init__(self, url: str, key: str, patience: float) -> None:
        """`patience`: seconds for one question, repetitions included. Raises Stop for an impossible address or key."""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise Stop(WRONG_USE, "MUNIMENT_URL is no address such as https://muniment.example.")
        if parts.username is not None:
            raise Stop(WRONG_USE, "MUNIMENT_URL must hold no user or password: the key belongs into MUNIMENT_API_KEY.")
        if not re.fullmatch(r"[!-~]{16,}", key):
            raise Stop(WRONG_USE, "MUNIMENT_API_KEY is too short for a key, or holds a character that no key has.")
        local = parts.hostname in LOOPBACK
        if parts.scheme == "http" and not local and os.environ.get("MUNIMENT_ALLOW_HTTP") != "1":
            raise Stop(WRONG_USE, "MUNIMENT_URL is http: the key would travel in the clear. Use https, or set "
                                  "MUNIMENT_ALLOW_HTTP=1 on a network where that is no matter.")  # fmt: skip
        self.url, self.key, self.patience = url.rstrip("/"), key, patience
        self.origin = _origin(url)
        # No handler of redirects or errors: both are looked at here. A proxy of the environment is for other hosts.
        self.opener = urllib.request.OpenerDirector()
        for handler in (urllib.request.ProxyHandler({} if local else None), urllib.request.HTTPHandler(),
                        urllib.request.HTTPSHandler(context=ssl.create_default_context())):  # fmt: skip
            self.opener.add_handler(handler)

    def get(self, path: str, query: Mapping[str, str], etag: str | None = None) -> Answer:
        """Ask. Raises Unreachable."""
        given = {"If-None-Match": etag} if etag else {}
        return self._ask("GET", f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}", None, given)

    def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Register; sent again it is the same record. Raises Unreachable."""
        sent = json.dumps(body, allow_nan=False).encode()
        return self._ask("POST", f"{self.url}/api/v1/{path}", sent, {"Content-Type": "application/json"})

    def _ask(self, method: str, address: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        end = time.monotonic() + self.patience
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._bounded(method, address, body, headers, end)
            except Unreachable as failure:
                pause = failure.wait if failure.wait is not None else 0.5 * attempt
                if failure.final or attempt == ATTEMPTS or time.monotonic() + pause >= end:
                    raise
                time.sleep(pause)
        raise AssertionError("the loop returns or raises")

    def _bounded(self, method: str, address: str, body: bytes | None, headers: Mapping[str, str], end: float) -> Answer:
        """In a thread, since a socket's timeout bounds neither the look-up of a name nor a server that drips."""
        found: list[Answer | Exception] = []

        def work() -> None:
            try:
                found.append(self._once(method, address, body, headers, end))
            except Exception as error:  # handed to the caller's thread, whatever it is
                found.append(error)

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        worker.join(max(end - time.monotonic(), 0))
        if not found:
            raise Unreachable(f"no answer within {self.patience:g} s")
        if isinstance(found[0], Answer):
            return found[0]
        if isinstance(found[0], OSError | http.client.HTTPException | ValueError):
            raise _failure(found[0])
        raise found[0]

    def _once(self, method: str, address: str, body: bytes | None, headers: Mapping[str, str], end: float) -> Answer:
        for _hop in range(5):
            request = urllib.request.Request(address, data=body, method=method, headers={
                "Accept": "application/json", "User-Agent": "muniment-cli", **headers})  # fmt: skip
            request.add_unredirected_header("Authorization", f"Bearer {self.key}")
            with self.opener.open(request, timeout=max(end - time.monotonic(), 0.1)) as response:
                if response.status not in (301, 302, 303, 307, 308):
                    return _read(response.status, response.headers, response.read(MOST_BYTES + 1))
                target = urllib.parse.urljoin(address, response.headers.get("Location", ""))
            if _origin(target) != self.origin:
                raise Unreachable(f"it redirects to {_origin(target)}, where the key does not go; if that is the "
                                  "registry, put its address into MUNIMENT_URL", final=True)  # fmt: skip
            if method != "GET":
                raise Unreachable("it redirects a write, which is not followed; mend MUNIMENT_URL", final=True)
            address = target
        raise Unreachable("it redirects in a circle", final=True)


def _origin(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    try:
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        port = None
    return f"{parts.scheme}://{parts.hostname}:{port}"


def _failure(error: Exception) -> Unreachable:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    untrusted = isinstance(reason, ssl.SSLCertVerificationError)
    says = f"its certificate is not trusted: {reason.verify_message}" if untrusted else str(reason)  # type: ignore[union-attr]  # an SSLCertVerificationError then
    return Unreachable(says or type(reason).__name__, final=untrusted)


def _read(status: int, headers: Mapping[str, str], text: bytes) -> Answer:
    if status == 304:
        return Answer(status, {}, headers)
    if status == 429 or status >= 500:
        raise Unreachable(f"it answered {status}", wait=_retry_after(headers))
    if len(text) > MOST_BYTES:
        raise Unreachable("its answer is too long to be one of Muniment's", final=True)
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Unreachable(f"it answered {status} without a JSON object: is MUNIMENT_URL the address of Muniment?")
    return Answer(status, body, headers)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from seconds or a date; None where it says nothing that can be read."""
    given = headers.get("Retry-After", "").strip()
    if given.isascii() and given.isdigit():
        return float(given[:9])
    with contextlib.suppress(ValueError):
        return max(email.utils.parsedate_to_datetime(given).timestamp() - time.time(), 0.0)
    return None


# --- What is asked ---------------------------------------------------------------------------------------------------


def gate_question(args: argparse.Namespace) -> dict[str, str]:
    """The gate's parameters. Raises Stop unless the version is named one way."""
    if (args.digest is not None) == (args.model is not None and args.version is not None) or (
        args.digest is not None and (args.model, args.version) != (None, None)
    ):
        raise Stop(WRONG_USE, "Name what is to go live: --model and --version, or --digest.")
    given = {name: getattr(args, name) for name in ("model", "version", "digest", "environment", "slot", "namespace")}
    return {name: str(value) for name, value in given.items() if value is not None}


def gate_answer(registry: Registry, question: Mapping[str, str], etag: str | None = None) -> Answer:
    """The gate's answer to this very question. Raises Unreachable for anything else, Stop for a refusal."""
    answer = registry.get("gate", question, etag)
    if answer.status == 304 and etag:
        return answer
    body = accepted(answer)
    rows = body.get("requirements")
    echoed = all(str(body.get(name)) == value for name, value in question.items() if name != "digest")
    if not isinstance(body.get("allowed"), bool) or not isinstance(rows, list) or not echoed or not all(
        isinstance(row, dict) and isinstance(row.get("status"), str) for row in rows
    ):  # fmt: skip
        raise Unreachable("its answer is not the gate's answer to this question", final=True)
    return answer


def accepted(answer: Answer) -> dict[str, Any]:
    """The body of a success. Raises Stop with the registry's own sentences: 2 where the question was wrong, else 1."""
    if answer.status in (200, 201):
        return answer.body
    problem = answer.body
    if not isinstance(problem.get("detail"), str):
        raise Unreachable(f"it answered {answer.status} in no words of Muniment's", final=True)
    says = [f"refused ({answer.status}): {problem['detail']}"]
    faults = problem.get("errors")
    for field, sentences in faults.items() if isinstance(faults, dict) else ():
        says += [f"  {field}: {sentence}" for sentence in (sentences if isinstance(sentences, list) else [sentences])]
    raise Stop(WRONG_USE if answer.status in (400, 405, 406, 413, 414, 415, 422) else CLOSED, "\n".join(says))


def gaps(body: Mapping[str, Any]) -> list[str]:
    """What is not met, one line each: the requirement's key, and the sentence that says what to do."""
    unmet = [row for row in body["requirements"] if row["status"] not in PASSING]
    lines = [(row, line) for row in unmet for line in str(row.get("message") or row.get("reason")).splitlines()]
    return [f"  {plain(row.get('key'))}: {plain(line)}" for row, line in lines]


def gate_lines(body: Mapping[str, Any]) -> list[str]:
    """The answer as people read it."""
    what = f"{body.get('namespace')}/{body.get('model')} {body.get('version')} → {body.get('environment')}"
    found = gaps(body)
    count = f": {len(found)} to do" if found else ""
    return [plain(f"{'OPEN' if body['allowed'] else 'CLOSED'} {what} ({body.get('slot')}){count}"), *found]


def plain(text: object) -> str:
    """On one line, without characters that would move the cursor, colour the terminal or turn the text around."""
    line = " ".join(str(text).split())
    return "".join("�" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c for c in line)


# --- The last open answer, for when the registry is down -------------------------------------------------------------


def keep(path: Path, question: Mapping[str, str], url: str, body: Mapping[str, Any]) -> None:
    """Keep an open answer; a closed one takes the kept one away."""
    if not body["allowed"]:
        path.unlink(missing_ok=True)
        return
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=path.name, delete=False, encoding="utf-8") as file:
        json.dump({"url": url, "question": dict(question), "at": time.time(), "answer": body}, file)
    Path(file.name).replace(path)  # made with mode 600; whole or not at all


def kept(path: Path, question: Mapping[str, str], url: str, max_age: float) -> tuple[dict[str, Any], float] | None:
    """The open answer kept for this question and its age in seconds; None where there is none that may be used."""
    try:
        with path.open(encoding="utf-8") as file:
            about = os.fstat(file.fileno())
            found = json.load(file)
        age = time.time() - found["at"]
        same = (found["url"], found["question"]) == (url, dict(question)) and found["answer"]["allowed"] is True
    except (OSError, ValueError, KeyError, TypeError):
        return None
    mine = os.name != "posix" or (about.st_uid == os.geteuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
    return (found["answer"], age) if same and mine and 0 <= age <= max_age else None


# --- The commands ----------------------------------------------------------------------------------------------------


def gate(registry: Registry, args: argparse.Namespace) -> int:
    """May it be promoted?"""
    question = gate_question(args)
    if (args.cache is None) != (args.max_age is None):
        raise Stop(WRONG_USE, "--cache and --max-age go together.")
    try:
        body: dict[str, Any] = gate_answer(registry, question).body
    except Unreachable as failure:
        found = kept(args.cache, question, registry.url, args.max_age) if args.cache else None
        if found is None:
            raise
        body = {**found[0], "cached_seconds_ago": round(found[1])}
        say(f"muniment: the registry cannot be reached ({plain(failure)}). This is its answer of {found[1]:.0f} s ago, "
            f"which --max-age permits for {args.max_age:.0f} s.")  # fmt: skip
    else:
        if args.cache:
            try:
                keep(args.cache, question, registry.url, body)
            except OSError as error:
                say(f"muniment: the answer could not be kept in {plain(args.cache)}: {plain(error.strerror)}")
    show(args, body, gate_lines)
    return OPEN if body["allowed"] else CLOSED


def wait(registry: Registry, args: argparse.Namespace) -> int:
    """Until it may be promoted, the time is up, or the release ends."""
    question = gate_question(args)
    end = time.monotonic() + args.timeout
    pause, etag, told = args.interval, None, None
    body: dict[str, Any] | None = None
    while True:
        asked, failed = pause, None
        registry.patience = min(args.request_timeout, max(end - time.monotonic(), 1.0))
        try:
            answer = gate_answer(registry, question, etag)
        except Unreachable as failure:
            if failure.final:
                raise
            failed, asked = failure, max(failure.wait or 0, pause)
        else:
            asked = max(_retry_after(answer.headers) or 0, pause)
            if answer.status != 304:
                body, etag = answer.body, answer.headers.get("ETag")
                if body["allowed"]:
                    show(args, body, gate_lines)
                    return OPEN
                if ended := ending(body):
                    show(args, body, gate_lines)
                    raise Stop(CLOSED, ended)
        news = (
            [f"muniment: waiting; the registry cannot be reached ({plain(failed)})"]
            if failed
            else gate_lines(body or {})
        )
        if news != told:
            say("\n".join(news))
            told = news
        asked *= random.uniform(0.9, 1.1)  # many pipelines need not ask in step
        if time.monotonic() + asked >= end:
            break
        time.sleep(asked)
        pause = min(pause * 1.5, max(60.0, args.interval))
    if failed:
        raise Unreachable(f"{failed}; gave up after {args.timeout:g} s", final=True)
    show(args, body or {}, gate_lines)
    raise Stop(CLOSED, f"still closed after {args.timeout:g} s.")


def ending(body: Mapping[str, Any]) -> str | None:
    """Why waiting is in vain: the release is over. Where none was ever opened, one may still be."""
    if body.get("release") is None or all(row.get("reason") != "no-release" for row in body["requirements"]):
        return None
    return f"release {body['release']} is over: nothing will open it. Open another to try again."


def register(registry: Registry, args: argparse.Namespace) -> int:
    """Register what a manifest or the options say, in order; the first refusal stops it."""
    manifest, folder = read_manifest(args)
    made: dict[str, list[dict[str, Any]]] = {}
    receipts = []
    for key, body in bodies(manifest, folder):
        if key == "release" and "model_version" not in body:
            versions = made.get("model_version", [])
            if len(versions) != 1:
                raise Stop(WRONG_USE, "A release without model_version takes the manifest's only one.")
            body["model_version"] = versions[0]["id"]
        ended = body.pop("state") if key == "run" and "ended_at" not in body and body.get("state") in ENDED else None
        try:
            answer = registry.post(COLLECTIONS[key], body)
            record = accepted(answer)
            if ended:  # its end is now; sent again, it is the end that stands there
                accepted(registry.post(f"runs/{record.get('id')}/end", {"state": ended}))
        except Stop as refusal:
            raise Stop(refusal.status, f"{key} {refusal}") from None
        receipt = record.get("receipt")
        if not isinstance(record.get("id"), int) or not isinstance(receipt, dict):
            raise Unreachable(f"its answer to {key} has no receipt", final=True)
        made.setdefault(key, []).append(record)
        new = "registered" if answer.status == 201 else "was there"
        receipts.append({"kind": key, "id": record["id"], "new": answer.status == 201, "receipt": receipt})
        if not args.json:
            # The number is what `gate --version` asks for; it is not the id.
            number = f" (version {plain(record.get('number'))})" if key == "model_version" else ""
            say(f"{key} {record['id']}{number} {new}, ledger entry {plain(receipt.get('ledger_entry'))}", sys.stdout)
    if args.json:
        say(json.dumps({"registered": receipts}, indent=2), sys.stdout)
    return OPEN


def read_manifest(args: argparse.Namespace) -> tuple[dict[str, Any], Path]:
    """The manifest, and the folder its files are named from. Raises Stop."""
    options = ("dataset", "label", "data", "run", "job", "model", "artifact", "release_to")
    given = [name for name in options if getattr(args, name) is not None]
    if (args.manifest is not None) == bool(given):
        raise Stop(WRONG_USE, "Give a manifest, or options such as --model and --artifact.")
    if args.manifest is None:
        return from_options(args), Path()
    try:
        text = sys.stdin.read() if args.manifest == "-" else Path(args.manifest).read_text(encoding="utf-8")
        manifest = json.loads(text, object_pairs_hook=_once_each)
    except OSError as error:
        raise Stop(WRONG_USE, f"{plain(args.manifest)}: {error.strerror}") from None
    except ValueError as error:
        raise Stop(WRONG_USE, f"{plain(args.manifest)} is no JSON: {plain(error)}") from None
    if not isinstance(manifest, dict) or not manifest:
        raise Stop(WRONG_USE, 'A manifest is an object such as {"model": {…}, "model_version": {…}}.')
    if unknown := sorted(set(manifest) - set(COLLECTIONS) - {"namespace"}):
        raise Stop(WRONG_USE, f"The manifest holds {plain(unknown[0])}. Known: {', '.join(COLLECTIONS)}, namespace.")
    return manifest, Path() if args.manifest == "-" else Path(args.manifest).parent


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a key stands there twice")
    return found


def from_options(args: argparse.Namespace) -> dict[str, Any]:
    """The manifest that the options stand for: one dataset version, one run on it, one model version out of it."""
    for wants, needed in (("dataset", ("label", "data")), ("label", ("dataset",)), ("data", ("dataset",)),
                          ("run", ("job",)), ("job", ("run",)), ("model", ("artifact",)), ("artifact", ("model",)),
                          ("release_to", ("model",))):  # fmt: skip
        for other in needed:
            if getattr(args, wants) is not None and getattr(args, other) is None:
                raise Stop(WRONG_USE, f"--{wants.replace('_', '-')} needs --{other}.")
    data, artifact = (
        given if given is None or re.fullmatch(r"[a-z0-9_]+:[0-9a-f]{64,128}", given) else f"file:{given}"
        for given in (args.data, args.artifact)
    )
    made: dict[str, Any] = {"namespace": args.namespace} if args.namespace else {}
    if args.dataset is not None:
        made["dataset"] = {"name": args.dataset}
        made["dataset_version"] = {"dataset": {"name": args.dataset}, "label": args.label, "digest": data}
    if args.run is not None:
        read = {"dataset": args.dataset, "label": args.label, "digest": data}
        made["run"] = {"run_key": args.run, "job_name": args.job, "state": "complete"}
        made["run"]["inputs"] = [{"dataset_version": read, "role": "training"}] if args.dataset is not None else []
    if args.model is not None:
        made["model"] = {"name": args.model}
        made["model_version"] = {"model": {"name": args.model}, "digest": artifact}
        if args.run is not None:
            made["model_version"]["source_run"] = {"run_key": args.run}
    if args.release_to is not None:
        made["release"] = {"environment": args.release_to}
    return made


def bodies(manifest: Mapping[str, Any], folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """What is sent, in order: digests of files worked out, the manifest's namespace put in. Raises Stop."""
    found = []
    for key in COLLECTIONS:
        given = manifest.get(key, [])
        for body in given if isinstance(given, list) else [given]:
            if not isinstance(body, dict):
                raise Stop(WRONG_USE, f"In the manifest, {key} is an object or a list of objects.")
            whole = _whole(body, folder, manifest.get("namespace"))
            if key in ("dataset", "run", "model") and "namespace" in manifest:
                whole.setdefault("namespace", manifest["namespace"])
            found.append((key, whole))
    return found


def _whole(value: Any, folder: Path, namespace: Any) -> Any:
    if isinstance(value, list):
        return [_whole(one, folder, namespace) for one in value]
    if not isinstance(value, dict):
        return value
    made = {key: _whole(inner, folder, namespace) for key, inner in value.items()}
    if isinstance(made.get("digest"), str) and made["digest"].startswith("file:"):
        made["digest"] = file_digest(folder / made["digest"].removeprefix("file:"))
    for key in REFERENCES:
        if namespace is not None and isinstance(made.get(key), dict):
            made[key].setdefault("namespace", namespace)
    return made


def file_digest(path: Path) -> str:
    """sha256:… of a file, or of a folder: of the list of its files as `sha256sum` writes it. Raises Stop."""
    try:
        if path.is_dir():
            return f"sha256:{hashlib.sha256(_listed(path)).hexdigest()}"
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise Stop(WRONG_USE, f"{plain(path)}: {error.strerror}") from None


def _listed(folder: Path) -> bytes:
    """A line for each file below a folder, in the order of the paths' bytes. Raises Stop, OSError."""
    files = {os.fsencode(one.relative_to(folder).as_posix()): one for one in folder.rglob("*") if one.is_file()}
    lines = []
    for name in sorted(files):
        if any(mark in name for mark in (b"\n", b"\r", b"\\")):
            raise Stop(WRONG_USE, f"{plain(files[name])}: a digest cannot name this path")
        with files[name].open("rb") as file:
            lines.append(hashlib.file_digest(file, "sha256").hexdigest().encode() + b"  " + name + b"\n")
    if not lines:
        raise Stop(WRONG_USE, f"{plain(folder)}: no file lies in it")
    return b"".join(lines)


def digest(path: Path) -> int:
    """The digest of a file or folder, as the registry keeps it; asks nobody."""
    say(file_digest(path), sys.stdout)
    return OPEN


ASSIGNMENT = "muniment-ab/1"
"""Name of the rule, which is part of what is hashed."""


def assigned(key: str, champion: Fraction, unit: str) -> str:
    """The arm of a trial that a unit meets; docs/trials.md has the rule and vectors. Raises Stop for no UTF-8."""
    try:
        hashed = hashlib.sha256(f"{ASSIGNMENT}\n{key}\n{unit}".encode()).digest()
    except UnicodeEncodeError:
        raise Stop(WRONG_USE, f"{plain(unit)}: a unit is text that has a UTF-8 form") from None
    place = int.from_bytes(hashed[:8], "big")
    return "champion" if place * champion.denominator < champion.numerator * 2**64 else "challenger"


def assign(args: argparse.Namespace) -> int:
    """The arm of each unit, from the command line or one a line from standard input; asks nobody."""
    for unit in args.units or _lines_of(sys.stdin.buffer):
        print(f"{plain(unit)}\t{assigned(args.key, 1 - args.challenger_share, unit)}")
    return OPEN


def _lines_of(file: BinaryIO) -> Iterator[str]:
    """Units as the rule takes them: UTF-8 whatever the locale, and all that stands before a line feed. Raises Stop."""
    for number, line in enumerate(file, start=1):
        try:
            unit = line.removesuffix(b"\n").decode("utf-8")
        except UnicodeDecodeError:
            raise Stop(WRONG_USE, f"line {number} is not UTF-8: a unit is text that has a UTF-8 form") from None
        if unit.endswith("\r"):
            says = "a carriage return, which would be part of the unit: end lines with a line feed alone"
            raise Stop(WRONG_USE, f"line {number} ends with {says}")
        yield unit


def profile(registry: Registry | None, args: argparse.Namespace) -> int:
    """Count what is in a data file where it lies; hand in the counts, never a row."""
    document = measured(args)
    if args.out is not None:
        args.out.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    if registry is None:
        if args.out is None:
            say(json.dumps(document, allow_nan=False), sys.stdout)
        return OPEN
    body = accepted(registry.post(f"dataset-versions/{args.version}/profiles", document))
    show(args, body, lambda told: [plain(f"profile {told.get('id')}: {document['rows']:,} rows")])
    return OPEN


def measured(args: argparse.Namespace) -> dict[str, Any]:
    """The profile's document. Raises Stop."""
    try:
        if __package__:
            from . import muniment_profile
        else:
            sys.path.append(str(Path(__file__).resolve().parent))  # python -I, as `make` runs it, does not look there
            import muniment_profile  # type: ignore[import-not-found, no-redef]  # installed beside this file
    except ImportError:
        raise Stop(WRONG_USE, "Profiling takes more than this file: pip install 'muniment[profile]'.") from None
    against: dict[str, list[float]] = {}
    rules: list[str] = []
    asking = args.against
    try:
        if args.against is not None:
            known = json.loads(args.against.read_text(encoding="utf-8"))
            against = {one["name"]: one["edges"] for one in known["columns"] if one.get("edges")}
        if args.expectations is not None:
            asking = args.expectations
            items = json.loads(args.expectations.read_text(encoding="utf-8"))["items"]
            rules = [str(one["rule"]) for one in items if one.get("rule")]
        found: dict[str, Any] = muniment_profile.profile(
            args.file,
            limits=muniment_profile.Limits(seconds=args.seconds, memory=args.memory * 2**20, rows=args.rows),
            reading=muniment_profile.Reading(
                encoding=args.encoding, delimiter="\t" if args.delimiter == "tab" else args.delimiter,
                header=not args.no_header, nulls=("", *(args.null or ())),
            ),
            against=against, rules=rules,
        )  # fmt: skip
    except muniment_profile.Unreadable as fault:
        raise Stop(WRONG_USE, f"{args.file}: {fault}") from None
    except OSError as error:
        raise Stop(WRONG_USE, f"{error.filename or args.file}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        what = "profile" if asking == args.against else "list of expectations"
        raise Stop(WRONG_USE, f"{asking}: this is no {what}") from None
    return found


def use(registry: Registry, args: argparse.Namespace) -> int:
    """May this data be used for this purpose, in these places, and kept in those?"""
    given = {"dataset": args.dataset, "purpose": args.purpose, "namespace": args.namespace, "version": args.version}
    question = {name: value for name, value in given.items() if value is not None}
    for name in ("place", "storage"):
        if getattr(args, name):
            question[name] = ",".join(getattr(args, name))
    body = accepted(registry.get("use", question))
    if not isinstance(body.get("allowed"), bool) or body.get("dataset") != args.dataset or not isinstance(
        body.get("problems"), list
    ):  # fmt: skip
        raise Unreachable("its answer is not the answer to this question", final=True)
    show(args, body, use_lines)
    return OPEN if body["allowed"] else CLOSED


def use_lines(body: Mapping[str, Any]) -> list[str]:
    """The answer as people read it."""
    what = f"{body.get('namespace')}/{body['dataset']} for {body.get('purpose')}"
    until = f", until {body['until']}" if body.get("until") else ""
    problems = [f"  {plain(p.get('message') if isinstance(p, dict) else p)}" for p in body["problems"]]
    return [plain(f"{'ALLOWED' if body['allowed'] else 'NOT ALLOWED'} {what}{until}"), *problems]


# --- The terminal ----------------------------------------------------------------------------------------------------


def say(text: str, stream: Any = None) -> None:
    """Print at once, so that a pipeline's log shows it while we wait."""
    print(text, file=stream or sys.stderr, flush=True)


def show(args: argparse.Namespace, body: Mapping[str, Any], lines: Callable[[Mapping[str, Any]], list[str]]) -> None:
    """The answer on standard output: as JSON, or a line for each thing to do."""
    say(json.dumps(body, indent=2, ensure_ascii=True) if args.json else "\n".join(lines(body)), sys.stdout)


class Parser(argparse.ArgumentParser):
    """argparse, in sentences."""

    def error(self, message: str) -> NoReturn:
        """Exit with 2."""
        raise Stop(WRONG_USE, f"{message}. Try {self.prog} --help.")


def seconds(text: str) -> float:
    """90, 90s, 15m, 2h. Raises ArgumentTypeError."""
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]+)?)([smh]?)", text)
    if not found or float(found[1]) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 90, 15m or 2h")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


def share(text: str) -> Fraction:
    """0.1 or 1/10, exactly. Raises ArgumentTypeError."""
    if re.fullmatch(r"0?\.[0-9]{1,30}|[0-9]{1,9}/[1-9][0-9]{0,8}", text):
        found = Fraction(text)
        if 0 < found < 1:
            return found
    raise argparse.ArgumentTypeError(f"{text!r} is no share between 0 and 1 such as 0.1")


def _trial_key(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{32}", text):
        raise argparse.ArgumentTypeError("a trial's key has 32 hexadecimal digits; it stands on the trial's page")
    return text


def _age(text: str) -> float:
    if seconds(text) > MOST_CACHED:
        raise argparse.ArgumentTypeError("an answer may be a day old at most")
    return seconds(text)


def parser() -> Parser:
    """The command line."""
    main = Parser(prog="muniment", description="Muniment for pipelines.", allow_abbrev=False, epilog=(
        "Reads MUNIMENT_URL and MUNIMENT_API_KEY. Exit status: 0 open or done, 1 closed or refused, 2 wrong use, "
        "3 the registry cannot be reached."))  # fmt: skip
    commands = main.add_subparsers(
        dest="command", required=True, metavar="gate | wait | register | use | profile | digest | assign"
    )

    def command(name: str, act: Callable[[Registry, argparse.Namespace], int], says: str) -> Parser:
        made: Parser = commands.add_parser(name, help=says, description=says, allow_abbrev=False)
        made.set_defaults(act=act)
        made.add_argument("--json", action="store_true", help="the registry's answer as JSON")
        made.add_argument("--namespace", help="left out: the home of the service account")
        made.add_argument("--request-timeout", type=seconds, default=30.0, metavar="TIME",
                          help="for one question, repetitions included; default 30s")  # fmt: skip
        return made

    asked = command("gate", gate, "May a version go live?"), command("wait", wait, "Wait until a version may go live.")
    for one in asked:
        one.add_argument("--model")
        one.add_argument("--version", type=int, metavar="NUMBER")
        one.add_argument("--digest", help="of the artifact, instead of --model and --version")
        one.add_argument("--environment", required=True)
        one.add_argument("--slot", default="champion", help="champion (default), challenger or shadow")
    asked[0].add_argument(
        "--cache", type=Path, metavar="FILE", help="keep an open answer for when the registry is down"
    )
    asked[0].add_argument("--max-age", type=_age, metavar="TIME", help="how old it may be then, such as 15m")
    asked[1].add_argument("--timeout", type=seconds, default=3600.0, metavar="TIME", help="default 1h")
    asked[1].add_argument("--interval", type=seconds, default=2.0, metavar="TIME",
                          help="between the first questions, 2s; it grows to a minute")  # fmt: skip
    made = command("register", register, "Register data, a run, a model version, a release; again is the same.")
    made.add_argument("manifest", nargs="?", help="JSON file, or - for standard input")
    for name, says in (("dataset", "name"), ("label", "of the dataset version"), ("data", "file, or sha256:…"),
                       ("run", "key of the run"), ("job", "name of the job"), ("model", "name"),
                       ("artifact", "file, or sha256:…"), ("release-to", "environment")):  # fmt: skip
        made.add_argument(f"--{name}", help=says, metavar=name.upper())
    asks = command("use", use, "May this data be used for a purpose?")
    asks.add_argument("dataset")
    asks.add_argument("--purpose", required=True, help="such as dpv:CreditChecking")
    asks.add_argument("--place", action="append", help="where the model is to decide, such as DE; once for each place")
    asks.add_argument(
        "--storage", action="append", help="where the data is to be kept, such as EU; once for each place"
    )
    asks.add_argument("--version", help="label; left out, the newest")
    counts = command("profile", profile, "Count what is in a data file, here; hand in the counts, never a row.")
    counts.add_argument("file", type=Path, help="CSV, Parquet or JSON lines, with gzip around it or not")
    counts.add_argument("--version", type=int, metavar="ID", help="of the dataset version it is; left out, asks nobody")
    counts.add_argument("--out", type=Path, metavar="FILE", help="where to write the profile")
    counts.add_argument(
        "--expectations",
        type=Path,
        metavar="FILE",
        help="what GET /api/v1/expectations/ID answers: its rules between columns are evaluated",
    )
    counts.add_argument("--against", type=Path, metavar="FILE", help="another profile, to count at its edges too")
    counts.add_argument("--encoding", default="", help="of a text that is no UTF-8, such as cp1252 or euc-kr")
    counts.add_argument("--delimiter", default="", help="of a CSV; one character, or tab")
    counts.add_argument("--no-header", action="store_true", help="the first line of a CSV is data")
    counts.add_argument("--null", action="append", metavar="TEXT", help="what a CSV writes for no value, such as NA")
    counts.add_argument("--rows", type=int, default=0, metavar="NUMBER", help="count the first ones alone")
    counts.add_argument("--seconds", type=seconds, default=3600.0, metavar="TIME", help="at most; default 1h")
    counts.add_argument("--memory", type=int, default=2048, metavar="MIB", help="at most; default 2048")
    says = "The digest of a file or folder, as the registry keeps it; asks nobody."
    hashes: Parser = commands.add_parser("digest", help=says, description=says, allow_abbrev=False)
    hashes.add_argument("path", type=Path)
    says = "The arm of a trial that each unit meets, by the published rule; asks nobody."
    assigns: Parser = commands.add_parser("assign", help=says, description=says, allow_abbrev=False)
    assigns.add_argument(
        "units", nargs="*", metavar="UNIT", help="ids of units; left out: one a line from standard input"
    )
    assigns.add_argument("--key", type=_trial_key, required=True, help="the trial's, from its page or the API")
    assigns.add_argument("--challenger-share", type=share, required=True, metavar="SHARE", help="such as 0.1")
    return main


def main(arguments: list[str] | None = None) -> int:
    """Run a command; its exit status. Nothing that is printed holds the key."""
    secrets: list[str] = []
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter must not fail the pipeline
    try:
        args = parser().parse_args(arguments)
        if args.command in ("digest", "assign"):
            return digest(args.path) if args.command == "digest" else assign(args)
        if args.command == "profile" and args.version is None:
            return profile(None, args)
        missing = [name for name in ("MUNIMENT_URL", "MUNIMENT_API_KEY") if not os.environ.get(name, "").strip()]
        if missing:
            raise Stop(WRONG_USE, f"Set {' and '.join(missing)}.")
        key = os.environ["MUNIMENT_API_KEY"].strip()
        registry = Registry(os.environ["MUNIMENT_URL"].strip(), key, args.request_timeout)
        secrets = [key]
        act: Callable[[Registry, argparse.Namespace], int] = args.act
        return act(registry, args)
    except Stop as stop:
        status, says = stop.status, "\n".join(plain(line) if n == 0 else f"  {plain(line)}" for n, line in
                                              enumerate(str(stop).splitlines()))  # fmt: skip
    except Unreachable as failure:
        status, says = UNREACHABLE, plain(f"the registry cannot be reached: {failure}. Nothing may be taken for open.")
    except KeyboardInterrupt:
        status, says = INTERRUPTED, "interrupted."
    for secret in secrets:
        says = says.replace(secret, "(key)")
    say(f"muniment: {says}")
    return status


if __name__ == "__main__":
    sys.exit(main())
