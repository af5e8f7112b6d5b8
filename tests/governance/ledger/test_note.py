"""Signed notes and checkpoints: what was signed reads back, nothing else is accepted."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.ledger.note import Checkpoint, SignerKey, VerifierKey, open_checkpoint, open_note, sign_checkpoint

# golang.org/x/mod/sumdb/note, package documentation: a published key pair and note.
GO_SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_NOTE = (
    GO_TEXT + "\n— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
KEY = SignerKey("log.example/a", bytes(range(32)))


def test_the_published_key_pair_and_note_of_go() -> None:
    signer = SignerKey.parse(GO_SKEY)
    assert str(signer.verifier) == GO_VKEY
    assert signer.export() == GO_SKEY
    assert signer.sign(GO_TEXT).decode() == GO_NOTE
    assert open_note(GO_NOTE.encode(), VerifierKey.parse(GO_VKEY)) == GO_TEXT


def test_a_checkpoint_reads_back() -> None:
    note = sign_checkpoint(KEY, 12345, bytes(32))
    assert open_checkpoint(note, KEY.name, KEY.verifier) == Checkpoint(KEY.name, 12345, bytes(32))
    with pytest.raises(ValueError, match=r"not of log\.example/b"):
        open_checkpoint(note, "log.example/b", KEY.verifier)


def test_a_witness_may_sign_beside_but_not_instead() -> None:
    other = SignerKey("witness.example", bytes(32))
    note = sign_checkpoint(KEY, 1, bytes(32)).decode()
    text, _, line = note.rpartition("\n\n")
    theirs = other.sign(text + "\n").decode().rpartition("\n\n")[2]
    assert open_note(f"{text}\n\n{theirs}{line}".encode(), KEY.verifier)
    with pytest.raises(ValueError, match="not signed by"):
        open_note(f"{text}\n\n{theirs}".encode(), KEY.verifier)


def test_the_private_key_is_not_printed() -> None:
    assert base64.b64encode(KEY.seed).decode() not in repr(KEY)
    assert repr(KEY.seed) not in repr(KEY)


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_garbage_is_never_a_note(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        open_checkpoint(data, KEY.name, KEY.verifier)


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_a_changed_note_is_refused_or_says_the_same(data: st.DataObject) -> None:
    """One octet changed, dropped or added anywhere: refused."""
    size = data.draw(st.integers(0, 2**60))
    note = sign_checkpoint(KEY, size, data.draw(st.binary(min_size=32, max_size=32)))
    at = data.draw(st.integers(0, len(note) - 1))
    octet = data.draw(st.binary(min_size=0, max_size=2))
    changed = note[:at] + octet + note[at + data.draw(st.integers(0, 2)) :]
    if changed != note:
        with pytest.raises(ValueError, match=r"."):
            open_checkpoint(changed, KEY.name, KEY.verifier)


@pytest.mark.parametrize(
    "body",
    [
        "log\n01\n{root}\n",
        "log\n+1\n{root}\n",
        "log\n 1\n{root}\n",
        "log\n1\n{root}",
        "log\n1\n{root}\n\n",
        "log\n1\n{root}\nextension\n\n",
        "\n1\n{root}\n",
        "log\n1\nAAAA\n",
        "log\n١\n{root}\n",
        "log\n1\n{root_unpadded}\n",
        "log\n1\n{root_loose}\n",
        "log\n99999999999999999999\n{root}\n",
        "log\n1\n",
        "",
    ],
)
def test_a_loosely_written_checkpoint_is_refused(body: str) -> None:
    root = base64.b64encode(bytes(32)).decode()
    loose = root[:-2] + "B="  # the same octets to a lenient decoder
    with pytest.raises(ValueError, match=r"."):
        Checkpoint.parse(body.format(root=root, root_unpadded=root.rstrip("="), root_loose=loose))


@given(st.text(max_size=120))
def test_garbage_is_never_a_key(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert str(VerifierKey.parse(text)) == text
    with contextlib.suppress(ValueError):
        assert SignerKey.parse(text).export() == text


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T",
        "PeterNeumann+c74f20a3+BBpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n",
    ],
)
def test_a_malformed_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        VerifierKey.parse(vkey)


def test_text_that_would_not_read_back_is_not_signed() -> None:
    for text in ("no end", "bell\a\n", "\n\n\n\x00\n"):
        with pytest.raises(ValueError, match=r"."):
            KEY.sign(text)
