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
        sums: the type that products are added up in, as MLIR writes it.
    """

    name: str
    bytes: int
    sums: str = "f32"

    @property
    def integer(self) -> bool:
        """Whether sums are integers."""
        return self.sums == "i32"

    @property
    def sum(self) -> ir.Type:
        """The type of sums."""
        return ir.Type.parse(self.sums)


ELEMENTS = {
    each.name: each
    for each in (
        Element("f32", 4),
        Element("f64", 8, "f64"),
        Element("bf16", 2),
        Element("f16", 2),
        Element("tf32", 4),
        Element("e4m3", 1),
        Element("e5m2", 1),
        Element("s8", 1, "i32"),
    )
}

RESULT_BYTES = {"bf16": 2, "f16": 2, "f32": 4, "f64": 8, "s32": 4, "s8": 1}
"""Of what products are stored as."""


def check_result(element: str, result: str, *, epilogue: bool) -> None:
    """Raise ValueError where sums of ``element`` cannot be stored as ``result``."""
    if result not in RESULT_BYTES:
        raise ValueError(f"results are {', '.join(RESULT_BYTES)}, not {result}")
    if (element == "f64") != (result == "f64"):
        raise ValueError(f"sums of {element} are not stored as {result}")
    if not epilogue and (element == "s8") != (result in ("s32", "s8")):
        raise ValueError(f"sums of {element} become {result} by an epilogue only")
