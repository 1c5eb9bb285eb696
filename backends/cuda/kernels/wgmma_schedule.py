"""What products on Hopper's tensor cores may be, and how they are cut."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from stepwell.backends.cuda.kernels.elements import ELEMENTS, RESULT_BYTES, Element, check_result
from stepwell.backends.cuda.kernels.tensor_cores import ROW_BYTES, ROWS, WARPGROUP
from stepwell.backends.cuda.kernels.window import Window
from stepwell.passes.schedules.base import Schedule

WGMMA_ELEMENTS = ("bf16", "f16", "tf32", "e4m3", "e5m2", "s8")
_WINDOW_ELEMENTS = ("bf16", "f16", "tf32")

_ATOM_ROWS = 8
_ENGINE_ALIGNMENT = 16

_LONGEST_STRIDE, _FARTHEST_TAP, _WIDEST_BORDER = 8, 255, 128
"""What a tensor map of two-dimensional images holds."""

_SUMS = {1: 256, 2: 256, 3: 192}
"""Columns of sums, 64 below each other, that registers have room for, by warpgroups that multiply."""

_PROMOTED = {1: 192, 2: 192, 3: 128}
"""The same where each sum stands twice: of a stage, and of all before it."""

_SHARED_LIMIT = 227 * 1024
_CLUSTER_LIMIT = 8


@dataclass(frozen=True)
class WgmmaProblem:
    """What is multiplied.

    Attributes:
        element: of both matrices, a name of ``WGMMA_ELEMENTS``; ``tf32`` lies in memory as f32.
        result: what is stored, a name of ``RESULT_BYTES``.
        left_transposed: whether the left matrix lies in memory column by column.
        right_transposed: whether the right one does (as weights of a linear layer do).
        promote: whether the sums of each 128 bytes of depth are added to those before in full f32: the tensor cores
            keep about 13 bits of a sum of fp8 products below its largest term.
        alignment: bytes; rows of the result begin and end at multiples. Below 16, the copy engine cannot store them.
        window: of a convolution: what the left matrix is of images. The right one is a matrix for each tap then;
            where it is transposed, a column has its depth of all taps in a row.
        turned: whether the result lies in memory column by column, as that of turned matrices does.
    """

    element: str = "bf16"
    result: str = "bf16"
    left_transposed: bool = False
    right_transposed: bool = False
    promote: bool = False
    alignment: int = 16
    window: Window | None = None
    turned: bool = False

    @property
    def kind(self) -> Element:
        """The element type."""
        return ELEMENTS[self.element]

    @property
    def depth(self) -> int:
        """Of a stage."""
        return ROW_BYTES // self.kind.bytes

    @property
    def parts_of_tap(self) -> int:
        """Stages of a tap of the window, the last one filled up with zeros."""
        assert self.window is not None
        return -(-self.window.channels // self.depth)

    @property
    def direct(self) -> bool:
        """Whether results go to global memory from registers."""
        return self.turned or self.alignment < _ENGINE_ALIGNMENT

    @property
    def part(self) -> int:
        """Columns of 128 bytes of the result, which are stored at a time."""
        return ROW_BYTES // RESULT_BYTES[self.result]

    def turn(self) -> WgmmaProblem:
        """The same result as the product of the right matrix, turned, and the left one."""
        return replace(
            self,
            left_transposed=not self.right_transposed,
            right_transposed=not self.left_transposed,
            turned=True,
        )

    def check(self, *, epilogue: bool) -> None:
        """Raise ValueError where the tensor cores do not do this."""
        if self.element not in WGMMA_ELEMENTS:
            raise ValueError(f"elements are {', '.join(WGMMA_ELEMENTS)}, not {self.element}")
        if self.kind.bytes != 2 and (self.left_transposed or not self.right_transposed):
            raise ValueError(f"rows of the left and columns of the right matrix of {self.element} must be contiguous")
        if self.promote and self.kind.integer:
            raise ValueError("sums of integers are exact: there is nothing to promote")
        if self.alignment not in (1, 2, 4, 8, 16) or self.alignment < RESULT_BYTES.get(self.result, 1):
            raise ValueError(f"rows of {self.result} are not aligned to {self.alignment} bytes")
        if (fault := self.fault()) is not None:
            raise ValueError(fault)
        check_result(self.element, self.result, epilogue=epilogue)

    def fault(self) -> str | None:
        """Why the copy engine can't read images by the window; None where it can, or there is none."""
        window = self.window
        if window is None:
            return None
        if self.element not in _WINDOW_ELEMENTS or self.left_transposed:
            return "a window is multiplied in bf16 or f16, or in tf32"
        size = self.kind.bytes
        if self.right_transposed != (size != 2):
            return "a window is multiplied by a matrix that lies row by row, in tf32 by one that lies column by column"
        if window.channels * size % _ENGINE_ALIGNMENT or any(step * size % _ENGINE_ALIGNMENT for step in window.steps):
            return f"pixels of {window.channels} channels are no whole {_ENGINE_ALIGNMENT} bytes"
        reach = [(size - 1) * step for size, step in zip(window.size, window.dilations, strict=True)]
        if max(window.strides) > _LONGEST_STRIDE or max(reach) > _FARTHEST_TAP:
            return f"the copy engine takes strides up to {_LONGEST_STRIDE} and taps up to {_FARTHEST_TAP} pixels away"
        if not all(-_WIDEST_BORDER <= place < _WIDEST_BORDER for corner in window.corners for place in corner):
            return f"the copy engine takes borders of less than {_WIDEST_BORDER} pixels"
        return None


@dataclass(frozen=True)
class WgmmaSchedule(Schedule):
    """How a product is cut.

    Attributes:
        rows, columns: of the result, by a block at a time.
        stages: of the ring in shared memory, each as deep as 128 bytes.
        consumers: warpgroups that multiply; each has ``rows / consumers`` rows.
        cluster: blocks below each other that share the right matrix.
        group: clusters of tiles below each other that are worked on before the next column, for the L2 cache.
        split: blocks of a cluster that each take a part of the depth of one tile and then add up their sums.
        stream: 1 where blocks, or clusters, take equal shares of the steps of all tiles that leave a last turn in part,
            and add up the sums of a tile by way of global memory.
        turned: 1 where the right matrix is the left one: few rows of a result are columns of a tile, 8 at least.
    """

    kind: ClassVar[str] = "cuda-wgmma"
    zeros: ClassVar[frozenset[str]] = frozenset({"stream", "turned"})

    rows: int = 128
    columns: int = 256
    stages: int = 4
    consumers: int = 2
    cluster: int = 2
    group: int = 8
    split: int = 1
    stream: int = 0
    turned: int = 0

    @property
    def threads(self) -> int:
        """Of a block."""
        return WARPGROUP * (self.consumers + 1)

    @property
    def blocks(self) -> int:
        """Of a cluster."""
        return self.cluster * self.split

    @property
    def left_bytes(self) -> int:
        """Of the left matrix in a stage."""
        return self.rows * ROW_BYTES

    @property
    def right_bytes(self) -> int:
        """Of the right matrix in a stage."""
        return self.columns * ROW_BYTES

    @property
    def staging(self) -> int:
        """Where the results' rows begin in shared memory: behind the ring; two buffers a consumer."""
        return self.stages * (self.left_bytes + self.right_bytes)

    @property
    def barriers(self) -> int:
        """Where the barriers begin in shared memory; turned results are not staged."""
        return self.staging + (0 if self.turned else 2 * self.consumers * ROWS * ROW_BYTES)

    @property
    def shared_bytes(self) -> int:
        """Dynamic shared memory of a block, with what aligning it may take."""
        return self.barriers + 2 * 8 * self.stages + 1024

    @property
    def sums_of_group(self) -> int:
        """How many numbers a warpgroup adds up."""
        return self.rows // self.consumers * self.columns

    def partial_flags(self, blocks: int) -> int:
        """How many flags so many blocks that stream need."""
        return blocks * self.consumers

    def partial_sums(self, blocks: int) -> int:
        """How many numbers they leave for each other."""
        return self.partial_flags(blocks) * self.sums_of_group

    def multiplied(self, problem: WgmmaProblem) -> WgmmaProblem:
        """``problem`` as it is multiplied."""
        return problem.turn() if self.turned else problem

    def boxes(self, problem: WgmmaProblem) -> tuple[int, int]:
        """Rows of memory, of the left and of the right matrix, that the copy engine takes at a time.

        Args:
            problem: as it is multiplied.
        """
        return (problem.depth if problem.left_transposed else self.rows), self.right_box(problem)

    def right_box(self, problem: WgmmaProblem) -> int:
        """Of the right one: blocks of a cluster share its columns, or the depth where that is not contiguous."""
        return (self.columns if problem.right_transposed else problem.depth) // self.cluster

    def parts(self, problem: WgmmaProblem) -> int:
        """Parts of the result, 64 rows by 128 bytes, that a consumer stores."""
        return self.rows // self.consumers // ROWS * (self.columns // problem.part)

    def check(self, problem: WgmmaProblem) -> None:
        """Raise ValueError where the parts do not fit each other, the problem or the chip."""
        problem = self._turn_checked(problem)
        if self.stages < 2:
            raise ValueError("a stage is free when the next one's products have begun: two stages are the least")
        if self.consumers not in (1, 2, 3):
            raise ValueError(f"1, 2 or 3 warpgroups multiply, not {self.consumers}")
        self._check_tile(problem)
        if self.cluster > 1 and self.split > 1:
            raise ValueError("the blocks of a cluster share the right matrix or split the depth, not both")
        if self.stream and problem.window is not None:
            raise ValueError("blocks stream through products of matrices, not of windows")
        if self.stream and self.split > 1:
            raise ValueError("blocks stream through the depth or split it, not both")
        if self.blocks > _CLUSTER_LIMIT:
            raise ValueError(f"a cluster has at most {_CLUSTER_LIMIT} blocks")
        if self.split > 1 and self.reduction_bytes(problem) > self.staging:
            raise ValueError(f"{self.reduction_bytes(problem)} bytes of sums do not fit the ring's {self.staging}")
        if self.shared_bytes > _SHARED_LIMIT:
            raise ValueError(f"{self.shared_bytes} bytes of shared memory are more than {_SHARED_LIMIT}")

    def _turn_checked(self, problem: WgmmaProblem) -> WgmmaProblem:
        if self.stream not in (0, 1) or self.turned not in (0, 1):
            raise ValueError("stream and turned are 0 or 1")
        if not self.turned:
            return problem
        if problem.window is not None:
            raise ValueError("pixels of a window are rows: they are not turned")
        return problem.turn()

    def _check_tile(self, problem: WgmmaProblem) -> None:
        narrowest = _ATOM_ROWS if problem.turned and problem.right_transposed else 64
        if self.rows % (ROWS * self.consumers) or self.columns % narrowest or not narrowest <= self.columns <= 256:
            columns = "64, 128, 192 or 256" if narrowest == 64 else f"multiples of {narrowest} up to 256"
            raise ValueError(f"rows are a multiple of 64 a consumer, columns {columns}")
        most = (_PROMOTED if problem.promote else _SUMS)[self.consumers]
        if self.rows // self.consumers // ROWS * self.columns > most:
            raise ValueError(f"a warpgroup's sums are at most 64 by {most} here")
        if self.columns % problem.part and not problem.turned:
            raise ValueError(f"{problem.result} is stored {problem.part} columns at a time")
        if (self.columns if problem.right_transposed else problem.depth) % (_ATOM_ROWS * self.cluster):
            raise ValueError(f"{self.cluster} blocks do not share the right matrix in parts of {_ATOM_ROWS} rows")

    def reduction_bytes(self, problem: WgmmaProblem) -> int:
        """Of the sums that a block gets from its cluster, over the ring that was read to its end."""
        if problem.turned:
            return (self.split - 1) * self.consumers * self.sums_of_group * 4
        share = -(-self.parts(problem) // self.split)
        return share * self.split * self.consumers * ROWS * problem.part * 4
