"""A kernel's function read as a matrix product: its sizes, how matrices lie in memory, and what is done to its sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels.elementary.functions import expand
from stepwell.backends.cuda.kernels.epilogue import Epilogue, MakeEpilogue
from stepwell.backends.cuda.kernels.evaluate import Elements
from stepwell.backends.cuda.kernels.launch import Values, in_memory
from stepwell.backends.cuda.kernels.word import Word
from stepwell.passes.buffer.entry import return_op
from stepwell.passes.tensor import index as ix
from stepwell.passes.tensor.index import Index
from stepwell.passes.tensor.kernels.contraction import Contraction, match_contraction
from stepwell.support.walk import outer_first

_RESULTS = {"f32": "f32", "f16": "f16", "bf16": "bf16", "f64": "f64", "i32": "s32"}
_ELEMENTS = {"f32": "f32", "f16": "f16", "bf16": "bf16", "f64": "f64", "i8": "s8"}
_SUMS = {"f32": "f32", "f16": "f32", "bf16": "f32", "f64": "f64", "i8": "i32"}


@dataclass(frozen=True)
class Extents:
    """Sizes of a product, as numbers where they are known."""

    batch: Index
    rows: Index
    columns: Index
    depth: Index


class Product:
    """One product.

    Attributes:
        element, result: types of both matrices and of what is stored, as the families name them.
        left_transposed, right_transposed: whether a matrix lies column by column.
    """

    def __init__(self, function: ir.Operation, contraction: Contraction) -> None:
        self.block = function.regions[0].blocks[0]
        self.contraction = contraction
        self.final = return_op(function.opview).operands[0]
        operands = list(contraction.op.operands)
        self.left, self.right = operands[contraction.left], operands[contraction.right]
        self.element = _ELEMENTS[str(self._type(self.left).element_type)]
        self.result = _RESULTS[str(self._type(self.final).element_type)]
        c = contraction
        self.left_transposed = c.maps[0] == c.batch + c.depth + c.row
        self.right_transposed = c.maps[1] == c.batch + c.column + c.depth

    @staticmethod
    def read(function: ir.Operation) -> Product | None:
        """The product of ``function``; None where matrices are not dense planes of rows, or types are no family's."""
        ops = [op.operation for op in function.regions[0].blocks[0].operations]
        c = next(found for op in ops if (found := match_contraction(op)) is not None)
        left, right = c.op.operands[c.left], c.op.operands[c.right]
        final = return_op(function.opview).operands[0]
        kinds = [str(ir.RankedTensorType(value.type).element_type) for value in (left, right, final)]
        total = str(ir.RankedTensorType(c.op.results[0].type).element_type)
        if kinds[0] != kinds[1] or _SUMS.get(kinds[0]) != total or kinds[2] not in _RESULTS:
            return None
        if (kinds[0] == "f64") != (kinds[2] == "f64"):
            return None
        if not (isinstance(left, ir.BlockArgument) and isinstance(right, ir.BlockArgument)):
            return None
        if c.maps[2] != c.batch + c.row + c.column:
            return None
        if c.maps[0] not in (c.batch + c.row + c.depth, c.batch + c.depth + c.row):
            return None
        if c.maps[1] not in (c.batch + c.depth + c.column, c.batch + c.column + c.depth):
            return None
        return Product(function, c)

    @staticmethod
    def _type(value: ir.Value) -> ir.RankedTensorType:
        return ir.RankedTensorType(value.type)

    # -- sizes --------------------------------------------------------------------------------------------------------

    @cached_property
    def static(self) -> tuple[int | None, int | None, int | None, int | None]:
        """Batch, rows, columns and depth, None where they are not known."""
        c = self.contraction
        shapes = (self._type(self.final), c.maps[2]), (self._type(self.left), c.maps[0])
        known: dict[int, int | None] = {}
        for kind, axes in shapes:
            for axis, dim in enumerate(axes):
                known[dim] = None if kind.is_dynamic_dim(axis) else int(kind.shape[axis])
        batch, row, column, depth = (_product([known[d] for d in dims]) for dims in (c.batch, c.row, c.column, c.depth))
        return batch, row, column, depth

    def extents(self, values: Values) -> Extents:
        """The sizes in host code, from the function's arguments."""
        c = self.contraction
        out, left = ix.sizes_of(values[-1]), ix.sizes_of(values[self._position(self.left)])
        extent = {dim: out[axis] for axis, dim in enumerate(c.maps[2])}
        extent |= {dim: left[axis] for axis, dim in enumerate(c.maps[0])}
        sizes = [ix.product([extent[dim] for dim in dims]) for dims in (c.batch, c.row, c.column, c.depth)]
        return Extents(*sizes)

    def inner(self) -> tuple[int | None, int | None, int | None]:
        """Elements in a row of memory of the left matrix, the right one and the result."""
        _, rows, columns, depth = self.static
        return (rows if self.left_transposed else depth), (depth if self.right_transposed else columns), columns

    def matrices(self, values: Values) -> tuple[ir.Value, ir.Value, ir.Value]:
        """The buffers of both matrices and the result on the host."""
        return values[self._position(self.left)], values[self._position(self.right)], values[-1]

    # -- what follows -------------------------------------------------------------------------------------------------

    @cached_property
    def used(self) -> list[ir.Value]:
        """The function's arguments that operations beside the product read, or take sizes from."""
        used: list[ir.Value] = []
        arguments = list(self.block.arguments)
        ops = [op.operation for op in self.block.operations][:-1]
        for op in ops:
            for inner in outer_first(op) if op != self.contraction.op else ():
                used += [value for value in inner.operands if value in arguments and value not in used]
        return used

    @property
    def extra(self) -> list[ir.Type]:
        """The types of the kernel's further arguments, which the epilogue reads."""
        return [in_memory(argument.type) for argument in self.used]

    def passed(self, values: Values) -> list[ir.Value]:
        """These arguments on the host."""
        return [values[self._position(argument)] for argument in self.used]

    @property
    def make_epilogue(self) -> MakeEpilogue | None:
        """What follows the product; None where its sums are stored as they are."""
        if self.final == self.contraction.op.results[0]:
            return None
        return lambda arguments: self._epilogue(dict(zip(self.used, arguments, strict=True)))

    def _epilogue(self, values: dict[ir.Value, ir.Value]) -> Epilogue:
        root = self.contraction.op.results[0]
        functions = partial(expand, short=self.result == "bf16")

        def build(sums: Sequence[ir.Value], batch: Word, row: Word, column: Word) -> Sequence[ir.Value]:
            results = []
            sizes = self._result_sizes(values)
            for step, total in enumerate(sums):
                indices = self._indices(sizes, batch, row, column + step)
                elements = Elements(values, {root: _always(total)}, functions)
                results.append(_widened(elements.element(self.final, indices)))
            return results

        return build

    def _result_sizes(self, values: dict[ir.Value, ir.Value]) -> list[Index]:
        return Elements(values).sizes(self.final)

    def _indices(self, sizes: Sequence[Index], batch: Word, row: Word, column: Word) -> list[Index]:
        """Where a sum belongs in the result, inside of it."""
        c = self.contraction
        indices: list[Index] = []
        for number, dims in ((batch, c.batch), (row, c.row), (column, c.column)):
            lengths = [sizes[c.maps[2].index(dim)] for dim in dims]
            if lengths:
                last = arith.subi(ix.value(ix.product(lengths)), ix.value(1))
                wide = arith.index_castui(ir.IndexType.get(), number.value)
                indices += ix.split(arith.minui(wide, last), lengths)
        return indices

    def _position(self, argument: ir.Value) -> int:
        return list(self.block.arguments).index(argument)


def _product(sizes: Sequence[int | None]) -> int | None:
    total = 1
    for size in sizes:
        if size is None:
            return None
        total *= size
    return total


def _always(number: ir.Value) -> Callable[[Sequence[Index]], ir.Value]:
    return lambda indices: number


def _widened(number: ir.Value) -> ir.Value:
    """What an epilogue answers: f32 for narrower floats."""
    narrow = isinstance(number.type, ir.BF16Type | ir.F16Type)
    return arith.extf(ir.F32Type.get(), number) if narrow else number
