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
            _COMMON | {"memref", "affine", "scf", "vector", "gpu", "nvgpu", "nvvm", "llvm"},
            forbidden=frozenset({"gpu.launch"}),
            tensors=False,
        ),
        Level("backend", "machine code, PTX, SystemVerilog", frozenset({"builtin", "llvm", "gpu", "nvvm"})),
        # affine, arith and memref: the bodies of stream.loops
        Level(
            "hardware",
            "streams and components",
            frozenset({"builtin", "stream", "affine", "arith", "memref"}),
            operations=frozenset({"math.absi"}),
        ),
    )
}


def level(name: str) -> Level:
    """The level called ``name``."""
    if name not in LEVELS:
        raise UsageError(f"there is no level '{name}'", hint=f"levels are {', '.join(LEVELS)}")
    return LEVELS[name]


_TENSORS = (ir.RankedTensorType, ir.UnrankedTensorType)


def _makes_tensors(op: ir.Operation) -> bool:
    for result in op.results:  # loops, since every operation of a module comes here
        if isinstance(result.type, _TENSORS):
            return True
    for region in op.regions:
        for block in region:
            if any(isinstance(argument.type, _TENSORS) for argument in block.arguments):
                return True
    return False


def check_level(module: ir.Operation, at: str) -> None:
    """Check that every operation below ``module`` is legal at level ``at``.

    Raises:
        LevelError: names the first illegal operations, how often each stands there, and where.
    """
    contract = level(at)
    illegal: dict[str, list[str]] = {}
    allowed: dict[str, bool] = {}
    for op in operations(module):
        name = op.name
        if name not in allowed:
            allowed[name] = contract.allows(name)
        if not allowed[name]:
            illegal.setdefault(name, []).append(describe_location(op.location))
        elif not contract.tensors and _makes_tensors(op):
            illegal.setdefault(f"{name} of tensors", []).append(describe_location(op.location))
    if illegal:
        listed = ", ".join(f"{op_name} ({len(places)})" for op_name, places in list(illegal.items())[:5])
        raise LevelError(
            f"not legal at level '{at}': {listed}",
            where=next(iter(illegal.values()))[0],
            hint="lower these operations before the level's boundary",
        )
