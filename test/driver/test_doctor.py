"""What ``stepwell doctor`` finds, and the commands it gives for what is missing."""

from __future__ import annotations

from importlib import metadata
from typing import ClassVar

import pytest

from stepwell.backends import registry
from stepwell.driver.doctor import Finding, examine
from stepwell.support.errors import ToolError


def find(what: str) -> Finding:
    (finding,) = (finding for finding in examine() if finding.what == what)
    return finding


def test_every_target_and_every_requirement_has_a_row() -> None:
    rows = [finding.what for finding in examine()]
    assert {row.partition(":")[0] for row in rows} >= set(registry.names())
    assert {"python", "stepwell", "torch", "torch-mlir", "llvmlite", "numpy", "ml_dtypes"} <= set(rows)
    assert not {"safetensors", "pytest", "transformers"} & set(rows)


def test_versions_are_the_installed_ones() -> None:
    assert find("llvmlite") == Finding("llvmlite", True, metadata.version("llvmlite"))


def test_a_missing_package_comes_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "torch-mlir":
            raise metadata.PackageNotFoundError(name)
        return "0.0"

    monkeypatch.setattr("stepwell.driver.doctor.metadata.version", version)
    missing = find("torch-mlir")
    assert not missing.present and missing.detail.startswith("pip install 'torch-mlir==")
    other = find("llvmlite")
    assert not other.present and other.detail.startswith("0.0, but ")
    assert find("numpy").present


def test_a_missing_compiler_comes_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> list[str]:
        raise ToolError("no C compiler was found", hint="apt-get install gcc")

    monkeypatch.setattr("stepwell.backends.llvm.backend.find_compiler", missing)
    assert find("cpu: linker") == Finding("cpu: linker", False, "apt-get install gcc")


def test_missing_hardware_tools_come_with_their_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    row = find("hls: Verilator")
    assert not row.present and "verilator" in row.detail


def test_a_target_that_can_not_be_imported_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        name: ClassVar[str] = "broken"

        def __init__(self) -> None:
            raise ToolError("no such device")

    monkeypatch.setitem(registry.BACKENDS, "broken", Broken)
    assert find("broken: target") == Finding("broken: target", False, "no such device")
