"""Files that are kept under a key and can be made again: whole or not there, checked when read, bounded in size."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepwell.support.atomic import write_bytes
from stepwell.support.errors import ArtifactError

_SUFFIX = ".kept"
_DIGEST_BYTES = 32


@dataclass(frozen=True)
class KeptFile:
    """What is known of an entry without reading it: its key, size in bytes, and when it was used last (seconds)."""

    key: str
    bytes: int
    used: float


class KeptFiles:
    """Entries in a folder: JSON facts and named bytes under a key.

    Several processes may use one folder: an entry appears by a rename, whole; one that is damaged counts as not there.

    Args:
        limit: bytes of all entries; those not used for longest go first.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit

    def read(self, key: str) -> tuple[dict[str, Any], dict[str, bytes]] | None:
        """The facts and bytes under ``key``, which counts as a use; None where they are not there."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        entry = _parse(data)
        if entry is None:
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):
            os.utime(path)
        return entry

    def write(self, key: str, facts: Mapping[str, Any], blobs: Mapping[str, bytes]) -> None:
        """Keep an entry, unless the folder can't be written or the entry is larger than the limit."""
        data = _text(facts, blobs)
        if len(data) > self.limit:
            return
        with suppress(ArtifactError):  # a full disk must not stop a compilation that has succeeded
            write_bytes(self._path(key), data)
            self._shrink()

    def entries(self) -> list[KeptFile]:
        """All entries, the last used first."""
        found = []
        for path in self.folder.glob(f"*{_SUFFIX}"):
            with suppress(OSError):  # another process may have removed it
                status = path.stat()
                found.append(KeptFile(path.name.removesuffix(_SUFFIX), status.st_size, status.st_mtime))
        return sorted(found, key=lambda entry: (-entry.used, entry.key))

    def facts(self, key: str) -> dict[str, Any]:
        """The facts of an entry, empty where it is gone or damaged; no use."""
        try:
            entry = _parse(self._path(key).read_bytes())
        except OSError:
            return {}
        return entry[0] if entry else {}

    def clear(self) -> int:
        """Remove all entries; gives their number."""
        entries = self.entries()
        for entry in entries:
            self.remove(entry.key)
        return len(entries)

    def remove(self, key: str) -> None:
        """Forget an entry."""
        with suppress(OSError):
            self._path(key).unlink()

    def _shrink(self) -> None:
        total = 0
        for entry in self.entries():
            total += entry.bytes
            if total > self.limit:
                self.remove(entry.key)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"


def _text(facts: Mapping[str, Any], blobs: Mapping[str, bytes]) -> bytes:
    header = {"facts": facts, "blobs": [[name, len(data)] for name, data in blobs.items()]}
    head = json.dumps(header, separators=(",", ":")).encode()
    body = len(head).to_bytes(8, "little") + head + b"".join(blobs.values())
    return hashlib.sha256(body).digest() + body


def _parse(data: bytes) -> tuple[dict[str, Any], dict[str, bytes]] | None:
    body = memoryview(data)[_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != data[:_DIGEST_BYTES]:
        return None
    end = 8 + int.from_bytes(body[:8], "little")
    header = json.loads(bytes(body[8:end]))
    blobs = {}
    for name, size in header["blobs"]:
        blobs[name] = bytes(body[end : end + size])
        end += size
    return header["facts"], blobs
