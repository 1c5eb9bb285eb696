"""Plugins that are installed as packages: found by their entry points, loaded when they are asked for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """
import torch
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects.ext import Dialect, Operand, Result

import stepwell
from stepwell.backends.interpreter.backend import InterpreterBackend
from stepwell.backends.registry import register as register_target
from stepwell.dialects.registry import register_dialect
from stepwell.passes.base import Pass
from stepwell.passes.registry import register as register_pass

@torch.library.custom_op("abacus::double", mutates_args=())
def double(x: torch.Tensor) -> torch.Tensor:
    return x * 2

double.register_fake(lambda x: torch.empty_like(x))

class Double(torch.nn.Module):
    def forward(self, x):
        return torch.ops.abacus.double(x) + 1

def make():
    return Double(), (torch.ones(3),)

def register():
    print("loaded")

    @register_pass
    @dataclass
    class Nothing(Pass):
        name: ClassVar[str] = "abacus-nothing"
        summary: ClassVar[str] = "leaves everything as it is"

        def run(self, op, context):
            pass

    @register_target
    class Abacus(InterpreterBackend):
        name = "abacus"

    class Beads(Dialect, name="beads"):
        pass

    class MoveOp(Beads.Operation, name="move"):
        count: Operand[ir.IntegerType[64]]
        left: Result[ir.IntegerType[64]]

    register_dialect(Beads)
    stepwell.register_lowering("abacus::double")(lambda x: x + x)
"""
IR = """func.func @main(%x: i64) -> i64 {
  %y = "beads.move"(%x) : (i64) -> i64
  return %y : i64
}
"""


@pytest.fixture
def distribution(tmp_path: Path) -> Path:
    """A folder with an installed distribution that has a plugin."""
    facts = tmp_path / "stepwell_abacus-1.2.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: stepwell-abacus\nVersion: 1.2\n")
    (facts / "entry_points.txt").write_text("[stepwell.plugins]\nbeads = abacus_plugin:register\n")
    (tmp_path / "abacus_plugin.py").write_text(MODULE)
    (tmp_path / "beads.mlir").write_text(IR)
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


def test_what_an_installed_plugin_brings(distribution: Path) -> None:
    script = """
import torch, stepwell, abacus_plugin
model, args = abacus_plugin.make()
print("made")
print(stepwell.compile(model, args)(torch.ones(3)), stepwell.pipeline("abacus") is not None)
"""
    done = run(distribution, "-c", script)
    assert done.stdout.split() == ["made", "loaded", "tensor([3.,", "3.,", "3.])", "True"], done.stderr


def test_the_command_lines_have_it(distribution: Path) -> None:
    opt = run(distribution, "-m", "stepwell.driver.opt", "beads.mlir")
    assert opt.returncode == 0 and opt.stdout.count("loaded") == 1 and "beads.move" in opt.stdout, opt.stderr
    lowered = run(distribution, "-m", "stepwell.driver.cli", "lower", "abacus_plugin:make", "--target", "abacus")
    assert lowered.returncode == 0 and "arith.addf" in lowered.stdout, lowered.stderr


def test_what_needs_no_plugin_loads_none(distribution: Path) -> None:
    (distribution / "plain.mlir").write_text(IR.replace('"beads.move"(%x) : (i64) -> i64', "arith.addi %x, %x : i64"))
    done = run(distribution, "-m", "stepwell.driver.opt", "plain.mlir")
    assert done.returncode == 0 and "loaded" not in done.stdout


def test_a_broken_one_is_named_with_its_package(distribution: Path) -> None:
    (distribution / "abacus_plugin.py").write_text("raise RuntimeError('no beads')\n")
    done = run(distribution, "-m", "stepwell.driver.opt", "--abacus-nothing", "beads.mlir")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "the plugin 'beads' of the package 'stepwell-abacus' can't be loaded: RuntimeError: no beads" in done.stderr
