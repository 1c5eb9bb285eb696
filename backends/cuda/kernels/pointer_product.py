"""What products by ``mma.sync`` and without tensor cores have in common: matrices at addresses, with any pitch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import gpu

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.elements import ELEMENTS, RESULT_BYTES, Element, check_result
from stepwell.backends.cuda.kernels.epilogue import Epilogue, MakeEpilogue, store_sums
from stepwell.backends.cuda.kernels.pair_store import PairStore, matrix
from stepwell.backends.cuda.kernels.raster import raster
from stepwell.backends.cuda.kernels.tile_copy import Image, Matrix, Source
from stepwell.backends.cuda.kernels.window import Window
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
        window: of a convolution: what the left matrix is of images.
    """

    element: str
    result: str
    left_transposed: bool = False
    right_transposed: bool = False
    alignment: int = 16
    paired: bool = True
    window: Window | None = None

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
        if self.window is not None and (
            self.left_transposed or self.window.channels * self.kind.bytes % self.alignment
        ):
            raise ValueError(
                f"{self.window.channels} channels of {self.element} are not aligned to {self.alignment} bytes"
            )
        check_result(self.element, self.result, epilogue=epilogue)


@dataclass(frozen=True)
class PointerProduct:
    """One tile of a block, and what it is computed from.

    Attributes:
        left, right: matrices of this tile's plane, the left one maybe of images.
        k: the depth.
        row, column: where the tile begins.
        result: stores sums.
    """

    left: Source
    right: Source
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
    in elements; the left pitch is not used where a window reads images. There is a block for each tile of each plane.

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
        base = matrix(arguments[number], batch, arguments[10 + number], size)
        matrices.append(Matrix(base, Word(arguments[7 + number]) * size, outer, inner * size))
    left, right, result = matrices
    store = PairStore(problem.result, problem.paired, epilogue, result.base, result.pitch, batch, m, n)
    source = left if problem.window is None else Image(left.base, problem.window, m, problem.kind.bytes)
    return PointerProduct(source, right, k, vertical * rows, horizontal * columns, store)
