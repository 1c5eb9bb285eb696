"""Constraints of instructions given as text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Constraints:
    """The constraints of an instruction as LLVM writes them.

    Attributes:
        outputs: letters of the results, with ``&`` where they are written early.
        inputs: letters of the operands, or the number of the result whose register an operand has.
        memory: whether it touches memory.
    """

    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    memory: bool

    @staticmethod
    def parse(text: str) -> Constraints:
        """From text."""
        parts = [part for part in text.split(",") if part]
        return Constraints(
            tuple(part[1:] for part in parts if part.startswith("=")),
            tuple(part for part in parts if not part.startswith(("=", "~"))),
            "~{memory}" in parts,
        )

    @property
    def tied(self) -> int:
        """How many operands have the register of a result; they come first or last, in the order of the results."""
        return sum(part.isdigit() for part in self.inputs)
