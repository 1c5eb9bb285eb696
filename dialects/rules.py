"""How operations of our own dialects are verified: a rule raises ``Violation``, MLIR reports it at the operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch_mlir import ir


class Violation(Exception):
    """What an operation breaks, as it goes on after "'name' op"."""


def verifier(rule: Callable[[ir.Operation], None]) -> Callable[[ir.OpView], bool]:
    """``rule`` as MLIR calls it: a violation becomes a diagnostic at the operation."""

    def verify(op: ir.OpView) -> bool:
        try:
            rule(op.operation)
        except Violation as violation:
            op.operation.location.emit_error(f"'{op.operation.name}' op {violation}")
            return False
        return True

    return verify


def check_word(op: ir.Operation, name: str, known: Sequence[str]) -> None:
    """The string attribute ``name`` is one of ``known``."""
    word = ir.StringAttr(op.attributes[name]).value
    if word not in known:
        raise Violation(f"has {name} '{word}'; it is one of {', '.join(known)}")


def check_number(op: ir.Operation, name: str, lowest: int, highest: int | None = None) -> None:
    """The integer attribute ``name`` lies within these ends."""
    value = ir.IntegerAttr(op.attributes[name]).value
    if value < lowest or (highest is not None and value > highest):
        wanted = f"at least {lowest}" if highest is None else f"{lowest} to {highest}"
        raise Violation(f"has {name} {value}; it is {wanted}")
