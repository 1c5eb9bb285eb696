"""vectorize: vector operations instead of small structured operations."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.pipeline import parse_element
from stepwell.passes.runner import run_element
from stepwell.passes.schedule import Vectorize as Step
from stepwell.passes.schedule import apply_patterns, apply_schedule
from stepwell.passes.tensor.structured import Loop, loops_of, structured_ops

_CLEANUP = (
    "vector.reduction_to_contract",
    "vector.transfer_permutation_patterns",
    "tensor.fold_tensor_subset_ops_into_vector_transfers",
    "canonicalization",
)


@dataclass
class Vectorize(Pass):
    """Turn structured operations whose whole iteration space fits into vectors, usually the inside of a tile.

    Options:
        sizes: vector sizes by dimension, for operations with that many dimensions; none takes each dimension's
            size, or the bound that tiling gave it.
        max_elements: operations with more iterations than this are left alone.
        ops: names of the operations to vectorise; none means all.

    Static shapes become plain vectors; ragged and dynamic ones are masked. A dynamic dimension is taken only if it
    provably fits.
    """

    name: ClassVar[str] = "vectorize"
    summary: ClassVar[str] = "vector operations instead of small structured operations"

    sizes: tuple[int, ...] = ()
    max_elements: int = 1024
    ops: tuple[str, ...] = ()

    def run(self, op: ir.Operation, context: PassContext) -> None:
        done, refused = 0, 0
        for target in structured_ops(op):
            if self.ops and target.name not in self.ops:
                continue
            step = self._step(loops_of(target))
            if step is None:
                continue
            failed = apply_schedule(target, [step]) is not None
            done, refused = done + (not failed), refused + failed
        if done:
            apply_patterns(op, _CLEANUP)
            run_element(parse_element("cse"), op, context)
        context.note(self.name, vectorized=done, refused=refused)

    def _step(self, loops: list[Loop]) -> Step | None:
        """How to vectorise an operation with these loops, or None if it does not fit."""
        if self.sizes and len(self.sizes) != len(loops):
            return None
        sizes = []
        for dim, loop in enumerate(loops):
            if loop.bound is None or loop.bound == 0:
                return None
            size = self.sizes[dim] if self.sizes else loop.bound
            if loop.bound > size:
                return None
            sizes.append(size)
        if prod(sizes) > self.max_elements:
            return None
        static = all(loop.size == size for loop, size in zip(loops, sizes, strict=True))
        return Step() if static else Step(tuple(sizes))
