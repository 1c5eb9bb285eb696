"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from stepwell.support.atomic import write_bytes


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write_bytes(tmp_path / "file", b"old")
    write_bytes(tmp_path / "file", b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"new")]


def test_a_pipe_or_device_is_written_to_and_stays_what_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_bytes(pipe, b"data")
    reader.join(timeout=10)
    assert read == [b"data"] and pipe.is_fifo()
