"""What a product makes of its sums, in all families: their one contract with whoever fuses operations behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from torch_mlir import ir

from stepwell.backends.cuda.kernels.word import Word

Epilogue: TypeAlias = Callable[[Sequence[ir.Value], Word, Word, Word], Sequence[ir.Value]]
"""From sums of (batch, row, column) and (batch, row, column + 1) to what is stored there; beyond an edge for nothing.

Sums are f32, i32 of ``s8``, f64 of ``f64``; the answer is f32 where narrower floats are stored (the family rounds) and
i32 where integers are (``s8`` saturates). Families may call it beyond the edges: what it loads there must be clamped.
"""

MakeEpilogue: TypeAlias = Callable[[Sequence[ir.Value]], Epilogue]
"""From the kernel's further arguments to the epilogue, called at the start of the kernel."""


def store_sums(sums: Sequence[ir.Value], batch: Word, row: Word, column: Word) -> Sequence[ir.Value]:
    """The epilogue that changes nothing."""
    return sums
