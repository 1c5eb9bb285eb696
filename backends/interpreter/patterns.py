"""What the body of a structured operation computes: a reduction by one combiner, or a sum of products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.arith import FLOAT_BINARY, integer_binary, rounded
from stepwell.backends.interpreter.element_types import Array, Element, element, unsigned_value, wrap
from stepwell.backends.interpreter.registry import KERNELS, Kernel

Reduce = Callable[[Array, tuple[int, ...]], Any]

_REDUCERS: dict[str, np.ufunc] = {
    "arith.addf": np.add, "arith.mulf": np.multiply, "arith.maximumf": np.maximum, "arith.minimumf": np.minimum,
    "arith.maxnumf": np.fmax, "arith.minnumf": np.fmin, "arith.addi": np.add, "arith.muli": np.multiply,
    "arith.maxsi": np.maximum, "arith.minsi": np.minimum, "arith.maxui": np.maximum, "arith.minui": np.minimum,
    "arith.andi": np.bitwise_and, "arith.ori": np.bitwise_or, "arith.xori": np.bitwise_xor,
    "complex.add": np.add, "complex.mul": np.multiply,
}  # fmt: skip

# One bit: the sum is exclusive or, the product is and; -1 is the larger pattern but the smaller signed number.
_BIT_REDUCERS: dict[str, np.ufunc] = {
    "arith.addi": np.logical_xor, "arith.xori": np.logical_xor, "arith.muli": np.logical_and,
    "arith.andi": np.logical_and, "arith.ori": np.logical_or, "arith.maxui": np.logical_or,
    "arith.minui": np.logical_and, "arith.maxsi": np.logical_and, "arith.minsi": np.logical_or,
}  # fmt: skip

_CASTS = frozenset({"arith.extf", "arith.truncf", "arith.extsi", "arith.extui", "arith.sitofp", "arith.uitofp"})
_SUMS = {"arith.addf": "arith.mulf", "arith.addi": "arith.muli", "complex.add": "complex.mul"}


@dataclass(frozen=True)
class Combiner:
    """``output = combine(output, value)`` in the body: the operation, its value, and how to fold many values."""

    operation: ir.Operation
    value: ir.Value
    combine: Callable[[Any, Any], Any]
    reduce: Reduce


@dataclass(frozen=True)
class Factor:
    """One factor of a sum of products: which input, and the casts on the way."""

    operand: int
    casts: tuple[Kernel, ...]
    source: Element


@dataclass(frozen=True)
class Product:
    """``output += left * right`` in the type ``item``."""

    left: Factor
    right: Factor
    item: Element


def find_combiners(block: ir.Block, inputs: int) -> list[Combiner] | None:
    """One combiner for each output of ``block`` (whose first ``inputs`` arguments are inputs), or None."""
    outputs = list(block.arguments)[inputs:]
    yielded = list(list(block.operations)[-1].operands)
    found = [_combiner(argument, value) for argument, value in zip(outputs, yielded, strict=True)]
    combiners = [combiner for combiner in found if combiner is not None]
    return combiners if len(combiners) == len(found) else None


def _combiner(argument: ir.Value, yielded: ir.Value) -> Combiner | None:
    op = yielded.owner
    if isinstance(op, ir.Block) or len(list(argument.uses)) != 1 or len(list(yielded.uses)) != 1:
        return None
    op = op.operation
    if op.name not in _REDUCERS or argument not in list(op.operands):
        return None
    left, right = op.operands
    item = element(argument.type)
    if op.name in FLOAT_BINARY:
        combine: Callable[[Any, Any], Any] = rounded(FLOAT_BINARY[op.name], item)
    elif op.name.startswith("complex."):
        combine = _REDUCERS[op.name]
    else:
        combine = integer_binary(op.name, item)
    return Combiner(op, right if left == argument else left, combine, reduction(op.name, item))


def reduction(name: str, item: Element) -> Reduce:
    """Folding many values by the operation ``name``: over axes that are kept with length 1."""
    if item.width == 1:
        bits = _BIT_REDUCERS[name]
        return lambda values, axes: bits.reduce(values, axis=axes, keepdims=True)
    function = _REDUCERS[name]
    if item.kind != "int":
        return lambda values, axes: function.reduce(values, axis=axes, keepdims=True, dtype=item.dtype)
    unsigned = name in ("arith.maxui", "arith.minui")

    def reduce(values: Array, axes: tuple[int, ...]) -> Any:
        values = unsigned_value(values, item) if unsigned else values
        return wrap(function.reduce(values, axis=axes, keepdims=True, dtype=values.dtype), item)

    return reduce


def find_product(block: ir.Block, combiners: list[Combiner] | None) -> Product | None:
    """The sum of products that ``block`` computes, if it is one that BLAS computes with the same rounding steps."""
    if combiners is None or len(combiners) != 1 or combiners[0].operation.name not in _SUMS:
        return None
    item = element(combiners[0].value.type)
    if item.low_precision or item.width == 1:
        return None
    op = combiners[0].value.owner
    if isinstance(op, ir.Block) or op.operation.name != _SUMS[combiners[0].operation.name]:
        return None
    left, right = (_factor(value, block) for value in op.operation.operands)
    return None if left is None or right is None else Product(left, right, item)


def _factor(value: ir.Value, block: ir.Block) -> Factor | None:
    casts: list[Kernel] = []
    while not isinstance(value.owner, ir.Block):
        op = value.owner.operation
        if op.name not in _CASTS:
            return None
        casts.insert(0, KERNELS[op.name](op))
        value = op.operands[0]
    if value.owner != block:
        return None
    return Factor(ir.BlockArgument(value).arg_number, tuple(casts), element(value.type))
