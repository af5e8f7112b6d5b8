"""The log over HTTP: tiles and checkpoints for anyone, proofs for the signed in, entries for auditors."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from governance.ledger import merkle
from governance.ledger.verifier import canonical_json, open_checkpoint
from governance.ledger.views import parse_tile_path, tile_path
from tests.governance.ledger.conftest import Log

Signed = Callable[[str], Client]


def test_a_client_written_by_others_can_follow_the_log(log: Log) -> None:
    """Checkpoint and tiles alone, with no sign-in, give the signed root."""
    client = Client()
    assert client.get("/log/checkpoint").status_code == 404
    log.write(3)
    log.seal()
    log.write(250)
    log.seal()
    answer = client.get("/log/checkpoint")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    head = open_checkpoint(answer.content, log.key.name, log.key.verifier)
    assert head.size > 256

    def fetch(level: int, index: int, width: int) -> bytes:
        tile = client.get(f"/log/tile/{tile_path(level, index, width)}")
        assert tile.status_code == 200, tile_path(level, index, width)
        assert tile["Content-Type"] == "application/octet-stream"
        assert "immutable" in tile["Cache-Control"]
        return bytes(tile.content)

    assert merkle.tree_root(head.size, fetch) == head.root
    assert fetch(0, 0, 256)[:32] == log.one("SELECT leaf_hash FROM governance_ledgerposition WHERE position = 0")
    assert client.post("/log/checkpoint").status_code == 405


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("0/000", (0, 0, 256)),
        ("0/x001/x234/067", (0, 1234067, 256)),
        ("3/999.p/255", (3, 999, 255)),
        ("1/x001/067.p/1", (1, 1067, 1)),
    ],
)
def test_the_paths_of_the_standard(path: str, place: tuple[int, int, int]) -> None:
    assert parse_tile_path(path) == place
    assert tile_path(*place) == path


@pytest.mark.parametrize(
    "path",
    ["", "0", "0/0", "0/0000", "00/000", "64/000", "-1/000", "0/x000/001", "0/x001", "0/000.p/0", "0/000.p/256",
     "0/000.p/01", "0/000/", "0/000.p", "0/٠٠٠", "0/001/067", "entries/000", "0/" + "x999/" * 40 + "999", "0/000\n"],
)  # fmt: skip
def test_no_other_spelling_is_a_tile(path: str) -> None:
    assert parse_tile_path(path) is None


@given(st.integers(0, 63), st.integers(0, (1 << 55) - 1), st.integers(1, 256))
def test_each_tile_has_one_path(level: int, index: int, width: int) -> None:
    assert parse_tile_path(tile_path(level, index, width)) == (level, index, width)


@given(st.text(alphabet="0123456789x/.p", max_size=30))
def test_what_is_read_is_spelt_as_it_was_read(path: str) -> None:
    place = parse_tile_path(path)
    assert place is None or tile_path(*place) == path


def test_an_unknown_tile_is_not_found(log: Log) -> None:
    log.seal()
    for path in ("0/999", "63/000", "entries/000", "0/x000/000"):
        assert Client().get(f"/log/tile/{path}").status_code == 404


def test_an_auditor_reads_the_entries_in_their_order(log: Log, signed_in: Signed) -> None:
    log.write(4)
    log.seal()
    auditor = signed_in("auditor")
    rows: list[dict[str, Any]] = []
    url = "/api/v1/log?limit=20"
    while url:
        page = auditor.get(url).json()
        rows += page["results"]
        url = page["next"]
    assert [row["position"] for row in rows] == list(range(log.one("SELECT count(*) FROM governance_ledgerposition")))
    last = rows[-1]
    assert last["leaf"]["table"] == "governance_namespace"
    assert last["leaf_hash"] == merkle.leaf_hash(canonical_json(last["leaf"]).encode()).hex()
    assert "Größe" not in str(rows)  # the body is nobody's to read here
    assert auditor.get("/api/v1/log?since=3&limit=1").json()["results"][0]["position"] == 3


def test_others_read_no_entries(log: Log, signed_in: Signed, api: Callable[[str], Any]) -> None:
    log.seal()
    assert Client().get("/api/v1/log").status_code == 401
    for name in ("risk", "viewer", "outsider"):
        assert signed_in(name).get("/api/v1/log").status_code == 403
    assert api("pipeline").get("/api/v1/log").status_code == 403


def test_an_inclusion_proof_verifies(log: Log, signed_in: Signed) -> None:
    log.write(5)
    entry = log.one("SELECT ledger_entry_id FROM governance_historicalnamespace WHERE name = 'log-3'")
    url = f"/api/v1/log/proof/inclusion?entry={entry}"
    assert signed_in("viewer").get(url).status_code == 409
    log.seal()
    answer = signed_in("auditor").get(url).json()
    head = open_checkpoint(answer["checkpoint"]["note"].encode(), log.key.name, log.key.verifier)
    leaf = hashlib.sha256(b"\0" + answer["leaf"].encode()).digest()
    proof = [bytes.fromhex(item) for item in answer["proof"]]
    assert leaf.hex() == answer["leaf_hash"]
    assert merkle.verify_inclusion(leaf, answer["position"], head.size, proof, head.root)
    others = signed_in("viewer").get(url).json()
    assert others["leaf"] is None, "a proof tells a viewer nothing of another's change"
    assert others["proof"] == answer["proof"]
    assert signed_in("admin").get(url).json()["leaf"] == answer["leaf"], "who made the change may see it"


def test_a_consistency_proof_verifies(log: Log, signed_in: Signed) -> None:
    viewer = signed_in("viewer")
    assert viewer.get("/api/v1/log/proof/consistency?from=1").status_code == 404
    sizes = []
    for _ in range(3):
        log.write(3)
        sizes.append(log.seal().size)
    roots = dict(log.superuser.execute("SELECT size, root FROM governance_ledgercheckpoint").fetchall())
    for first, second in ((sizes[0], sizes[1]), (sizes[0], sizes[2]), (sizes[2], sizes[2])):
        answer = viewer.get(f"/api/v1/log/proof/consistency?from={first}&to={second}").json()
        head = open_checkpoint(answer["checkpoint"]["note"].encode(), log.key.name, log.key.verifier)
        assert (answer["first"], answer["second"], head.size) == (first, second, second)
        proof = [bytes.fromhex(item) for item in answer["proof"]]
        assert merkle.verify_consistency(first, second, proof, roots[first], head.root)
    assert viewer.get(f"/api/v1/log/proof/consistency?from={sizes[0]}").json()["second"] == sizes[2]
    assert viewer.get(f"/api/v1/log/proof/consistency?from=1&to={sizes[1] - 1}").status_code == 404


@pytest.mark.parametrize(
    ("url", "field"),
    [
        ("proof/inclusion", "entry"),
        ("proof/inclusion?entry=x", "entry"),
        ("proof/inclusion?entry=0", "entry"),
        ("proof/inclusion?entry=99999999999999999999", "entry"),
        ("proof/inclusion?entry=1&entry=2", "entry"),
        ("proof/inclusion?entry=1&size=2", "size"),
        ("proof/consistency", "from"),
        ("proof/consistency?from=0", "from"),
        ("proof/consistency?from=5&to=4", "from"),
        ("proof/consistency?from=1&to=999999", "to"),
        ("?since=-1", "since"),
        ("?table=x", "table"),
    ],
)
def test_a_wrong_question_names_its_field(log: Log, signed_in: Signed, url: str, field: str) -> None:
    log.seal()
    answer = signed_in("auditor").get(f"/api/v1/log{'' if url.startswith('?') else '/'}{url}")
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert field in answer.json()["errors"]


def test_an_unknown_entry_is_not_found(log: Log, signed_in: Signed) -> None:
    log.seal()
    assert signed_in("auditor").get("/api/v1/log/proof/inclusion?entry=99999999").status_code == 404
