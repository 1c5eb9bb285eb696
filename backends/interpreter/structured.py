"""Structured operations: loops, indexing maps and a scalar body, evaluated on whole arrays."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.contraction import contract
from stepwell.backends.interpreter.element_types import Array
from stepwell.backends.interpreter.indexing import load, store
from stepwell.backends.interpreter.operand_views import Box, OperandMap, grids, loop_extents, view, write
from stepwell.backends.interpreter.patterns import Combiner, Product, find_combiners, find_product
from stepwell.backends.interpreter.program import Body
from stepwell.backends.interpreter.registry import Frame

# Elements of the largest intermediate of one evaluation; more is split along the loops.
_BODY_ELEMENTS = 1 << 21
_MATRIX_ELEMENTS = 1 << 25

Cost = Callable[[Box], int]

_ELEMENTWISE_DIALECTS = frozenset({"arith", "math", "complex"})
_ELEMENTWISE_OPERATIONS = frozenset({
    "linalg.index", "linalg.yield", "tensor.extract", "memref.load", "cf.assert", "affine.apply", "affine.min",
    "affine.max", "affine.load", "tensor.dim", "memref.dim",
})  # fmt: skip


@dataclass
class Structured:
    """A structured operation, analysed once.

    Attributes:
        name: of the operation, for messages.
        inputs: how many operands are inputs; the rest are outputs.
        maps: one for each operand.
        parallel: the loops that the outputs use, or that the operation calls parallel.
        body: the whole body.
        values: the body without its combiners, if it is a reduction by combiners.
        grid_slot: where ``linalg.index`` finds the loops' indices.
        reads_output: whether the body reads each output.
    """

    name: str
    inputs: int
    maps: list[OperandMap]
    parallel: list[int]
    body: Body
    values: Body | None
    combiners: list[Combiner] | None
    product: Product | None
    vectorised: bool
    grid_slot: int
    reads_output: list[bool]

    def run(self, frame: Frame, operands: list[Array]) -> None:
        """Evaluate with ``operands``; the outputs among them are changed in place."""
        extents = loop_extents(self.maps, [operand.shape for operand in operands], self.name)
        if 0 in extents:
            return
        reduction = [i for i in range(len(extents)) if i not in self.parallel]
        whole: Box = [(0, extent) for extent in extents]
        if not self.vectorised:
            self._run_points(frame, operands, whole)
        elif self.product is not None:
            for box in self._boxes(whole, _MATRIX_ELEMENTS, self._matrix_cost):
                self._run_product(operands, box, self.product)
        elif not reduction:
            for box in self._boxes(whole, _BODY_ELEMENTS, _volume):
                self._run_parallel(frame, operands, box)
        elif self.combiners is not None:
            for box in self._boxes(whole, _BODY_ELEMENTS, _volume):
                self._run_combiners(frame, operands, box, reduction)
        else:
            for box in self._boxes(whole, _MATRIX_ELEMENTS, _volume):
                self._run_reduction_loop(frame, operands, box, reduction)

    def _boxes(self, box: Box, limit: int, cost: Cost) -> Iterator[Box]:
        """``box`` halved along its longest loop, parallel ones first, until each part costs at most ``limit``."""
        candidates = [i for i in self.parallel if box[i][1] - box[i][0] > 1]
        candidates = candidates or [i for i, (low, high) in enumerate(box) if high - low > 1]
        if cost(box) <= limit or not candidates:
            yield box
            return
        loop = max(candidates, key=lambda i: box[i][1] - box[i][0])
        low, high = box[loop]
        middle = (low + high) // 2
        for part in ((low, middle), (middle, high)):
            yield from self._boxes([*box[:loop], part, *box[loop + 1 :]], limit, cost)

    def _matrix_cost(self, box: Box) -> int:
        return max(math.prod(box[i][1] - box[i][0] for i in map_.used) for map_ in self.maps)

    def _views(self, operands: list[Array], box: Box) -> list[Array]:
        return [view(operand, map_, box) for operand, map_ in zip(operands, self.maps, strict=True)]

    def _run_parallel(self, frame: Frame, operands: list[Array], box: Box) -> None:
        frame[self.grid_slot] = grids(box)
        results = self.body.run(frame, self._views(operands, box)[: len(self.body.arguments)])
        for operand, map_, result in zip(operands[self.inputs :], self.maps[self.inputs :], results, strict=True):
            write(operand, map_, box, result)

    def _run_combiners(self, frame: Frame, operands: list[Array], box: Box, reduction: list[int]) -> None:
        assert self.values is not None
        assert self.combiners is not None
        frame[self.grid_slot] = grids(box)
        values = self.values.run(frame, self._views(operands, box))
        shape = [high - low for low, high in box]
        outputs = zip(operands[self.inputs :], self.maps[self.inputs :], self.combiners, values, strict=True)
        for operand, map_, combiner, value in outputs:
            folded = combiner.reduce(np.broadcast_to(value, shape), tuple(reduction))
            write(operand, map_, box, combiner.combine(view(operand, map_, box), folded))

    def _run_product(self, operands: list[Array], box: Box, product: Product) -> None:
        chosen = (product.left.operand, product.right.operand)
        left, right = (view(operands[i], self.maps[i], box) for i in chosen)
        extents = [high - low for low, high in box]
        total = contract(product, left, right, extents, self.parallel, [self.maps[i].used for i in chosen])
        assert self.combiners is not None
        output, map_ = operands[-1], self.maps[-1]
        write(output, map_, box, self.combiners[0].combine(view(output, map_, box), total))

    def _run_reduction_loop(self, frame: Frame, operands: list[Array], box: Box, reduction: list[int]) -> None:
        views = self._views(operands, box)
        inputs = views[: self.inputs]
        totals: list[Array] = [np.array(output) for output in views[self.inputs :]]
        every = grids(box)
        for point in itertools.product(*(range(box[i][1] - box[i][0]) for i in reduction)):
            at = [slice(None)] * len(box)
            for loop, position in zip(reduction, point, strict=True):
                at[loop] = slice(position, position + 1)
            frame[self.grid_slot] = [grid[_inside(at, grid)] for grid in every]
            totals = self.body.run(frame, [*(array[_inside(at, array)] for array in inputs), *totals])
        for operand, map_, total in zip(operands[self.inputs :], self.maps[self.inputs :], totals, strict=True):
            write(operand, map_, box, total)

    def _run_points(self, frame: Frame, operands: list[Array], whole: Box) -> None:
        """One point after the other, for bodies with control flow."""
        for point in itertools.product(*(range(high) for _, high in whole)):
            index = [np.int64(position) for position in point]
            frame[self.grid_slot] = index
            places = [map_.function(index, ()) for map_ in self.maps]
            arguments = [load(operand, place) for operand, place in zip(operands, places, strict=True)]
            results = self.body.run(frame, arguments[: len(self.body.arguments)])
            for operand, place, result in zip(operands[self.inputs :], places[self.inputs :], results, strict=True):
                store(result, operand, place)


def _volume(box: Box) -> int:
    return math.prod(high - low for low, high in box)


def _inside(at: list[slice], array: Array) -> tuple[slice, ...]:
    return tuple(slice(None) if size == 1 else part for part, size in zip(at, array.shape, strict=True))


def analyse(op: ir.Operation, inputs: int) -> tuple[list[Combiner] | None, Product | None, bool]:
    """The combiners and the sum of products of ``op``'s body, and whether it can be evaluated on arrays."""
    block = op.regions[0].blocks[0]
    vectorised = all(
        inner.operation.name.partition(".")[0] in _ELEMENTWISE_DIALECTS
        or inner.operation.name in _ELEMENTWISE_OPERATIONS
        for inner in block.operations
    )
    if not vectorised or len(block.arguments) != len(op.operands):
        return None, None, vectorised
    combiners = find_combiners(block, inputs)
    return combiners, find_product(block, combiners), vectorised
