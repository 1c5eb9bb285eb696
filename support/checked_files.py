"""Digests of large files, remembered for as long as the file system says that a file did not change."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from stepwell.support.cache_folder import cache_folder
from stepwell.support.kept_files import KeptFiles

#: Smaller ones are read faster than remembered.
_LARGE = 4 << 20
#: Changes within a tick of the file system's clock leave the times as they were: younger files are not remembered.
_SETTLED = 2.0
_LIMIT = 1 << 20


def file_digest(path: Path) -> str:
    """SHA-256 of a file in hexadecimal.

    A large file is read once, and again when its place, size, or time of change differ; nothing but the clock's owner
    sets the latter. ``STEPWELL_CACHE=off`` has it read each time.
    """
    status = path.stat()
    folder = cache_folder()
    if folder is None or status.st_size < _LARGE:
        return _read_digest(path)
    kept = KeptFiles(folder / "digests", _LIMIT)
    key = hashlib.sha256(repr(_identity(path, status)).encode()).hexdigest()
    known = kept.read(key)
    if known is not None:
        return str(known[0]["sha256"])
    began = time.time()
    digest = _read_digest(path)
    if _identity(path, path.stat()) == _identity(path, status) and began - status.st_ctime > _SETTLED:
        kept.write(key, {"sha256": digest}, {})
    return digest


def _identity(path: Path, status: os.stat_result) -> tuple[object, ...]:
    """What differs when a file has other contents."""
    place = (str(path.resolve()), status.st_dev, status.st_ino)
    return (*place, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _read_digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
