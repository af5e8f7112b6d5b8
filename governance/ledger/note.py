"""Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint): the signing half. Reading is in verifier.py."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from governance.ledger.verifier import (
    ED25519,
    HASH_SIZE,
    Checkpoint,
    VerifierKey,
    canonical_base64,
    key_id,
    open_checkpoint,
    open_note,
    valid_name,
)

__all__ = ["Checkpoint", "SignerKey", "VerifierKey", "key_id", "open_checkpoint", "open_note", "sign_checkpoint"]

_PREFIX = "PRIVATE+KEY+"


@dataclass(frozen=True, slots=True)
class SignerKey:
    """The private half, as kept in an skey: `PRIVATE+KEY+name+id+base64(0x01 || seed)`. Never printed by repr."""

    name: str
    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls, name: str) -> SignerKey:
        """A new key. Raises ValueError for a name that C2SP does not allow."""
        if not valid_name(name):
            raise ValueError("A key's name is not empty and has neither spaces nor plus signs.")
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> SignerKey:
        """Read an skey. Raises ValueError, without the key in it, when it is malformed."""
        parts = text.removeprefix(_PREFIX).split("+", 2)
        if not text.startswith(_PREFIX) or len(parts) != 3 or not valid_name(parts[0]):
            raise ValueError("A signer key reads PRIVATE+KEY+NAME+ID+KEY.")
        raw = canonical_base64(parts[2])
        if len(raw) != 1 + HASH_SIZE or raw[:1] != ED25519:
            raise ValueError("The signer key is not an Ed25519 key.")
        key = cls(parts[0], raw[1:])
        if key.verifier.id.hex() != parts[1]:
            raise ValueError("The signer key's id does not belong to its name and key.")
        return key

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return VerifierKey(self.name, raw)

    def export(self) -> str:
        """The skey text. Keep it secret."""
        secret = base64.b64encode(ED25519 + self.seed).decode()
        return f"{_PREFIX}{self.name}+{self.verifier.id.hex()}+{secret}"

    def sign(self, text: str) -> bytes:
        """The signed note over `text`, which must end with a line feed. Raises ValueError."""
        if not text.endswith("\n"):
            raise ValueError("A note's text ends with a line feed.")
        signature = Ed25519PrivateKey.from_private_bytes(self.seed).sign(text.encode())
        line = base64.b64encode(self.verifier.id + signature).decode()
        note = f"{text}\n— {self.name} {line}\n".encode()
        open_note(note, self.verifier)  # refuses text that would not read back: control characters, a note too long
        return note


def sign_checkpoint(key: SignerKey, size: int, root: bytes) -> bytes:
    """The signed checkpoint of the log that bears the key's name."""
    return key.sign(str(Checkpoint(key.name, size, root)))
