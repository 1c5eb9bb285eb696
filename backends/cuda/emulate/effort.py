"""How long emulating a program would take, counted without doing it."""

from __future__ import annotations

from math import prod

from torch_mlir import ir

from stepwell.support.errors import UnsupportedError
from stepwell.support.walk import named

_LIMIT = 3_000_000
_TOGETHER = 256
_UNKNOWN_TURNS = 4
_UNKNOWN_BLOCKS = 64


def check_effort(module: ir.Operation) -> None:
    """Refuse a program whose kernels would take minutes.

    Raises:
        UnsupportedError: that is so.
    """
    steps = {
        ir.StringAttr(function.attributes["sym_name"]).value: _steps(function.regions[0].blocks[0])
        for function in named(module, "gpu.func")
    }
    total = 0
    for launch in named(module, "gpu.launch_func"):
        view = launch.opview
        sizes = [_constant(size) for size in (view.gridSizeX, view.gridSizeY, view.gridSizeZ)]
        blocks = prod(size if size is not None else _UNKNOWN_BLOCKS for size in sizes)
        units = -(-(_constant(view.blockSizeX) or 1) // _TOGETHER)
        total += blocks * units * steps[ir.SymbolRefAttr(launch.attributes["kernel"]).value[-1]]
    if total > _LIMIT:
        raise UnsupportedError(
            f"emulating the kernels would take about {total} steps, {_LIMIT} are the limit",
            hint="try smaller inputs, or a part of the model",
        )


def _steps(block: ir.Block) -> int:
    """Of a unit of threads, where a loop of unknown length goes round a few times."""
    total = 0
    for view in block.operations:
        op = view.operation
        inner = sum(_steps(region.blocks[0]) for region in op.regions if len(region.blocks))
        total += 1 + inner * (_turns(op) if op.name in ("scf.for", "scf.while") else 1)
    return total


def _turns(op: ir.Operation) -> int:
    bounds = [_constant(value) for value in list(op.operands)[:3]] if op.name == "scf.for" else []
    known = [bound for bound in bounds if bound is not None]
    return max(0, -(-(known[1] - known[0]) // known[2])) if len(known) == 3 else _UNKNOWN_TURNS


def _constant(value: ir.Value) -> int | None:
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.operation.name != "arith.constant":
        return None
    return int(ir.IntegerAttr(owner.operation.attributes["value"]).value)
