"""A kernel's function read as a matrix product: its sizes, how matrices lie in memory, and what is done to its sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels.elementary.functions import expand
from stepwell.backends.cuda.kernels.epilogue import End, Epilogue, MakeEpilogue
from stepwell.backends.cuda.kernels.evaluate import Elements
from stepwell.backends.cuda.kernels.launch import Values, in_memory
from stepwell.backends.cuda.kernels.products.convolution import roles_of, window_of
from stepwell.backends.cuda.kernels.products.pairs import Pairs
from stepwell.backends.cuda.kernels.window import Window
from stepwell.backends.cuda.kernels.word import Word
from stepwell.passes.buffer.entry import return_op
from stepwell.passes.tensor import index as ix
from stepwell.passes.tensor.index import Index
from stepwell.passes.tensor.kernels.contraction import Contraction, match_contraction, planes_of_rows
from stepwell.passes.tensor.kernels.fills import is_fill
from stepwell.passes.tensor.kernels.windows import is_zero, match_windows
from stepwell.support.walk import outer_first

_FLOAT8 = {"f8E4M3FN": "e4m3", "f8E5M2": "e5m2"}
_RESULTS = {"f32": "f32", "f16": "f16", "bf16": "bf16", "f64": "f64", "i32": "s32", **dict.fromkeys(_FLOAT8, "s8")}
"""What is stored; an epilogue answers 8-bit floats by their bits."""
_ELEMENTS = {"f32": "f32", "f16": "f16", "bf16": "bf16", "f64": "f64", "i8": "s8", **_FLOAT8}
_SUMS = {"f32": "f32", "f16": "f32", "bf16": "f32", "f64": "f64", "i8": "i32", **dict.fromkeys(_FLOAT8, "f32")}


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
        element, result: types of both matrices and of what is stored, as the families name them; matrices of f32 are
            ``tf32`` where tensor cores are to multiply them.
        left_transposed, right_transposed: whether a matrix lies column by column.
        window: of a convolution: what its left matrix is of images; its batches are the groups of channels.
    """

    def __init__(
        self, function: ir.Operation, roles: Contraction, left: ir.Value, window: Window | None, *, tf32: bool
    ) -> None:
        self.block = function.regions[0].blocks[0]
        self.contraction, self.window = roles, window
        self.final = return_op(function.opview).operands[0]
        self.left, self.right = left, roles.op.operands[roles.right]
        element = _ELEMENTS[str(self._type(self.left).element_type)]
        self.element = "tf32" if tf32 and element == "f32" else element
        self.result = _RESULTS[str(self._type(self.final).element_type)]
        c = roles
        self.left_transposed = window is None and c.maps[0] == c.batch + c.depth + c.row
        self.right_transposed = c.maps[1] == c.batch + c.column + c.depth

    @staticmethod
    def read(function: ir.Operation, *, tf32: bool = False) -> Product | None:
        """The product of ``function``; None where matrices are not dense planes of rows, or types are no family's."""
        ops = [op.operation for op in function.regions[0].blocks[0].operations]
        read = (_matrices(function, op, tf32) or _images(function, op, tf32) for op in ops)
        found = next((product for product in read if product is not None), None)
        if found is None or not isinstance(found.left, ir.BlockArgument) or not _starts_at_zero(found.contraction.op):
            return None
        return found if isinstance(found.right, ir.BlockArgument) else None

    @staticmethod
    def _type(value: ir.Value) -> ir.RankedTensorType:
        return ir.RankedTensorType(value.type)

    # -- sizes --------------------------------------------------------------------------------------------------------

    @cached_property
    def static(self) -> tuple[int | None, int | None, int | None, int | None]:
        """Batch, rows, columns and depth, None where they are not known."""
        c = self.contraction
        matrix, dims = self._deep
        shapes = (self._type(c.op.results[0]), c.maps[2]), (self._type(matrix), dims)
        known: dict[int, int | None] = {}
        for kind, axes in shapes:
            for axis, dim in enumerate(axes):
                known[dim] = None if kind.is_dynamic_dim(axis) else int(kind.shape[axis])
        batch, row, column, depth = (_product([known[d] for d in dims]) for dims in (c.batch, c.row, c.column, c.depth))
        return batch, row, column, depth

    def extents(self, values: Values) -> Extents:
        """The sizes in host code, from the function's arguments."""
        c = self.contraction
        matrix, dims = self._deep
        out, sizes = ix.sizes_of(values[-1]), ix.sizes_of(values[self._position(matrix)])
        extent = {dim: out[axis] for axis, dim in enumerate(c.maps[2])}
        extent |= {dim: sizes[axis] for axis, dim in enumerate(dims)}
        sizes = [ix.product([extent[dim] for dim in dims]) for dims in (c.batch, c.row, c.column, c.depth)]
        return Extents(*sizes)

    @property
    def _deep(self) -> tuple[ir.Value, tuple[int, ...]]:
        """A matrix that has the depth, and the dimension of each of its axes."""
        return (self.left, self.contraction.maps[0]) if self.window is None else (self.right, self.contraction.maps[1])

    def inner(self) -> tuple[int | None, int | None, int | None]:
        """Elements in a row of memory of the left matrix (a pixel of images), the right one and the result."""
        batch, rows, columns, depth = self.static
        if self.window is not None:
            whole = None if columns is None or batch is None else columns * batch
            return self.window.channels, (depth if self.right_transposed else columns), whole
        return (rows if self.left_transposed else depth), (depth if self.right_transposed else columns), columns

    def pitches(self, extents: Extents) -> list[Index]:
        """Elements from row to row of the memory of both matrices and the result; images have none."""
        rows, columns, depth = extents.rows, extents.columns, extents.depth
        right = depth if self.right_transposed else columns
        if self.window is not None:
            return [0, right, ix.multiply(columns, extents.batch)]
        return [rows if self.left_transposed else depth, right, columns]

    def planes(self, extents: Extents) -> list[Index]:
        """Elements from one matrix of a batch to the next; groups of channels lie beside each other."""
        rows, columns, depth = extents.rows, extents.columns, extents.depth
        if self.window is not None:
            return [self.window.channels, ix.multiply(depth, columns), columns]
        return [ix.multiply(rows, depth), ix.multiply(depth, columns), ix.multiply(rows, columns)]

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

    @property
    def alike(self) -> list[ir.Value]:
        """Those of these arguments that lie as the result does, whose rows are rows of memory."""
        c, final = self.contraction, self._type(self.final)
        if c.maps[2] != c.batch + c.row + c.column:
            return []
        tensors = [value for value in self.used if isinstance(value.type, ir.RankedTensorType)]
        return [value for value in tensors if self._type(value).shape == final.shape]

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

        def begin(batch: Word, row: Word, column: Word) -> End:
            sizes = self._result_sizes(values)
            pairs = Pairs(self, values, sizes, batch, row, column)

            def end(sums: Sequence[ir.Value]) -> Sequence[ir.Value]:
                results = []
                for step, total in enumerate(sums):
                    indices = self._indices(sizes, batch, row, column + step)
                    elements = Elements(values, {root: _always(total), **pairs.known(step, indices)}, functions)
                    results.append(_widened(elements.element(self.final, indices)))
                return results

            return end

        return begin

    def _result_sizes(self, values: dict[ir.Value, ir.Value]) -> list[Index]:
        return Elements(values).sizes(self.final)

    def _indices(self, sizes: Sequence[Index], batch: Word, row: Word, column: Word) -> list[Index]:
        """Where a sum belongs in the result, inside of it."""
        c = self.contraction
        found: dict[int, Index] = {}
        for number, dims in ((batch, c.batch), (row, c.row), (column, c.column)):
            lengths = [sizes[c.maps[2].index(dim)] for dim in dims]
            if lengths:
                last = arith.subi(ix.value(ix.product(lengths)), ix.value(1))
                wide = arith.index_castui(ir.IndexType.get(), number.value)
                found.update(zip(dims, ix.split(arith.minui(wide, last), lengths), strict=True))
        return [found[dim] for dim in c.maps[2]]

    def _position(self, argument: ir.Value) -> int:
        return list(self.block.arguments).index(argument)


def _matrices(function: ir.Operation, op: ir.Operation, tf32: bool) -> Product | None:
    """``op`` as a product of matrices."""
    c = match_contraction(op)
    if c is None or not planes_of_rows(c) or not _takes(function, op, op.operands[c.left]):
        return None
    return Product(function, c, op.operands[c.left], None, tf32=tf32)


def _images(function: ir.Operation, op: ir.Operation, tf32: bool) -> Product | None:
    """``op`` as a convolution."""
    windows = match_windows(op)
    if windows is None or not windows.is_convolution or not _takes(function, op, windows.image):
        return None
    roles = roles_of(windows)
    return None if roles is None else Product(function, roles, windows.image, window_of(windows), tf32=tf32)


def _takes(function: ir.Operation, op: ir.Operation, left: ir.Value) -> bool:
    """Whether there is a family for the types."""
    final = return_op(function.opview).operands[0]
    kinds = [str(ir.RankedTensorType(value.type).element_type) for value in (left, *list(op.operands)[:2], final)]
    total = str(ir.RankedTensorType(op.results[0].type).element_type)
    if len({*kinds[:3]}) > 1 or _SUMS.get(kinds[0]) != total or kinds[3] not in _RESULTS:
        return False
    return (kinds[0] == "f64") == (kinds[3] == "f64")


def _starts_at_zero(op: ir.Operation) -> bool:
    start = op.operands[2].owner
    return not isinstance(start, ir.Block) and is_fill(start.operation) and is_zero(start.operation.operands[0])


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
    """What an epilogue answers: f32 for floats of 16 bits, the bits of those of 8."""
    if str(number.type) in _FLOAT8:
        byte = arith.bitcast(ir.IntegerType.get_signless(8), number)
        return arith.extsi(ir.IntegerType.get_signless(32), byte)
    narrow = isinstance(number.type, ir.BF16Type | ir.F16Type)
    return arith.extf(ir.F32Type.get(), number) if narrow else number
