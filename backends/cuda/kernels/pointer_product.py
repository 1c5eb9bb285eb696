"""What products by ``mma.sync`` and without tensor cores have in common: matrices at addresses, with any pitch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith, gpu, llvm

from stepwell.backends.cuda.kernels import global_memory as gm
from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.elements import ELEMENTS, RESULT_BYTES, Element, check_result
from stepwell.backends.cuda.kernels.epilogue import Epilogue, MakeEpilogue, store_sums
from stepwell.backends.cuda.kernels.raster import raster
from stepwell.backends.cuda.kernels.tile_copy import Matrix
from stepwell.backends.cuda.kernels.word import Word

_ARGUMENTS = 13


@dataclass(frozen=True)
class PointerProblem:
    """What is multiplied.

    Attributes:
        element: of both matrices, a name of ``ELEMENTS``.
        result: what is stored, a name of ``RESULT_BYTES``.
        left_transposed: whether the left matrix lies in memory column by column.
        right_transposed: whether the right one does (as weights of a linear layer do).
        alignment: bytes, a power of two up to 16; in both matrices, rows of the memory begin and end at multiples.
        paired: whether rows of the result begin at multiples of two elements and have an even length.
    """

    element: str
    result: str
    left_transposed: bool = False
    right_transposed: bool = False
    alignment: int = 16
    paired: bool = True

    @property
    def kind(self) -> Element:
        """The element type."""
        return ELEMENTS[self.element]

    def check(self, elements: Sequence[str], *, epilogue: bool) -> None:
        """Raise ValueError where a family that takes ``elements`` does not do this."""
        if self.element not in elements:
            raise ValueError(f"elements are {', '.join(elements)}, not {self.element}")
        if self.alignment not in (1, 2, 4, 8, 16) or self.alignment < self.kind.bytes:
            raise ValueError(f"{self.element} is aligned to {self.kind.bytes} to 16 bytes, not {self.alignment}")
        check_result(self.element, self.result, epilogue=epilogue)


@dataclass(frozen=True)
class PointerProduct:
    """One tile of a block, and what it is computed from.

    Attributes:
        left, right: matrices of this tile's plane.
        k: the depth.
        row, column: where the tile begins.
        result: stores sums.
    """

    left: Matrix
    right: Matrix
    k: Word
    row: Word
    column: Word
    result: PairStore


def build_pointer_product(
    name: str,
    problem: PointerProblem,
    tile: tuple[int, int, int],
    threads: int,
    blocks: int,
    body: Callable[[PointerProduct], None],
    epilogue: MakeEpilogue | None,
    extra: Sequence[ir.Type],
) -> None:
    """The kernel ``name(left, right, result, M, N, K, batch, pitches, planes, ...)`` at the insertion point.

    Pitches (i32, from row to row of the memory) and planes (i64, from matrix to matrix) are of left, right and result,
    in elements. There is a block for each tile of each plane.

    Args:
        tile: rows, columns, and how many tiles below each other are worked on before the next column.
        threads: of a block.
        blocks: that a multiprocessor must have room for.
        body: builds what computes a tile.
        epilogue: makes the epilogue from the kernel's ``extra`` arguments.
    """
    pointer = ir.Type.parse("!llvm.ptr")
    i32, i64 = (ir.IntegerType.get_signless(width) for width in (32, 64))
    kind = ir.FunctionType.get([pointer] * 3 + [i32] * 7 + [i64] * 3 + list(extra), [])
    function = gpu.GPUFuncOp(kind, name, kernel=True, known_block_size=[threads, 1, 1])
    function.operation.attributes["nvvm.minctasm"] = ir.IntegerAttr.get(i32, blocks)
    entry = function.add_entry_block()
    with ir.InsertionPoint(entry):
        arguments = list(entry.arguments)
        made = store_sums if epilogue is None else epilogue(arguments[_ARGUMENTS:])
        body(_product(problem, tile, made, arguments))
        gpu.return_([])


def _product(
    problem: PointerProblem, tile: tuple[int, int, int], epilogue: Epilogue, arguments: Sequence[ir.Value]
) -> PointerProduct:
    rows, columns, group = tile
    m, n, k = (Word(value) for value in arguments[3:6])
    down, across = (m + (rows - 1)) // rows, (n + (columns - 1)) // columns
    batch, vertical, horizontal = raster(isa.block(), down, across, group)
    sizes = [problem.kind.bytes, problem.kind.bytes, RESULT_BYTES[problem.result]]
    shapes = [
        (k, m) if problem.left_transposed else (m, k),
        (n, k) if problem.right_transposed else (k, n),
        (m, n),
    ]
    matrices = []
    for number, (size, (outer, inner)) in enumerate(zip(sizes, shapes, strict=True)):
        plane = arith.muli(arith.muli(batch.wide(), arguments[10 + number]), _i64(size))
        base = arith.addi(llvm.ptrtoint(ir.IntegerType.get_signless(64), arguments[number]), plane)
        matrices.append(Matrix(base, Word(arguments[7 + number]) * size, outer, inner * size))
    left, right, result = matrices
    store = PairStore(problem, epilogue, result, batch, m, n)
    return PointerProduct(left, right, k, vertical * rows, horizontal * columns, store)


@dataclass(frozen=True)
class PairStore:
    """Stores sums of two columns at a time through the epilogue."""

    problem: PointerProblem
    epilogue: Epilogue
    result: Matrix
    batch: Word
    m: Word
    n: Word

    def store(self, row: Word, column: Word, sums: Sequence[ir.Value]) -> None:
        """Store the sums of (row, column) and (row, column + 1), as far as they lie in the result."""
        size = RESULT_BYTES[self.problem.result]
        first, second = self.epilogue(sums, self.batch, row, column)
        below = row.is_less(self.m)
        inside = [arith.andi(below, (column + step).is_less(self.n)) for step in range(2)]
        address = gm.at(self.result.base, row, self.result.pitch, column * size)
        if self.problem.paired:
            gm.store_global(address, *self._together(first, second), inside[0])
            return
        for step, (value, kind) in enumerate(self._apart(first, second)):
            gm.store_global(arith.addi(address, _i64(step * size)), [value], kind, inside[step])

    def _together(self, first: ir.Value, second: ir.Value) -> tuple[list[ir.Value], ir.Type]:
        """Both as stored, and the type of the store."""
        i16, i32 = (ir.IntegerType.get_signless(width) for width in (16, 32))
        if self.problem.result == "s8":
            return [isa.pack_bytes(first, second)], i16
        if self.problem.result in _HALVES:
            return [isa.pack_halves(first, second, _HALVES[self.problem.result].get())], i32
        return [first, second], first.type

    def _apart(self, first: ir.Value, second: ir.Value) -> list[tuple[ir.Value, ir.Type]]:
        values, kind = self._together(first, second)
        if len(values) == 2:
            return [(value, kind) for value in values]
        bits = 8 * RESULT_BYTES[self.problem.result]
        both = Word(values[0])
        return [(part.value, ir.IntegerType.get_signless(bits)) for part in (both, both >> bits)]


_HALVES = {"bf16": ir.BF16Type, "f16": ir.F16Type}


def _i64(number: int) -> ir.Value:
    kind = ir.IntegerType.get_signless(64)
    return arith.ConstantOp(kind, ir.IntegerAttr.get(kind, number)).result
