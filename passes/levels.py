"""The levels as contracts: which dialects are legal at each."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir

from stepwell.support.errors import LevelError, UsageError
from stepwell.support.locations import describe_location
from stepwell.support.walk import operations


@dataclass(frozen=True)
class Level:
    """A level of the staircase.

    Attributes:
        dialects: legal dialects.
        operations: single operations that are legal although their dialect is not.
        forbidden: single operations that are illegal although their dialect is legal.
        tensors: whether values may be tensors; below, arithmetic of legal dialects on them is illegal too.
        summary: what happens here, in one line.
    """

    name: str
    summary: str
    dialects: frozenset[str]
    operations: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()
    tensors: bool = True

    def allows(self, op_name: str) -> bool:
        """Whether an operation may stand at this level."""
        if op_name in self.forbidden:
            return False
        return op_name in self.operations or op_name.partition(".")[0] in self.dialects


_COMMON = frozenset({"builtin", "func", "arith", "math", "cf", "ub"})

LEVELS: dict[str, Level] = {
    level.name: level
    for level in (
        Level(
            "graph",
            "shape inference, simplification, compression",
            frozenset({"builtin", "func", "torch", "torch_c", "numeric"}),
        ),
        Level(
            "tensor",
            "fusion, layout, tiling, vectorisation",
            _COMMON | {"linalg", "tensor", "scf", "affine", "vector", "complex"},
            operations=frozenset({"bufferization.materialize_in_destination", "bufferization.alloc_tensor"}),
        ),
        Level(
            "buffer",
            "memory plan, loops, unrolling",
            _COMMON | {"memref", "affine", "scf", "vector", "linalg", "complex", "llvm", "x86"},
            tensors=False,
        ),
        Level(
            "kernel",
            "kernels for an accelerator beside the host code that launches them",
            _COMMON | {"memref", "affine", "scf", "vector", "gpu"},
            forbidden=frozenset({"gpu.launch"}),
            tensors=False,
        ),
        Level("backend", "machine code, PTX, SystemVerilog", frozenset({"builtin", "llvm", "gpu", "nvvm"})),
        Level("hardware", "streams and components", frozenset({"builtin", "stream"})),
    )
}


def level(name: str) -> Level:
    """The level called ``name``."""
    if name not in LEVELS:
        raise UsageError(f"there is no level '{name}'", hint=f"levels are {', '.join(LEVELS)}")
    return LEVELS[name]


def _makes_tensors(op: ir.Operation) -> bool:
    return any(_is_tensor(value) for value in op.results) or any(
        _is_tensor(value) for region in op.regions for block in region for value in block.arguments
    )


def _is_tensor(value: ir.Value) -> bool:
    return isinstance(value.type, (ir.RankedTensorType, ir.UnrankedTensorType))


def check_level(module: ir.Operation, name: str) -> None:
    """Check that every operation below ``module`` is legal at level ``name``.

    Raises:
        LevelError: names the first illegal operations, how often each stands there, and where.
    """
    contract = level(name)
    illegal: dict[str, list[str]] = {}
    for op in operations(module):
        if not contract.allows(op.name):
            illegal.setdefault(op.name, []).append(describe_location(op.location))
        elif not contract.tensors and _makes_tensors(op):
            illegal.setdefault(f"{op.name} of tensors", []).append(describe_location(op.location))
    if illegal:
        listed = ", ".join(f"{op_name} ({len(places)})" for op_name, places in list(illegal.items())[:5])
        raise LevelError(
            f"not legal at level '{name}': {listed}",
            where=next(iter(illegal.values()))[0],
            hint="lower these operations before the level's boundary",
        )
