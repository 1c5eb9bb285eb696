"""Element types of matrix products: of the matrices, and of the result."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir


@dataclass(frozen=True)
class Element:
    """A type of both matrices.

    Attributes:
        name: as instructions write it.
        bytes: of an element in memory.
        integer: whether products and sums are integers (of 32 bits), else they are f32.
    """

    name: str
    bytes: int
    integer: bool = False

    @property
    def sum(self) -> ir.Type:
        """The type of sums."""
        return ir.IntegerType.get_signless(32) if self.integer else ir.F32Type.get()


ELEMENTS = {
    each.name: each
    for each in (
        Element("bf16", 2),
        Element("f16", 2),
        Element("tf32", 4),
        Element("e4m3", 1),
        Element("e5m2", 1),
        Element("s8", 1, integer=True),
    )
}

RESULT_BYTES = {"bf16": 2, "f16": 2, "f32": 4, "s32": 4, "s8": 1}
"""Of what products are stored as."""


def check_result(element: str, result: str, *, epilogue: bool) -> None:
    """Raise ValueError where sums of ``element`` cannot be stored as ``result``."""
    if result not in RESULT_BYTES:
        raise ValueError(f"results are {', '.join(RESULT_BYTES)}, not {result}")
    if not epilogue and (element == "s8") != (result in ("s32", "s8")):
        raise ValueError(f"sums of {element} become {result} by an epilogue only")
