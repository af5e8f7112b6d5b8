"""What a superuser can do and `verify_ledger` must tell (attacks A90 to A98): each with its table and field named."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from governance.ledger.note import SignerKey
from tests.governance.ledger.conftest import Log

SPACE, HISTORY, ENTRY = "governance_namespace", "governance_historicalnamespace", "governance_ledgerentry"


@pytest.fixture
def sealed(log: Log) -> Log:
    """A log with sealed writes of three moments and one that still waits."""
    log.write(3)
    log.seal()
    log.write(3)
    log.seal()
    log.write()
    return log


def test_an_untouched_record_is_intact(sealed: Log, capsys: pytest.CaptureFixture[str]) -> None:
    sealed.verify()
    told = capsys.readouterr()
    size = sealed.one("SELECT count(*) FROM governance_ledgerposition")
    assert f"Intact. {size} entries under 2 signed checkpoints of {sealed.key.name}" in told.out
    assert "0 redacted, 1 not sealed yet" in told.out
    assert f"{size} of {size} positions checked" in told.err


HISTORY_EDITS = {
    "title": "title = 'Other'",
    "history_change_reason": "history_change_reason = 'Other'",
    "history_user_id": "history_user_id = history_user_id + 1",
    "history_date": "history_date = history_date - interval '1 microsecond'",
    "history_type": "history_type = '~'",
    "action_id": "action_id = gen_random_uuid()",
    "id": "id = id + 1000",
    "recorded_at": "recorded_at = recorded_at + interval '1 day'",
}


def test_a90_a97_a_history_row_edited_with_triggers_off(sealed: Log) -> None:
    number = sealed.one(f"SELECT min(history_id) FROM {HISTORY} WHERE name LIKE 'log-%'")
    for field, statement in HISTORY_EDITS.items():
        with sealed.tampered(HISTORY, f"UPDATE {HISTORY} SET {statement} WHERE history_id = {number}"):
            told = sealed.refusal()
        assert f"{HISTORY} history_id {number} " in told
        assert f"field {field}:" in told
    sealed.verify()


def test_a97_a_current_row_edited(sealed: Log) -> None:
    number = sealed.one(f"SELECT id FROM {SPACE} WHERE name = 'log-2'")
    sealed.tamper(SPACE, f"UPDATE {SPACE} SET title = 'Other' WHERE id = {number}")
    assert f"{SPACE} id {number}, field title" in sealed.refusal()


def test_a97_current_row_and_history_edited_alike(sealed: Log) -> None:
    sealed.tamper(SPACE, f"UPDATE {SPACE} SET title = 'Other' WHERE name = 'log-2'")
    sealed.tamper(HISTORY, f"UPDATE {HISTORY} SET title = 'Other' WHERE name = 'log-2'")
    assert f"{HISTORY} history_id" in sealed.refusal()
    assert "field title" in sealed.refusal()


def test_a97_a_current_row_removed(sealed: Log) -> None:
    number = sealed.one(f"SELECT id FROM {SPACE} WHERE name = 'log-2'")
    sealed.tamper(SPACE, f"DELETE FROM {SPACE} WHERE id = {number}")
    assert f"{SPACE} id {number} is missing" in sealed.refusal()


def test_a97_a_current_row_nobody_recorded(sealed: Log) -> None:
    sealed.tamper(
        SPACE,
        f'INSERT INTO {SPACE} SELECT (jsonb_populate_record(s, \'{{"id": 9999, "name": "forged"}}\')).*'
        f" FROM {SPACE} s WHERE name = 'log-1'",
    )
    assert f"{SPACE} id 9999: no history row and no ledger entry record it." in sealed.refusal()


def test_a97_a_history_row_removed_with_its_object(sealed: Log) -> None:
    number = sealed.one(f"SELECT history_id FROM {HISTORY} WHERE name = 'log-2'")
    sealed.tamper(HISTORY, f"DELETE FROM {HISTORY} WHERE history_id = {number}")
    sealed.tamper(SPACE, f"DELETE FROM {SPACE} WHERE name = 'log-2'")
    assert f"{HISTORY} history_id {number} " in sealed.refusal()
    assert "is missing; ledger entry" in sealed.refusal()


def test_a97_a_history_row_forged(sealed: Log) -> None:
    """A second row that leans on a true row's entry, and one that leans on none."""
    for entry, told in (("ledger_entry_id", "field history_id"), ("999999", "the log has no entry 999999")):
        sealed.tamper(
            HISTORY,
            f"INSERT INTO {HISTORY} SELECT (jsonb_populate_record(h, jsonb_build_object('history_id', 9999,"
            f" 'ledger_entry_id', {entry}))).* FROM {HISTORY} h WHERE name = 'log-1'",
        )
        assert f"{HISTORY} history_id 9999" in sealed.refusal()
        assert told in sealed.refusal()
        sealed.tamper(HISTORY, f"DELETE FROM {HISTORY} WHERE history_id = 9999")


def test_a98_a_table_emptied_and_made_anew(sealed: Log) -> None:
    sealed.tamper(HISTORY, f"DELETE FROM {HISTORY}")
    sealed.tamper(SPACE, f"UPDATE {SPACE} SET title = 'Other'")
    assert f"{HISTORY} history_id" in sealed.refusal()


ENTRY_EDITS = {
    'leaf = replace(leaf, \'"op":"+"\', \'"op":"~"\')': "field leaf",
    "body = replace(body, 'For the log', 'For fun')": "field body or salt",
    "salt = sha256(salt)": "field body or salt",
    "salt = NULL": "field body or salt",
    "body = NULL": "field body or salt",
}


def test_a90_an_entry_edited(sealed: Log) -> None:
    for which in ("log-2", "log-7"):  # sealed, and still waiting
        entry = sealed.one(f"SELECT ledger_entry_id FROM {HISTORY} WHERE name = '{which}'")
        for statement, expected in ENTRY_EDITS.items():
            with sealed.tampered(ENTRY, f"UPDATE {ENTRY} SET {statement} WHERE id = {entry}"):
                told = sealed.refusal()
            assert f"edger entry {entry}" in told
            # No tree stands over a waiting entry's leaf yet, but the history does.
            assert ("field history_type" if (which, expected) == ("log-7", "field leaf") else expected) in told
    sealed.verify()


def rewrite(log: Log, name: str) -> None:
    """A91: one record and its entry rewritten in all places, and everything after it made anew."""
    salt, body = bytes(32), None
    entry = log.one(f"SELECT ledger_entry_id FROM {HISTORY} WHERE name = '{name}'")
    body = log.one(f"SELECT replace(body, 'Größe', 'Other') FROM {ENTRY} WHERE id = {entry}")
    old = log.one(f"SELECT leaf::jsonb ->> 'digest' FROM {ENTRY} WHERE id = {entry}")
    new = hashlib.sha256(salt + body.encode()).hexdigest()
    log.tamper(SPACE, f"UPDATE {SPACE} SET title = 'Other' WHERE name = '{name}'")
    log.tamper(HISTORY, f"UPDATE {HISTORY} SET title = 'Other' WHERE name = '{name}'")
    log.tamper(
        ENTRY,
        f"UPDATE {ENTRY} SET salt = '\\x{salt.hex()}', body = replace(body, 'Größe', 'Other'),"
        f" leaf = replace(leaf, '{old}', '{new}') WHERE id = {entry}",
    )


def test_a91_an_entry_rewritten_with_its_position(sealed: Log) -> None:
    rewrite(sealed, "log-2")
    assert "field leaf" in sealed.refusal()
    sealed.tamper(
        "governance_ledgerposition",
        "UPDATE governance_ledgerposition p SET leaf_hash = sha256('\\x00'::bytea || convert_to(leaf, 'UTF8'))"
        f" FROM {ENTRY} e WHERE e.id = p.entry_id",
    )
    assert "governance_ledgertile level 0" in sealed.refusal()


def start_again(log: Log) -> None:
    """The whole log sealed anew: positions, tiles and checkpoints all agree with the entries as they now are."""
    for table in ("governance_ledgerposition", "governance_ledgertile", "governance_ledgercheckpoint"):
        log.tamper(table, f"DELETE FROM {table}")
    log.seal(kept=False)


def test_a91_everything_rewritten_under_another_key(sealed: Log) -> None:
    rewrite(sealed, "log-2")
    true, sealed.key = sealed.key, SignerKey(sealed.key.name, bytes(32))
    start_again(sealed)
    sealed.key = true
    assert "governance_ledgercheckpoint" in sealed.refusal()
    assert "field note: The note is not signed by" in sealed.refusal()


def test_a94_everything_rewritten_and_signed_with_the_stolen_key(sealed: Log, tmp_path: Path) -> None:
    """Only a checkpoint that left the machine before tells: without one, nothing could."""
    elsewhere = tmp_path / "kept-by-the-auditor.txt"
    elsewhere.write_text(sealed.kept.read_text())
    sealed.kept.unlink()
    sealed.seal(kept=False)
    sealed.verify("--kept", str(elsewhere))
    rewrite(sealed, "log-2")
    start_again(sealed)
    sealed.verify()
    assert "The log was rewritten: its first" in sealed.refusal("--kept", str(elsewhere))


def test_a92_a93_the_newest_entries_dropped(sealed: Log, tmp_path: Path) -> None:
    size = sealed.one("SELECT min(size) FROM governance_ledgercheckpoint")
    sealed.cut_back(size)
    assert f"The log was cut back: it has {size} entries, a kept checkpoint has {size + 3}." in sealed.refusal()
    sealed.kept.unlink()
    sealed.verify()  # the honest limit: a whole, older log is a whole log


LOG_EDITS = [
    ("governance_ledgerposition", "DELETE FROM {table} WHERE position = 2", "Position 2 is missing"),
    ("governance_ledgerposition", "DELETE FROM {table} WHERE position = 0", "Position 0 is missing"),
    (
        "governance_ledgerposition",
        "DELETE FROM {table} WHERE position >= (SELECT min(size) FROM governance_ledgercheckpoint)",
        "The log was cut back",
    ),
    ("governance_ledgerposition", "UPDATE {table} SET leaf_hash = '' WHERE position = 1", "field leaf"),
    ("governance_ledgertile", "UPDATE {table} SET hashes = set_byte(hashes, 5, 7)", "tile level 0"),
    ("governance_ledgertile", "DELETE FROM {table}", "is missing"),
    (
        "governance_ledgertile",
        "INSERT INTO {table} (level, index, width, hashes) VALUES (1, 0, 1, sha256('x'))",
        "governance_ledgertile level 1, index 0, width 1 lies beyond",
    ),
    ("governance_ledgercheckpoint", "UPDATE {table} SET note = replace(note, E'\\n', E'\\n ')", "field note"),
    ("governance_ledgercheckpoint", "UPDATE {table} SET root = sha256(root)", "fields size and root"),
    ("governance_ledgercheckpoint", "DELETE FROM {table}", "were never signed"),
    (
        "governance_ledgerentry",
        "DELETE FROM {table} WHERE id = (SELECT max(entry_id) FROM governance_ledgerposition)",
        "is missing from governance_ledgerentry",
    ),
    (
        "governance_ledgerentry",
        "INSERT INTO {table} (epoch, xid, leaf, salt, body)"
        " SELECT epoch, 3, leaf, salt, body FROM {table} WHERE id = 1",
        "was put behind the sealed part of the log",
    ),
]


def test_the_logs_own_tables_altered(sealed: Log) -> None:
    for table, statement, expected in LOG_EDITS:
        with sealed.tampered(table, statement.format(table=table)):
            assert expected in sealed.refusal(), statement
    sealed.verify()


def test_a_redaction_leaves_the_leaf_standing(sealed: Log, capsys: pytest.CaptureFixture[str]) -> None:
    entry = sealed.one(f"SELECT ledger_entry_id FROM {HISTORY} WHERE name = 'log-2'")
    sealed.tamper(ENTRY, f"UPDATE {ENTRY} SET salt = NULL, body = NULL WHERE id = {entry}")
    sealed.verify()
    assert "1 redacted" in capsys.readouterr().out


def test_wrong_use_is_not_called_altered(sealed: Log, tmp_path: Path, settings: Any) -> None:
    for arguments in (("--key", "nonsense"), ("--kept", str(tmp_path / "absent"))):
        with pytest.raises(CommandError) as refused:
            sealed.verify(*arguments)
        assert refused.value.returncode == 2
    settings.MUNIMENT_HOME = tmp_path / "nowhere"
    with pytest.raises(CommandError, match="give --origin and --key") as refused:
        sealed.verify()
    assert refused.value.returncode == 2


def test_verifying_sees_one_moment_while_others_write(sealed: Log) -> None:
    """Every command option aside, the transaction is read-only and repeatable: later writes are not half seen."""
    sealed.write(2)
    sealed.verify("--origin", sealed.key.name, "--key", str(sealed.key.verifier))
