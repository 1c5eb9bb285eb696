"""Vectors: reductions, outer products, contractions, scans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.arith import FLOAT_BINARY, integer_binary, rounded
from stepwell.backends.interpreter.atomic import neutral
from stepwell.backends.interpreter.element_types import Array, Element, element, scalar
from stepwell.backends.interpreter.operand_views import operand_map, view
from stepwell.backends.interpreter.operands import integers, keyword
from stepwell.backends.interpreter.patterns import reduction
from stepwell.backends.interpreter.program import Builder
from stepwell.backends.interpreter.registry import Frame, Step, step

_FLOAT_KINDS = {"add": "arith.addf", "mul": "arith.mulf"}
_INTEGER_KINDS = {"add": "arith.addi", "mul": "arith.muli", "and": "arith.andi", "or": "arith.ori", "xor": "arith.xori"}


class Fold:
    """The combining kind of a vector reduction on elements of type ``item``."""

    def __init__(self, attribute: ir.Attribute, item: Element) -> None:
        kind = keyword(attribute)
        named = (_FLOAT_KINDS if item.kind == "float" else _INTEGER_KINDS).get(kind, f"arith.{kind}")
        self.combine: Callable[[Any, Any], Any] = (
            rounded(FLOAT_BINARY[named], item) if named in FLOAT_BINARY else integer_binary(named, item)
        )
        self._reduce = reduction(named, item)
        # Masked lanes hold what leaves the others as they are.
        self._neutral = neutral(named.removeprefix("arith."), item)

    def over(self, values: Array, axes: tuple[int, ...], mask: Any) -> Any:
        """``values`` folded over ``axes``, without the lanes that ``mask`` excludes."""
        if mask is not None:
            values = np.where(mask, values, self._neutral)
        if not axes:
            return values
        folded = np.asarray(self._reduce(values, axes))
        return scalar(folded.squeeze(axes))


@step("vector.reduction")
def _reduction(op: ir.Operation, builder: Builder) -> Step:
    slots = builder.uses(list(op.operands))
    mask = builder.mask()
    (output,) = builder.results(op)
    fold = Fold(op.attributes["kind"], element(op.operands[0].type))

    def run(frame: Frame) -> None:
        values = frame[slots[0]]
        total = fold.over(values, tuple(range(values.ndim)), None if mask is None else frame[mask])
        frame[output] = fold.combine(frame[slots[1]], total) if len(slots) > 1 else total

    return run


@step("vector.multi_reduction")
def _multi_reduction(op: ir.Operation, builder: Builder) -> Step:
    source, start = builder.uses(list(op.operands))
    mask = builder.mask()
    (output,) = builder.results(op)
    axes = tuple(integers(op.attributes["reduction_dims"]))
    fold = Fold(op.attributes["kind"], element(op.operands[0].type))

    def run(frame: Frame) -> None:
        total = fold.over(frame[source], axes, None if mask is None else frame[mask])
        frame[output] = fold.combine(frame[start], total)

    return run


@step("vector.contract")
def _contract(op: ir.Operation, builder: Builder) -> Step:
    left, right, start = builder.uses(list(op.operands))
    mask = builder.mask()
    (output,) = builder.results(op)
    maps = [operand_map(attribute.value) for attribute in op.attributes["indexing_maps"]]
    reduced = tuple(i for i, kind in enumerate(op.attributes["iterator_types"]) if "reduction" in str(kind))
    item = element(op.results[0].type)
    fold = Fold(op.attributes["kind"], item)
    multiply = rounded(FLOAT_BINARY["arith.mulf"], item) if item.kind == "float" else integer_binary("arith.muli", item)
    order = _output_order(op.attributes["indexing_maps"][2].value, reduced)

    def run(frame: Frame) -> None:
        a, b = (np.asarray(frame[slot]).astype(item.dtype) for slot in (left, right))
        extents = [1] * maps[0].loops
        for map_, array in zip(maps, (a, b), strict=False):
            for form, size in zip(map_.linear or (), array.shape, strict=True):
                extents[form.coefficients.index(1)] = size
        box = [(0, extent) for extent in extents]
        products = multiply(view(a, maps[0], box), view(b, maps[1], box))
        lanes = None if mask is None else frame[mask]
        total = fold.over(np.broadcast_to(products, extents), reduced, lanes)
        frame[output] = fold.combine(frame[start], scalar(np.asarray(total).transpose(order)))

    return run


def _output_order(map_: ir.AffineMap, reduced: tuple[int, ...]) -> list[int]:
    kept = [i for i in range(map_.n_dims) if i not in reduced]
    return [kept.index(ir.AffineDimExpr(expr).position) for expr in map_.results]


@step("vector.outerproduct")
def _outerproduct(op: ir.Operation, builder: Builder) -> Step:
    slots = builder.uses(list(op.operands))
    mask = builder.mask()
    (output,) = builder.results(op)
    item = element(op.results[0].type)
    fold = Fold(op.attributes["kind"], item)
    multiply = rounded(FLOAT_BINARY["arith.mulf"], item) if item.kind == "float" else integer_binary("arith.muli", item)

    def run(frame: Frame) -> None:
        a, b = frame[slots[0]], frame[slots[1]]
        products = multiply(a[:, None], b[None, :]) if np.ndim(b) else multiply(a, b)
        total = fold.combine(frame[slots[2]], products) if len(slots) > 2 else products
        if mask is not None:
            # Lanes that are masked off keep the accumulator.
            total = np.where(frame[mask], total, frame[slots[2]] if len(slots) > 2 else 0)
        frame[output] = total

    return run


@step("vector.scan")
def _scan(op: ir.Operation, builder: Builder) -> Step:
    source, start = builder.uses(list(op.operands))
    outputs = builder.results(op)
    axis = op.attributes["reduction_dim"].value
    inclusive = op.attributes["inclusive"].value
    fold = Fold(op.attributes["kind"], element(op.operands[0].type))

    def run(frame: Frame) -> None:
        values = np.moveaxis(frame[source], axis, 0)
        total = values[0] if inclusive else frame[start]
        parts = [total]
        for position in range(1, len(values)):
            total = fold.combine(total, values[position if inclusive else position - 1])
            parts.append(total)
        frame[outputs[0]] = np.moveaxis(np.stack(parts), 0, axis)
        frame[outputs[1]] = total

    return run
