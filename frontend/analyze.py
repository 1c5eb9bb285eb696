"""What a model costs, as data: multiply-accumulates, parameters and bytes moved, per operator with its source line."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from math import prod
from typing import Any

from torch_mlir import ir

from stepwell.support.dtypes import byte_size, of_element
from stepwell.support.locations import describe_location

_TENSOR = re.compile(r"!torch\.vtensor<\[([^\]]*)\],([\w<>]+)>")
_NODE = re.compile(r'loc\("((?:[^"\\]|\\.)*)"\(')

# Operators whose result is another view of the operand's memory.
_VIEWS = frozenset(
    f"torch.{name}"
    for name in (
        "aten.view", "aten._unsafe_view", "aten.reshape", "aten.permute", "aten.transpose.int", "aten.t",
        "aten.expand", "aten.broadcast_to", "aten.unsqueeze", "aten.squeeze", "aten.squeeze.dim", "prims.squeeze",
        "aten.select.int", "aten.slice.Tensor", "aten.flatten.using_ints", "aten.unflatten.int", "aten.detach",
        "aten.alias", "aten.split.Tensor", "aten.split_with_sizes", "aten.chunk", "aten.unbind.int",
    )
)  # fmt: skip


@dataclass(frozen=True)
class OperatorCost:
    """One operator; a number that depends on a dynamic size is None.

    Attributes:
        operator: torch's name (``aten.mm``).
        node: FX node; where: the model's source line.
        macs: multiply-accumulates of matrix products and convolutions; 0 for everything else.
        parameters: elements of the weights that are used here first.
        bytes_read, bytes_written: of its tensors, if none of them were cached; 0 for views.
    """

    operator: str
    node: str
    where: str
    macs: int | None
    parameters: int
    bytes_read: int | None
    bytes_written: int | None


@dataclass
class Analysis:
    """Costs of every operator of an entry, in program order."""

    operators: list[OperatorCost] = field(default_factory=list)

    def total(self, what: str) -> int:
        """Sum of ``macs``, ``parameters``, ``bytes_read`` or ``bytes_written`` over what is known."""
        return sum(getattr(cost, what) or 0 for cost in self.operators)

    def to_json(self) -> dict[str, Any]:
        """As plain data: totals, and a list of operators."""
        names = ("macs", "parameters", "bytes_read", "bytes_written")
        unknown = sum(None in (cost.macs, cost.bytes_read, cost.bytes_written) for cost in self.operators)
        return {
            "total": {name: self.total(name) for name in names} | {"operators_of_dynamic_size": unknown},
            "operators": [asdict(cost) for cost in self.operators],
        }

    def table(self) -> str:
        """Operators by source line, the most expensive first, and the totals."""
        groups: dict[tuple[str, str], list[OperatorCost]] = {}
        for cost in self.operators:
            groups.setdefault((cost.where, cost.operator), []).append(cost)
        rows = [("MACs", "parameters", "bytes moved", "count", "operator", "source")]
        totals = []
        for (where, operator), costs in groups.items():
            known = Analysis(costs)
            moved = known.total("bytes_read") + known.total("bytes_written")
            totals.append((known.total("macs"), moved, known.total("parameters"), len(costs), operator, where))
        for macs, moved, parameters, count, operator, where in sorted(totals, key=lambda t: (-t[0], -t[1], t[5])):
            rows.append((f"{macs:,}", f"{parameters:,}", f"{moved:,}", str(count), operator, where))
        everything = self.total("bytes_read") + self.total("bytes_written")
        numbers = [self.total("macs"), self.total("parameters"), everything, len(self.operators)]
        rows.append((f"{numbers[0]:,}", f"{numbers[1]:,}", f"{numbers[2]:,}", f"{numbers[3]}", "total", ""))
        widths = [max(len(row[column]) for row in rows) for column in range(6)]
        lines = []
        for row in rows:
            cells = [c.rjust(w) if i < 4 else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
            lines.append("  ".join(cells))
        return "\n".join(line.rstrip() for line in lines)


def analyze(
    source: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None, *, dynamic_shapes: Any = None
) -> Analysis:
    """Load a model (as :func:`~stepwell.frontend.load.load_program` does) and count at the graph level."""
    from stepwell.frontend.load import load_program

    return analyze_module(load_program(source, args, kwargs, dynamic_shapes=dynamic_shapes).module)


def analyze_module(module: ir.Module, entry: str = "main") -> Analysis:
    """Count the operators of ``entry``; ``module`` is at the graph level."""
    analysis = Analysis()
    for view in module.body.operations:
        op = view.operation
        if op.name == "func.func" and ir.StringAttr(op.attributes["sym_name"]).value == entry:
            weights = _weights(op)
            for inner in op.regions[0].blocks[0].operations:
                _count(inner.operation, weights, analysis)
    return analysis


def _weights(function: ir.Operation) -> dict[ir.Value, int]:
    """Elements of each parameter argument that no operator has used yet."""
    marks = ir.ArrayAttr(function.attributes["arg_attrs"]) if "arg_attrs" in function.attributes else []
    weights = {}
    for argument, mark in zip(function.regions[0].blocks[0].arguments, marks, strict=False):
        if "stepwell.parameter" in ir.DictAttr(mark):
            weights[argument] = _elements(argument) or 0
    return weights


def _count(op: ir.Operation, weights: dict[ir.Value, int], analysis: Analysis) -> None:
    results = [value for value in op.results if _TENSOR.fullmatch(str(value.type))]
    if not results or op.name == "torch.vtensor.literal":
        return
    node = _NODE.match(str(op.location))
    is_view = op.name in _VIEWS
    analysis.operators.append(
        OperatorCost(
            operator=op.name.removeprefix("torch."),
            node=node[1] if node else "-",
            where=describe_location(op.location),
            macs=_MACS[op.name](op) if op.name in _MACS else 0,
            parameters=sum(weights.pop(operand, 0) for operand in op.operands),
            bytes_read=0 if is_view else _sum([_bytes(v) for v in op.operands if _TENSOR.fullmatch(str(v.type))]),
            bytes_written=0 if is_view else _sum([_bytes(value) for value in results]),
        )
    )


def _matmul(op: ir.Operation) -> int | None:
    depth = (_shape(op.operands[0]) or [None])[-1]
    return _sum_product(_elements(op.results[0]), depth)


def _addmm(op: ir.Operation) -> int | None:
    return _sum_product(_elements(op.results[0]), (_shape(op.operands[1]) or [None])[-1])


def _convolution(op: ir.Operation) -> int | None:
    weight, source = _shape(op.operands[1]), _shape(op.operands[0])
    if weight is None or source is None or None in weight:
        return None
    transposed = op.operands[6].owner.operation if len(op.operands) > 6 else None
    if transposed is not None and transposed.name == "torch.constant.bool" and transposed.attributes["value"].value:
        return _sum_product(_elements(op.operands[0]), prod(s for s in weight[1:] if s is not None))
    return _sum_product(_elements(op.results[0]), prod(s for s in weight[1:] if s is not None))


_MACS: dict[str, Callable[[ir.Operation], int | None]] = {
    "torch.aten.mm": _matmul,
    "torch.aten.bmm": _matmul,
    "torch.aten.matmul": _matmul,
    "torch.aten.mv": _matmul,
    "torch.aten.dot": lambda op: _elements(op.operands[0]),
    "torch.aten.linear": _matmul,
    "torch.aten.addmm": _addmm,
    "torch.aten.baddbmm": _addmm,
    "torch.aten.convolution": _convolution,
}


def _shape(value: ir.Value) -> list[int | None] | None:
    found = _TENSOR.fullmatch(str(value.type))
    if found is None:
        return None
    return [None if size.strip() == "?" else int(size) for size in found[1].split(",") if size.strip()]


def _elements(value: ir.Value) -> int | None:
    shape = _shape(value)
    return None if shape is None or None in shape else prod(size for size in shape if size is not None)


def _bytes(value: ir.Value) -> int | None:
    found, elements = _TENSOR.fullmatch(str(value.type)), _elements(value)
    if found is None or elements is None:
        return None
    return elements * byte_size(of_element(found[2]))


def _sum(values: list[int | None]) -> int | None:
    return None if None in values else sum(value for value in values if value is not None)


def _sum_product(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left * right
