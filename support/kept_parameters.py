"""Parameter files kept under a key, mapped where they lie: whole or not there, bounded, not removed while in use."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stepwell.support.kept_files import KeptFile, KeptFiles

_SUFFIX = ".safetensors"
_RECORDS = 1 << 20


class HeldFile:
    """A kept file that stays until this object is closed.

    Attributes:
        path: where it lies.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def close(self) -> None:
        """Let it go."""
        os.close(self._descriptor)


class KeptParameters:
    """Files in a folder, each beside a record of what the file system said of it when it was added.

    Several processes may use one folder. Who maps a file holds a lock on it, which a removal respects; additions and
    removals take turns. A file whose inode, size or time of change differ from its record counts as not there: nothing
    of it is read, which is what makes it quick.

    Args:
        limit: bytes of all files; those not used for longest go first.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self._records = KeptFiles(folder, _RECORDS)

    def find(self, key: str) -> HeldFile | None:
        """The file under ``key``, which counts as a use; None where it is not there as it was added."""
        record = self._records.read(key)
        if record is None:
            return None
        path = self._path(key)
        descriptor = None
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            status = os.fstat(descriptor)  # with the lock: it may have been removed while we waited
            if status.st_nlink and _identity(status) == record[0]["identity"]:
                return HeldFile(path, descriptor)
        except OSError:
            pass
        if descriptor is not None:
            os.close(descriptor)
        return None

    def add(self, key: str, file: Path) -> HeldFile | None:
        """Take ``file`` into the folder, by moving it where that is possible.

        None leaves it where it is: it is larger than the limit, or the folder can't be written.
        """
        with suppress(OSError):
            if file.stat().st_size > self.limit:
                return None
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._turn():
                if (held := self.find(key)) is not None:  # another process was first, and somebody may map that one
                    return held
                self._move(file, self._path(key))
                self._records.write(key, {"identity": _identity(self._path(key).stat())}, {})
                held = self.find(key)
                self._shrink()
                return held
        return None

    def entries(self) -> list[KeptFile]:
        """All files, the last used first."""
        used = {entry.key: entry.used for entry in self._records.entries()}
        found = []
        for path in self.folder.glob(f"[!.]*{_SUFFIX}"):
            with suppress(OSError):  # another process may have removed it
                key = path.name.removesuffix(_SUFFIX)
                found.append(KeptFile(key, path.stat().st_size, used.get(key, 0.0)))
        return sorted(found, key=lambda entry: (-entry.used, entry.key))

    def clear(self) -> int:
        """Remove all files that nobody uses; gives their number."""
        if not self.folder.is_dir():
            return 0
        with self._turn():
            return sum([self._remove(entry.key) for entry in self.entries()])

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Nobody else adds or removes in the block."""
        descriptor = os.open(self.folder / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _move(self, file: Path, path: Path) -> None:
        try:
            file.rename(path)
        except OSError:  # on another file system
            copy = self.folder / f".{path.name}"
            try:
                shutil.copyfile(file, copy)
                copy.rename(path)
            finally:
                copy.unlink(missing_ok=True)

    def _shrink(self) -> None:
        entries = self.entries()
        total = sum(entry.bytes for entry in entries)
        for entry in reversed(entries):
            if total > self.limit and self._remove(entry.key):
                total -= entry.bytes

    def _remove(self, key: str) -> bool:
        """Remove a file, unless somebody uses it."""
        path = self._path(key)
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
                self._records.remove(key)
                return True
            finally:
                os.close(descriptor)
        return False

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"


def _identity(status: os.stat_result) -> list[int]:
    return [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
