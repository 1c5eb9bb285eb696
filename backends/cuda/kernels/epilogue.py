"""What a product makes of its sums, in all families: their one contract with whoever fuses operations behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from torch_mlir import ir

from stepwell.backends.cuda.kernels.word import Word

End: TypeAlias = Callable[[Sequence[ir.Value]], Sequence[ir.Value]]
"""From the sums of two neighbours to what is stored there; beyond an edge for nothing.

Sums are f32, i32 of ``s8``, f64 of ``f64``; the answer is f32 where narrower floats are stored (the family rounds) and
i32 where integers are (``s8`` saturates).
"""

Epilogue: TypeAlias = Callable[[Word, Word, Word], End]
"""From (batch, row, column) to the end of the sums of that and of (batch, row, column + 1).

Families may call it long before they have the sums: what it then loads is on its way. They may call it beyond edges:
what it loads there must be clamped, or left out.
"""

MakeEpilogue: TypeAlias = Callable[[Sequence[ir.Value]], Epilogue]
"""From the kernel's further arguments to the epilogue, called at the start of the kernel."""


def store_sums(batch: Word, row: Word, column: Word) -> End:
    """The epilogue that changes nothing."""
    return lambda sums: sums
