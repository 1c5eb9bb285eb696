"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stepwell.support.errors import ArtifactError


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path``; a reader sees the old file or the whole new one."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` through a temporary file beside it; into a device or pipe, such as ``/dev/null``.

    Raises:
        ArtifactError: the folder can't be written.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        try:
            path.write_bytes(data)
        except OSError as failure:
            raise unwritable(path, failure) from None
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as failure:
        raise unwritable(path.parent, failure) from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException as failure:
        temporary.unlink(missing_ok=True)
        if isinstance(failure, OSError):
            raise unwritable(path.parent, failure) from None
        raise


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder that takes the place of ``path`` when the block ends well, and vanishes otherwise.

    Raises:
        ArtifactError: the folder can't be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    except OSError as failure:
        raise unwritable(path.parent, failure) from None
    try:
        temporary.chmod(0o755)
        yield temporary
        if path.is_dir():
            _replace_folder(path, temporary)
        else:
            temporary.replace(path)
    except OSError as failure:
        raise unwritable(path, failure) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _replace_folder(path: Path, new: Path) -> None:
    """Put folder ``new`` in the place of ``path``; whatever happens in between, one of them is there afterwards."""
    aside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.old."))
    old = aside / "old"
    try:
        path.replace(old)
        new.replace(path)
    finally:
        if old.exists() and not path.exists():
            old.replace(path)
        shutil.rmtree(aside, ignore_errors=True)


def check_writable(path: Path) -> None:
    """Check that something can be made at ``path``, ahead of long work.

    Raises:
        ArtifactError: the nearest folder above ``path`` that is there can't be written.
    """
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    if not parent.is_dir():
        raise unwritable(path, NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))
    if not os.access(parent, os.W_OK | os.X_OK):
        raise unwritable(path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def unwritable(path: Path, failure: OSError) -> ArtifactError:
    """The error for a place that can't be written, with the system's reason."""
    reason = failure.strerror or str(failure)
    return ArtifactError(f"can't write to '{path}': {reason}", hint="choose another folder with -o, or free space")
