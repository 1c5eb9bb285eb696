"""One stage's products on Hopper's tensor cores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm, nvvm

from stepwell.backends.cuda.kernels.tensor_cores import ROW_BYTES, ROWS, matrix
from stepwell.backends.cuda.kernels.wgmma_schedule import WgmmaProblem
from stepwell.backends.cuda.kernels.word import Word

_ACROSS = 64 * ROW_BYTES
"""Bytes between 64 and the next 64 rows, or columns where those are contiguous."""

_DEPTH_BYTES = 32
"""What one instruction takes along a contiguous depth."""


@dataclass(frozen=True)
class StageProduct:
    """What a warpgroup adds up from a stage.

    Attributes:
        problem: what is multiplied.
        rows, columns: of this warpgroup.
    """

    problem: WgmmaProblem
    rows: int
    columns: int

    def undefined(self) -> list[ir.Value]:
        """Sums not yet set, a struct for each 64 rows."""
        kind = ir.Type.parse(f"!llvm.struct<({', '.join([str(self.problem.kind.sum)] * (self.columns // 2))})>")
        return [llvm.mlir_undef(kind) for _ in range(self.rows // ROWS)]

    def add(self, held: Sequence[ir.Value], left: Word, right: Word, *, fresh: bool = False) -> list[ir.Value]:
        """Start to add the products of a stage to ``held``, or to nothing where ``fresh``.

        Args:
            left, right: where this warpgroup's rows and the columns begin in shared memory.
        """
        p = self.problem
        left_step = 16 * ROW_BYTES if p.left_transposed else _DEPTH_BYTES
        right_step = _DEPTH_BYTES if p.right_transposed else 16 * ROW_BYTES
        nvvm.wgmma_fence_aligned()
        values = list(held)
        for part in range(ROW_BYTES // _DEPTH_BYTES):
            right_tile = matrix(right + part * right_step, _ACROSS)
            for index in range(self.rows // ROWS):
                left_tile = matrix(left + (index * _ACROSS + part * left_step), _ACROSS)
                values[index] = self._wgmma(values[index], left_tile, right_tile, fresh and part == 0)
        nvvm.wgmma_commit_group_sync_aligned()
        return values

    def numbers(self, held: Sequence[ir.Value]) -> list[ir.Value]:
        """The sums of all structs in a row."""
        kind = self.problem.kind.sum
        return [llvm.extractvalue(kind, sums, [place]) for sums in held for place in range(self.columns // 2)]

    def zeros(self) -> list[ir.Value]:
        """As many zeros as there are sums."""
        zero = arith.constant(self.problem.kind.sum, 0.0)
        return [zero] * (self.rows // ROWS * (self.columns // 2))

    def _wgmma(self, sums: ir.Value, left: ir.Value, right: ir.Value, fresh: bool) -> ir.Value:
        p = self.problem
        kind = ir.Attribute.parse(f"#nvvm.wgmma_type<{p.element}>")
        depth = _DEPTH_BYTES // p.kind.bytes
        one = ir.Attribute.parse("#nvvm.wgmma_scale_in<one>")
        return nvvm.wgmma_mma_async(
            sums.type,
            sums,
            left,
            right,
            ir.Attribute.parse(f"#nvvm.shape<m = 64, n = {self.columns}, k = {depth}>"),
            kind,
            kind,
            ir.Attribute.parse(f"#nvvm.wgmma_type<{'s32' if p.kind.integer else 'f32'}>"),
            ir.Attribute.parse(f"#nvvm.wgmma_scale_out<{'zero' if fresh else 'one'}>"),
            one,
            one,
            ir.Attribute.parse(f"#nvvm.mma_layout<{'col' if p.left_transposed else 'row'}>"),
            ir.Attribute.parse(f"#nvvm.mma_layout<{'col' if p.right_transposed else 'row'}>"),
        )
