"""Reading operands and attributes of operations: segments, static and dynamic mixes, affine maps."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch_mlir import ir

DYNAMIC: int = ir.ShapedType.get_dynamic_size()

# From the operands' values to the full list of numbers.
Mixed = Callable[[Sequence[Any]], tuple[int, ...]]


def segments(op: ir.Operation) -> list[tuple[int, int]]:
    """Start and end of each operand group of ``op``."""
    bounds = []
    start = 0
    for size in op.attributes["operandSegmentSizes"]:
        bounds.append((start, start + size))
        start += size
    return bounds


def mixed(static: Sequence[int], start: int) -> Mixed:
    """Numbers of which the dynamic ones come from the operands from ``start`` on."""
    static = tuple(static)
    if DYNAMIC not in static:
        return lambda values: static
    pick = []
    for number in static:
        pick.append((start, 0) if number == DYNAMIC else (None, number))
        start += number == DYNAMIC

    def read(values: Sequence[Any]) -> tuple[int, ...]:
        return tuple(number if where is None else int(values[where]) for where, number in pick)

    return read


@dataclass(frozen=True)
class Slices:
    """Offsets, sizes and strides of a slice operation, each a mix of static and dynamic numbers."""

    offsets: Mixed
    sizes: Mixed
    strides: Mixed


def slices(op: ir.Operation, first_group: int) -> Slices:
    """The slice of ``op`` whose dynamic offsets, sizes and strides are operand groups from ``first_group`` on."""
    starts = [start for start, _ in segments(op)[first_group:]]
    names = ("static_offsets", "static_sizes", "static_strides")
    return Slices(*(mixed(list(op.attributes[name]), start) for name, start in zip(names, starts, strict=True)))


def dynamic_shape(type_: ir.Type, start: int = 0) -> Mixed:
    """The shape of ``type_`` whose dynamic sizes are the operands from ``start`` on."""
    return mixed(list(type_.shape), start)


def integers(attribute: ir.Attribute) -> list[int]:
    """A dense array, dense elements, or array of integer attributes, as a list."""
    return [int(getattr(item, "value", item)) for item in attribute]


def keyword(attribute: ir.Attribute) -> str:
    """The word in ``#dialect.kind<word>``; enumerations have no bindings."""
    found = re.search(r"<(\w+)>", str(attribute))
    return found[1] if found else str(attribute)


AffineFunction = Callable[[Sequence[Any], Sequence[Any]], tuple[Any, ...]]


def expression_source(expr: ir.AffineExpr) -> str:
    """Python source of an affine expression over the sequences ``d`` and ``s``."""
    if isinstance(expr, ir.AffineDimExpr):
        return f"d[{expr.position}]"
    if isinstance(expr, ir.AffineSymbolExpr):
        return f"s[{expr.position}]"
    if isinstance(expr, ir.AffineConstantExpr):
        return str(expr.value)
    left, right = expression_source(expr.lhs), expression_source(expr.rhs)
    if isinstance(expr, ir.AffineAddExpr):
        return f"({left} + {right})"
    if isinstance(expr, ir.AffineMulExpr):
        return f"({left} * {right})"
    if isinstance(expr, ir.AffineModExpr):
        return f"({left} % {right})"
    if isinstance(expr, ir.AffineCeilDivExpr):
        return f"-(-{left} // {right})"
    return f"({left} // {right})"


_COMPILED: dict[str, AffineFunction] = {}


def affine_function(map_: ir.AffineMap) -> AffineFunction:
    """``map_`` as a function from dimensions and symbols (numbers or arrays) to its results."""
    source = "(" + "".join(f"{expression_source(expr)}, " for expr in map_.results) + ")"
    if source not in _COMPILED:
        _COMPILED[source] = eval(f"lambda d, s: {source}")
    return _COMPILED[source]


def applied(map_: ir.AffineMap) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """``map_`` on operands listed as MLIR lists them: dimensions, then symbols."""
    function = affine_function(map_)
    dims = map_.n_dims
    return lambda values: function(values[:dims], values[dims:])


def integer_set(attribute: ir.Attribute) -> tuple[ir.AffineMap, list[bool]]:
    """The constraints of an integer set as a map, and which of them are equalities (the rest are ``>= 0``)."""
    # The bindings hold sets but do not open the attribute.
    head, _, body = str(attribute).removeprefix("affine_set<").removesuffix(">").partition(" : ")
    constraints = body.strip()[1:-1].split(", ") if body.strip() != "()" else []
    equal = ["==" in constraint for constraint in constraints]
    results = ", ".join(re.split("==|>=", constraint)[0].strip() for constraint in constraints)
    return ir.AffineMapAttr.parse(f"affine_map<{head} -> ({results})>").value, equal
