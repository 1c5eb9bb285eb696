"""numeric-to-stream: a quantised model's layers become components joined by streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.dialects import numeric, stream
from stepwell.passes.base import Pass, PassContext
from stepwell.passes.graph.weights import Weights
from stepwell.passes.hardware.entry import check_known, check_unroll
from stepwell.passes.hardware.to_stream import (
    convolution,
    elementwise,
    functions,
    layout,
    linear,
    parts,
    pooling,
    source,
)
from stepwell.passes.hardware.to_stream.converter import HINT, Converter, Rule
from stepwell.support.walk import named, operations

_FAMILIES = (source, linear, elementwise, convolution, pooling, functions, layout, parts)
_RULES: dict[str, Rule] = {name: rule for family in _FAMILIES for name, rule in family.RULES.items()}
_PLUMBING = ("numeric.", "torch_c.", "torch.constant.", "torch.prim.ListConstruct", "func.return")


@dataclass
class NumericToStream(Pass):
    """Turn every function of the graph level that computes in fixed point into a ``stream.graph``.

    Attributes:
        unroll: multipliers of each layer by its inputs and by its outputs, as in ``linalg-to-stream``.
    """

    name: ClassVar[str] = "numeric-to-stream"
    summary: ClassVar[str] = "a quantised model's layers become hardware components joined by streams"
    anchor: ClassVar[str] = "builtin.module"

    unroll: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_unroll(self.unroll, self.name)

    def run(self, op: ir.Operation, context: PassContext) -> None:
        stream.load(op.context)
        numeric.load(op.context)
        for function in named(op, "func.func"):
            _check_operations(function)
            Converter(function.opview, _RULES, self.unroll, context).run()
            function.erase()


def _check_operations(function: ir.Operation) -> None:
    """Refuse floating-point operators on anything but weights."""
    weights = Weights()
    unknown = [
        (op.name.removeprefix("torch."), op)
        for op in operations(function)
        if op != function
        and not op.name.startswith(_PLUMBING)
        and not (len(op.results) and all(weights.is_fixed(result) for result in op.results))
    ]
    check_known(unknown, HINT)
