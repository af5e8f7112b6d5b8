"""Evidence packs made without a database: a small log, and ways to spoil what it gives out."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

from governance.ledger import merkle
from governance.ledger.note import SignerKey, sign_checkpoint
from governance.ledger.verifier import FORMAT, canonical_json

KEY = SignerKey("log.example/packs", hashlib.sha256(b"packs").digest())


def entry(number: int) -> dict[str, Any]:
    """An entry as the recorder writes one: leaf, salt, body."""
    salt = hashlib.sha256(str(number).encode()).digest()
    body = json.dumps({"columns": {"id": str(number), "title": "Größe"}, "reason": "because"}, ensure_ascii=False)
    leaf = {
        "action": "c1e6bac1-6f82-4bc8-a111-0a814fe3c459",
        "actor": 1,
        "digest": hashlib.sha256(salt + body.encode()).hexdigest(),
        "history": number,
        "object": number,
        "op": "+",
        "session": "muniment_app",
        "table": "lineage_dataset",
        "time": "2026-11-22T18:00:00.123456Z",
        "v": 1,
    }
    return {"entry": number, "leaf": canonical_json(leaf), "salt": salt.hex(), "body": body}


class Pack:
    """A pack of chosen entries of a log of `size`, its parts open to spoiling before `write`."""

    def __init__(
        self, size: int = 300, chosen: tuple[int, ...] = (3, 7, 299), earlier: tuple[int, ...] = (5, 100)
    ) -> None:
        entries = [entry(number) for number in range(size)]
        tiles: dict[tuple[int, int, int], bytes] = {}
        edge = merkle.RightEdge()
        for tile in (*edge.append(merkle.leaf_hash(e["leaf"].encode()) for e in entries), *edge.partial()):
            tiles[tile.level, tile.index, tile.width] = tile.hashes

        def read(level: int, index: int, width: int) -> bytes:
            return tiles[level, index, width]

        self.note = sign_checkpoint(KEY, size, edge.root())
        self.entries = [
            {**entries[at], "position": at, "proof": [h.hex() for h in merkle.inclusion_proof(at, size, read)]}
            for at in chosen
        ]
        self.earlier = [
            {
                "note": sign_checkpoint(KEY, old, merkle.tree_root(old, read, size)).decode(),
                "proof": [h.hex() for h in merkle.consistency_proof(old, size, read)],
            }
            for old in earlier
        ]
        self.attachments: dict[str, bytes] = {"release.html": b"<p>read me</p>"}
        self.manifest: dict[str, Any] = {"format": FORMAT, "origin": KEY.name, "size": size, "about": {}}

    def files(self) -> dict[str, bytes]:
        """The pack's files, the manifest made to agree with them."""
        files = {
            "checkpoint.txt": self.note,
            "consistency.json": json.dumps(self.earlier).encode(),
            "entries.jsonl": b"".join(json.dumps(e).encode() + b"\n" for e in self.entries),
            **self.attachments,
        }
        listed = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        manifest = {"entries": len(self.entries), "files": listed, **self.manifest}
        return {**files, "manifest.json": json.dumps(manifest).encode()}

    def write(self, path: Path, files: dict[str, bytes] | None = None) -> Path:
        """The ZIP file."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in (files or self.files()).items():
                archive.writestr(name, content)
        path.write_bytes(buffer.getvalue())
        return path
