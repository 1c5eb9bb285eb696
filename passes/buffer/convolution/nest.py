"""Loops, constants and segments for hand-written nests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, scf

#: A size: a number where it is static, else an ``index`` value.
Extent: TypeAlias = int | ir.Value


class Nest:
    """Builds a nest at the insertion point; constants and sizes gather in front of it."""

    def __init__(self) -> None:
        self.index = ir.IndexType.get()
        self._anchor = arith.constant(self.index, 0)
        self._constants: dict[int, ir.Value] = {0: self._anchor}
        self._sizes: dict[tuple[ir.Value, int], ir.Value] = {}

    def constant(self, value: int) -> ir.Value:
        """An index constant."""
        if value not in self._constants:
            with ir.InsertionPoint(self._anchor.owner):
                self._constants[value] = arith.constant(self.index, value)
        return self._constants[value]

    def size(self, buffer: ir.Value, axis: int) -> Extent:
        """The size of ``buffer`` along ``axis``."""
        kind = ir.MemRefType(buffer.type)
        if not kind.is_dynamic_dim(axis):
            return int(kind.shape[axis])
        if (buffer, axis) not in self._sizes:
            with ir.InsertionPoint(self._anchor.owner):
                self._sizes[buffer, axis] = memref.dim(buffer, arith.constant(self.index, axis))
        return self._sizes[buffer, axis]

    def value(self, extent: Extent) -> ir.Value:
        """``extent`` as an ``index`` value."""
        return self.constant(extent) if isinstance(extent, int) else extent

    def add(self, value: ir.Value, offset: int) -> ir.Value:
        """``value + offset``."""
        return arith.addi(value, self.constant(offset)) if offset else value

    def loop(self, lower: Extent, upper: Extent, step: int, body: Callable[[ir.Value], None]) -> None:
        """``scf.for``; a single iteration is not a loop."""
        if isinstance(lower, int) and isinstance(upper, int) and lower < upper <= lower + step:
            body(self.constant(lower))
            return
        made = scf.ForOp(self.value(lower), self.value(upper), self.constant(step))
        with ir.InsertionPoint(made.body):
            body(made.induction_variable)
            scf.yield_([])

    def carry(
        self,
        upper: int,
        step: int,
        values: list[ir.Value],
        body: Callable[[ir.Value, list[ir.Value]], list[ir.Value]],
    ) -> list[ir.Value]:
        """``scf.for`` from 0 with carried values."""
        if upper <= step:
            return body(self.constant(0), values)
        made = scf.ForOp(self.constant(0), self.constant(upper), self.constant(step), values)
        with ir.InsertionPoint(made.body):
            scf.yield_(body(made.induction_variable, list(made.inner_iter_args)))
        return list(made.results)

    def parallel(self, ranges: Sequence[tuple[Extent, Extent, int]], body: Callable[[list[ir.Value]], None]) -> None:
        """``scf.parallel`` over (lower, upper, step), outermost first."""
        bounds = [self.value(lower) for lower, _, _ in ranges] + [self.value(upper) for _, upper, _ in ranges]
        bounds += [self.constant(step) for _, _, step in ranges]
        count = len(ranges)
        made = ir.Operation.create(
            "scf.parallel",
            operands=bounds,
            attributes={"operandSegmentSizes": ir.DenseI32ArrayAttr.get([count, count, count, 0])},
            regions=1,
        )
        block = made.regions[0].blocks.append(*[self.index] * count)
        with ir.InsertionPoint(block):
            body(list(block.arguments))
            scf.reduce([], 0)

    def segments(self, extent: Extent, tile: int) -> list[tuple[Extent, Extent, int]]:
        """(lower, upper, step) that cover ``extent``: whole tiles, then what is left; single steps if dynamic."""
        if isinstance(extent, int):
            main = extent - extent % tile
            parts: list[tuple[Extent, Extent, int]] = [(0, main, tile), (main, extent, extent - main)]
            return [part for part in parts if part[0] != part[1]]
        main_end = arith.muli(arith.divui(extent, self.constant(tile)), self.constant(tile))
        return [(0, main_end, tile), (main_end, extent, 1)]
