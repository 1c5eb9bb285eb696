"""ONNX's operators that the import has kept, replaced by operators of the torch dialect."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch_mlir import ir

from stepwell.support.walk import operations

Makers = Mapping[str, Callable[[ir.Operation], ir.Value]]
"""By the name behind ``onnx.``: what gives the value of an operation in its place."""


def replace(function: ir.Operation, makers: Makers) -> None:
    """Replace every operation below ``function`` that has a maker.

    Raises:
        UnsupportedError: what a maker refuses.
    """
    for op in operations(function):
        maker = makers.get(operator_of(op).removeprefix("onnx."))
        if maker is None:
            continue
        with ir.InsertionPoint(op), op.location:
            op.results[0].replace_all_uses_with(maker(op))
        op.erase()


def operator_of(op: ir.Operation) -> str:
    """The name of an operator that the torch dialect does not know, as ``onnx.Quant``; else nothing."""
    return str(ir.StringAttr(op.attributes["name"]).value) if op.name == "torch.operator" else ""
