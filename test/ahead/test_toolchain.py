"""Compilers and archivers: which are taken, and what is said where none is there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stepwell.backends.llvm.cpu import Cpu, host
from stepwell.backends.llvm.foreign_runtime import runtime_archive
from stepwell.backends.llvm.link import link_shared, make_archive
from stepwell.backends.llvm.toolchain import find_compiler, find_toolchain, gnu_triple
from stepwell.support.errors import ToolError

AARCH64 = Cpu("aarch64-unknown-linux-gnu", "generic")


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any tool."""
    for variable in ("CC", "AR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


def test_triples_as_gnu_tools_name_them() -> None:
    assert gnu_triple(AARCH64) == gnu_triple(Cpu("arm64-linux-gnu", "generic")) == "aarch64-linux-gnu"


def test_a_cross_compiler_is_found() -> None:
    assert Path(find_toolchain(AARCH64).cxx[0]).name == "aarch64-linux-gnu-g++"


def test_zig_serves_where_there_is_no_cross_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert find_toolchain(AARCH64).cc[1:] == ("-m", "ziglang", "cc", "-target", "aarch64-linux-gnu")


@pytest.mark.usefixtures("nothing")
def test_what_is_missing_comes_with_its_command() -> None:
    with pytest.raises(ToolError, match="no C compiler was found") as failure:
        find_compiler()
    assert "pip install ziglang" in str(failure.value)
    with pytest.raises(ToolError, match="no cross compiler for aarch64-linux-gnu was found") as failure:
        find_toolchain(AARCH64)
    assert "apt-get install g++-aarch64-linux-gnu, or pip install ziglang" in str(failure.value)


def test_no_archiver(nothing: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/cc" if name == "cc" else None)
    with pytest.raises(ToolError, match=r"no archiver was found, and making model\.a needs one"):
        find_toolchain(host())


def test_failures_of_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "false")
    with pytest.raises(ToolError, match=r"linking model\.so failed: exit status 1"):
        link_shared([b""], b"!<arch>\n", host())
    monkeypatch.setenv("AR", "false")
    with pytest.raises(ToolError, match=r"making model\.a failed: exit status 1"):
        make_archive([b""], b"!<arch>\n", host())


def test_the_foreign_runtime_is_compiled_once_and_the_same_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = runtime_archive(AARCH64)
    (kept,) = [path for path in (cache / "runtime").iterdir() if path.read_bytes() == first]
    kept.write_bytes(b"kept")
    assert runtime_archive(AARCH64) == b"kept"
    kept.unlink()
    monkeypatch.setenv("STEPWELL_CACHE", "off")
    assert runtime_archive(AARCH64) == first
    assert not kept.exists()
