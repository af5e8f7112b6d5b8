"""Sealing: every entry once, in order, whatever writers do; and nothing signed that should not be."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from governance.ledger import merkle, sealer, store
from governance.ledger.sealer import LOCK, SealingRefused
from governance.ledger.verifier import open_checkpoint
from tests import databases
from tests.databases import as_login
from tests.governance.ledger.conftest import Log, Raw
from tests.waiting import COMMAND_SECONDS, OTHERS_SECONDS

STAMP = (
    "SELECT set_config('muniment.actor', %s, true), set_config('muniment.reason', 'race', true),"
    " set_config('muniment.action', gen_random_uuid()::text, true),"
    " set_config('muniment.xid', pg_current_xact_id()::text, true)"
)


def test_everything_waiting_is_sealed_and_signed(log: Log) -> None:
    log.write(3)
    waiting = log.one("SELECT count(*) FROM governance_ledgerentry")
    assert store.waiting().entries == waiting
    done = log.seal()
    assert (done.size, done.added, done.busy, done.waiting.entries) == (waiting, waiting, False, 0)
    head = store.newest_checkpoint()
    assert head is not None
    signed = open_checkpoint(head.note.encode(), log.key.name, log.key.verifier)
    assert (signed.size, signed.root) == (waiting, head.root)
    assert log.kept.read_text() == head.note
    assert log.seal().added == 0
    assert log.one("SELECT count(*) FROM governance_ledgercheckpoint") == 1


def test_proofs_come_from_the_stored_tiles(log: Log) -> None:
    log.write(40)
    log.seal(batch=7)
    head = store.newest_checkpoint()
    assert head is not None
    rows = log.superuser.execute("SELECT position, leaf_hash FROM governance_ledgerposition").fetchall()
    assert len(rows) == head.size
    for position, leaf in rows:
        proof = merkle.inclusion_proof(position, head.size, store.read_tile)
        assert merkle.verify_inclusion(leaf, position, head.size, proof, head.root)
    for size, root in log.superuser.execute("SELECT size, root FROM governance_ledgercheckpoint").fetchall():
        proof = merkle.consistency_proof(size, head.size, store.read_tile)
        assert merkle.verify_consistency(size, head.size, proof, root, head.root)


def test_hostile_writers_lose_nothing(log: Log, own_database: str) -> None:
    """16 writers with short, long and abandoned transactions, sealing all the while: each entry has one position."""
    log.seal()
    stop = threading.Event()
    written = [0] * 16

    def write(number: int) -> None:
        chance = random.Random(number)
        with psycopg.connect(databases.url("app", own_database)) as app:
            while not stop.is_set():
                with app.transaction():
                    app.execute(STAMP, [str(log.actor.pk)])
                    for _ in range(chance.randint(1, 3)):
                        app.execute(
                            "INSERT INTO governance_namespace (name, title, description) VALUES (%s, 'x', '')",
                            [f"w{number}-{chance.getrandbits(60)}"],
                        )
                        time.sleep(chance.choice([0, 0, 0.002, 0.03]))
                    if chance.random() < 0.2:
                        raise psycopg.Rollback
                written[number] += 1

    rounds = 0
    with ThreadPoolExecutor(16) as pool:
        futures = [pool.submit(write, number) for number in range(16)]
        soonest, latest = time.monotonic() + 4, time.monotonic() + OTHERS_SECONDS
        while time.monotonic() < soonest or (time.monotonic() < latest and (rounds <= 3 or sum(written) <= 50)):
            rounds += bool(log.seal(batch=50).added)
        stop.set()
        for future in futures:
            future.result()
    log.seal()
    assert rounds > 3, "sealing never overlapped writing"
    assert sum(written) > 50
    entries, positions, last = (
        log.one(query)
        for query in (
            "SELECT count(*) FROM governance_ledgerentry",
            "SELECT count(*) FROM governance_ledgerposition",
            "SELECT max(position) + 1 FROM governance_ledgerposition",
        )
    )
    assert entries == positions == last
    log.verify()


def test_an_open_transaction_holds_sealing_back_and_is_not_lost(log: Log, raw: Raw) -> None:
    log.seal()
    app = raw("app")
    with app.transaction():
        app.execute(STAMP, [str(log.actor.pk)])
        app.execute("INSERT INTO governance_namespace (name, title, description) VALUES ('slow', 'x', '')")
        log.write(2)  # later transactions, committed earlier
        held = log.seal()
        assert (held.added, held.waiting.entries) == (0, 2)
    assert log.seal().added == 3
    order = log.one(
        "SELECT array_agg(e.body LIKE '%slow%' ORDER BY position)"
        " FROM (SELECT * FROM governance_ledgerposition ORDER BY position DESC LIMIT 3) p"
        " JOIN governance_ledgerentry e ON e.id = p.entry_id"
    )
    assert order == [True, False, False], "transaction ids give the order, not commits"


def test_a_second_sealer_stands_aside(log: Log, raw: Raw) -> None:
    log.write()
    other = raw("sealer")
    with other.transaction():
        other.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        done = log.seal()
        assert done.busy
        assert done.added == 0
        assert done.waiting.entries > 0
    assert not log.seal().busy


def test_sealers_that_race_give_one_log(log: Log, own_database: str) -> None:
    log.write(30)
    environment = {**databases.environment(own_database), "MUNIMENT_HOME": str(log.home)}
    started = [
        subprocess.Popen(
            [sys.executable, "manage.py", "seal_ledger"],
            cwd=databases.ROOT, env={**environment, "MUNIMENT_LOGIN": "sealer"},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    for process in started:
        _out, error = process.communicate(timeout=COMMAND_SECONDS)
        assert process.returncode == 0, error
    log.seal()
    log.verify()


def test_only_the_sealers_login_seals(log: Log) -> None:
    for login in ("app", "auditor"):
        with as_login(login), pytest.raises(SealingRefused, match="MUNIMENT_LOGIN=sealer"):
            sealer.seal(log.key)


def test_another_cluster_is_refused_until_the_guards_open_an_epoch(log: Log, own_database: str) -> None:
    """A restore by pg_dump into a new cluster: transaction ids begin anew, entries must not fall behind the mark."""
    log.write(2)
    log.seal()
    log.tamper("governance_ledgerepoch", "UPDATE governance_ledgerepoch SET system_identifier = 1")
    log.write()
    # Written after the restore, before the guards were rebuilt: the old epoch, a transaction id long passed.
    log.tamper("governance_ledgerentry", "UPDATE governance_ledgerentry SET xid = 3 WHERE id = (SELECT max(id) FROM "
               "governance_ledgerentry)")  # fmt: skip
    with pytest.raises(SealingRefused, match="restored or copied"):
        log.seal()
    databases.manage(own_database, "install_guards", login="owner")
    assert log.one("SELECT max(epoch) FROM governance_ledgerepoch") == 1
    log.write(2)
    assert log.one("SELECT count(*) FROM governance_ledgerentry WHERE epoch = 1") == 2
    assert log.seal(batch=1).added == 3
    log.verify()


def test_a_log_that_was_altered_is_not_signed_again(log: Log) -> None:
    log.write(3)
    log.seal()
    log.write()
    log.tamper("governance_ledgertile", "UPDATE governance_ledgertile SET hashes = set_byte(hashes, 5, 7)")
    with pytest.raises(SealingRefused, match="no longer give the root"):
        log.seal()


def test_a93_a_log_that_was_cut_back_is_not_signed_again(log: Log) -> None:
    log.write(3)
    log.seal()
    size = log.one("SELECT max(size) FROM governance_ledgercheckpoint")
    log.write(3)
    log.seal()
    log.cut_back(size)
    log.write()
    with pytest.raises(SealingRefused, match="cut back, or an older backup was restored"):
        log.seal()
    log.seal(kept=False)  # what a sealer without memory would do
    log.write(5)
    log.seal(kept=False)
    with pytest.raises(SealingRefused, match=f"first {size + 3} entries are not those that were signed"):
        log.seal()


def test_positions_cannot_leave_a_gap(log: Log, raw: Raw) -> None:
    log.seal()
    log.write(2)
    size = store.sealed_size()
    with pytest.raises(psycopg.Error, match="without a gap") as refused:
        raw("sealer").execute(
            "INSERT INTO governance_ledgerposition (position, entry_id, leaf_hash)"
            " SELECT %s, max(id), '\\x00'::bytea FROM governance_ledgerentry",
            [size + 1],
        )
    assert refused.value.sqlstate == "MU009"
