"""Digests of large files are remembered until the file changes."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from stepwell.support import checked_files
from stepwell.support.checked_files import file_digest


@pytest.fixture
def reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read, with a cache of their own and a clock that is an hour ahead: every file has settled."""
    found: list[Path] = []
    read = checked_files._read_digest

    def record(path: Path) -> str:
        found.append(path)
        return read(path)

    now = time.time()
    monkeypatch.setenv("STEPWELL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(checked_files, "_read_digest", record)
    monkeypatch.setattr(checked_files.time, "time", lambda: now + 3600)
    return found


def large(path: Path, byte: bytes = b"a") -> Path:
    path.write_bytes(byte * (5 << 20))
    return path


def test_a_large_file_is_read_once(reads: list[Path], tmp_path: Path) -> None:
    path = large(tmp_path / "file")
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert [file_digest(path), file_digest(path)] == [expected] * 2
    assert reads == [path]


@pytest.mark.parametrize("keep_times", [False, True])
def test_a_changed_file_is_read_again(reads: list[Path], tmp_path: Path, keep_times: bool) -> None:
    path = large(tmp_path / "file")
    first, status = file_digest(path), path.stat()
    time.sleep(0.02)
    with path.open("r+b") as stream:
        stream.write(b"b")
    if keep_times:  # the time of change can't be set back
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert file_digest(path) != first
    assert len(reads) == 2


def test_another_file_in_its_place_is_read(reads: list[Path], tmp_path: Path) -> None:
    path = large(tmp_path / "file")
    first = file_digest(path)
    large(tmp_path / "other", b"b").replace(path)
    assert file_digest(path) != first


def test_what_just_changed_is_not_remembered(
    reads: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = large(tmp_path / "file")
    monkeypatch.setattr(checked_files.time, "time", lambda: path.stat().st_ctime)
    assert file_digest(path) == file_digest(path)
    assert len(reads) == 2


def test_small_files_and_no_cache_are_read_each_time(
    reads: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tmp_path / "small"
    small.write_bytes(b"a")
    assert file_digest(small) == file_digest(small)
    monkeypatch.setenv("STEPWELL_CACHE", "off")
    path = large(tmp_path / "file")
    assert file_digest(path) == file_digest(path)
    assert reads == [small, small, path, path]


def test_a_damaged_memory_is_no_answer(reads: list[Path], tmp_path: Path) -> None:
    path = large(tmp_path / "file")
    expected = file_digest(path)
    (entry,) = (tmp_path / "cache" / "digests").iterdir()
    entry.write_bytes(entry.read_bytes()[:-3] + b"xyz")
    assert file_digest(path) == expected
    assert len(reads) == 2
