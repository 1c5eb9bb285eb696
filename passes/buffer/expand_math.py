"""expand-math: elementary functions of f32 as arithmetic that vectorises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.math import exponential, logarithm, power, sigmoidal, trigonometric
from stepwell.passes.buffer.math.emitter import Emitter
from stepwell.passes.tensor.flush_softmax import WEIGHT
from stepwell.support.errors import UsageError
from stepwell.support.walk import operations

_FUNCTIONS: dict[str, Callable[..., ir.Value]] = {
    "cos": trigonometric.cos,
    "erf": sigmoidal.erf,
    "exp": exponential.exp,
    "exp2": exponential.exp2,
    "expm1": exponential.expm1,
    "log": logarithm.log,
    "log10": logarithm.log10,
    "log1p": logarithm.log1p,
    "log2": logarithm.log2,
    "powf": power.power,
    "sin": trigonometric.sin,
    "tanh": sigmoidal.tanh,
}

FUNCTIONS = tuple(_FUNCTIONS)


@dataclass
class ExpandMath(Pass):
    """Write functions of the ``math`` dialect on f32 and vectors of it as arithmetic without branches.

    The error of each function is bounded (``docs/passes/expand-math.md``), and NaN, infinities, subnormals and signed
    zeros come out as from the C library. The result has no fast-math flags and relies on getting none.

    Options:
        functions: names of the ``math`` operations to expand.
        fma: whether the target multiplies and adds in one instruction; otherwise products are rounded.
    """

    name: ClassVar[str] = "expand-math"
    summary: ClassVar[str] = "elementary functions of f32 as arithmetic that vectorises"

    functions: tuple[str, ...] = FUNCTIONS
    fma: bool = True

    def run(self, op: ir.Operation, context: PassContext) -> None:
        unknown = sorted(set(self.functions) - set(FUNCTIONS))
        if unknown:
            raise UsageError(f"expand-math can't expand '{unknown[0]}'", hint=f"choose from {', '.join(FUNCTIONS)}")
        names = {f"math.{function}" for function in self.functions}
        found = [
            candidate
            for candidate in operations(op)
            if candidate.name in names and _is_single(candidate.results[0].type)
        ]
        for function in found:
            with ir.InsertionPoint(function), function.location:
                emitter = Emitter(function.results[0].type, self.fma)
                total = _one_plus(function) if function.name == "math.erf" else None
                if total is not None:
                    value = sigmoidal.one_plus_erf(emitter, function.operands[0])
                else:
                    value = _expand(function, emitter)
            (total or function).results[0].replace_all_uses_with(value)
            if total is not None:
                total.erase()
            function.erase()
        context.note(self.name, expanded=len(found))


def _expand(function: ir.Operation, emitter: Emitter) -> ir.Value:
    operands = list(function.operands)
    if function.name == "math.powf":
        exponent = _constant(operands[1])
        simple = power.constant_power(emitter, operands[0], exponent) if exponent is not None else None
        if simple is not None:
            return simple
    if WEIGHT in function.attributes:
        return exponential.exp_weight(emitter, function.operands[0])
    return _FUNCTIONS[function.name.removeprefix("math.")](emitter, *operands)


def _one_plus(function: ir.Operation) -> ir.Operation | None:
    """The sum with 1 that is all that the function's result is used for."""
    uses = list(function.results[0].uses)
    if len(uses) != 1 or uses[0].owner.operation.name != "arith.addf":
        return None
    total = uses[0].owner.operation
    return total if _constant(total.operands[1 - uses[0].operand_number]) == 1.0 else None


def _is_single(kind: ir.Type) -> bool:
    element = ir.VectorType(kind).element_type if isinstance(kind, ir.VectorType) else kind
    return isinstance(element, ir.F32Type)


def _constant(value: ir.Value) -> float | None:
    """The float that ``value`` (or each of its elements) is known to be."""
    if not isinstance(value, ir.OpResult) or value.owner.operation.name != "arith.constant":
        return None
    attribute = value.owner.operation.attributes["value"]
    if isinstance(attribute, ir.DenseFPElementsAttr):
        if not attribute.is_splat:
            return None
        attribute = attribute.get_splat_value()
    return float(ir.FloatAttr(attribute).value)
