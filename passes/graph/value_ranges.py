"""Ranges that values of a float model were seen to take, as attributes of the graph level.

``stepwell.range = [low, high]`` stands on an operation for its one result, and among an argument's attributes.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch_mlir import ir

from stepwell.support.walk import operations

FloatRange = tuple[float, float]

_NAME = "stepwell.range"


def read_ranges(function: ir.Operation) -> dict[ir.Value, FloatRange]:
    """The ranges in ``function``, by value."""
    found: dict[ir.Value, FloatRange] = {}
    for argument, marks in zip(_arguments(function), _marks(function), strict=True):
        if _NAME in marks:
            found[argument] = _read(marks[_NAME])
    for op in operations(function):
        if _NAME in op.attributes and len(op.results) == 1:
            found[op.results[0]] = _read(op.attributes[_NAME])
    return found


def write_ranges(function: ir.Operation, ranges: Mapping[ir.Value, FloatRange]) -> None:
    """Give ``function`` these ranges and no others."""
    marks = _marks(function)
    for argument, own in zip(_arguments(function), marks, strict=True):
        own.pop(_NAME, None)
        if argument in ranges:
            own[_NAME] = _attribute(ranges[argument], function.context)
    if marks:
        dictionaries = [ir.DictAttr.get(own, function.context) for own in marks]
        function.attributes["arg_attrs"] = ir.ArrayAttr.get(dictionaries, function.context)
    for op in operations(function):
        if _NAME in op.attributes:
            del op.attributes[_NAME]
        if len(op.results) == 1 and op.results[0] in ranges:
            op.attributes[_NAME] = _attribute(ranges[op.results[0]], function.context)


def _arguments(function: ir.Operation) -> list[ir.BlockArgument]:
    blocks = list(function.regions[0].blocks)
    return list(blocks[0].arguments) if blocks else []


def _marks(function: ir.Operation) -> list[dict[str, ir.Attribute]]:
    if "arg_attrs" not in function.attributes:
        return [{} for _ in _arguments(function)]
    entries = ir.ArrayAttr(function.attributes["arg_attrs"])
    return [{item.name: item.attr for item in ir.DictAttr(entry)} for entry in entries]


def _read(attribute: ir.Attribute) -> FloatRange:
    low, high = (float(ir.FloatAttr(end).value) for end in ir.ArrayAttr(attribute))
    return low, high


def _attribute(ends: FloatRange, context: ir.Context) -> ir.ArrayAttr:
    with context, ir.Location.unknown():
        return ir.ArrayAttr.get([ir.FloatAttr.get_f64(end) for end in ends])
