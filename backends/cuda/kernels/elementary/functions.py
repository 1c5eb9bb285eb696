"""Which function is computed how, and how far from the exact result it may be."""

from __future__ import annotations

from collections.abc import Callable

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels.elementary.emitter import GpuEmitter, intrinsic
from stepwell.passes.buffer.math import exponential, logarithm, power, sigmoidal, trigonometric
from stepwell.passes.buffer.math.bounds import BOUNDS as _CPU

_LOG2_E = 1.4426950408889634
_ROUND = 12582912.0
"""1.5 * 2^23: the sum with a small number has the number, rounded to an integer, in its low bits."""

# ln 2 in two parts; the first has so few bits that its product with an exponent is exact.
_LN2_HIGH, _LN2_LOW = 0.693359375, -2.12194440054690583e-4

# atanh(erf(x)) / x in x^2: erf(x) as a tanh.
_ERF = (
    1.1283749341964722,
    0.10285194218158722,
    -0.0004079409409314394,
    -0.000446347170509398,
    3.545457002473995e-05,
)

BOUNDS: dict[str, float] = {
    **_CPU,
    "exp": 5.0,
    "exp2": 2.0,
    "tanh": 4.0,
    "erf": 1.5,
    "rsqrt": 2.0,
    "sqrt": 1.5,
    "divf": 2.5,
}
"""Largest error of a function of f32 in units in the last place, where the result is 0 or a normal number."""

SHORT_BOUND = 2.0**-10.5
"""Largest relative error of a function whose result is rounded to bf16 at once."""


def exp(e: GpuEmitter, x: ir.Value) -> ir.Value:
    """e^x."""
    scaled = e.at_least(e.at_most(e.mul(x, e.real(_LOG2_E)), 127.0), -126.0)
    # The bias of the exponent comes with the rounding.
    rounded = e.add(scaled, e.real(_ROUND + 127.0))
    k = e.sub(rounded, e.real(_ROUND + 127.0))
    rest = e.fma(k, e.real(-_LN2_LOW), e.fma(k, e.real(-_LN2_HIGH), x))
    fraction = e.special("ex2.approx.ftz.f32 $0, $1;", e.mul(rest, e.real(_LOG2_E)))
    return e.mul(fraction, e.from_bits(e.shl(e.bits(rounded), 23)))


def exp2(e: GpuEmitter, x: ir.Value) -> ir.Value:
    """2^x."""
    return e.special("ex2.approx.f32 $0, $1;", x)


def rsqrt(e: GpuEmitter, x: ir.Value) -> ir.Value:
    """1 / sqrt(x)."""
    return e.special("rsqrt.approx.f32 $0, $1;", x)


def sqrt(e: GpuEmitter, x: ir.Value) -> ir.Value:
    """The square root."""
    return e.special("sqrt.approx.f32 $0, $1;", x)


def short_exp(e: GpuEmitter, x: ir.Value) -> ir.Value:
    """e^x for a result in bf16, 0 where it is below 2^-126; rounding the exponent costs less than 2^-16."""
    return e.special("ex2.approx.ftz.f32 $0, $1;", e.mul(x, e.real(_LOG2_E)))


def short_tanh(e: GpuEmitter, x: ir.Value) -> ir.Value:
    """The hyperbolic tangent for a result in bf16."""
    return e.special("tanh.approx.f32 $0, $1;", x)


def short_erf(e: GpuEmitter, x: ir.Value) -> ir.Value:
    """The error function for a result in bf16: ``tanh(x P(x^2))``, where P is off by less than 2^-17."""
    return short_tanh(e, e.mul(x, e.polynomial(e.mul(x, x), _ERF)))


Function = Callable[..., ir.Value]

F32: dict[str, Function] = {
    "math.cos": trigonometric.cos,
    "math.erf": sigmoidal.erf,
    "math.exp": exp,
    "math.exp2": exp2,
    "math.expm1": exponential.expm1,
    "math.log": logarithm.log,
    "math.log10": logarithm.log10,
    "math.log1p": logarithm.log1p,
    "math.log2": logarithm.log2,
    "math.powf": power.power,
    "math.rsqrt": rsqrt,
    "math.sin": trigonometric.sin,
    "math.sqrt": sqrt,
    "math.tanh": sigmoidal.tanh,
    "arith.divf": GpuEmitter.div,
}

BF16: dict[str, Function] = {
    **F32,
    "math.erf": short_erf,
    "math.exp": short_exp,
    "math.tanh": short_tanh,
}

EXACT: dict[str, str] = {
    "math.absf": "llvm.fabs",
    "math.ceil": "llvm.ceil",
    "math.copysign": "llvm.copysign",
    "math.floor": "llvm.floor",
    "math.fma": "llvm.fma",
    "math.roundeven": "llvm.roundeven",
    "math.trunc": "llvm.trunc",
}
"""Functions that are instructions, of every float type."""


LIBDEVICE = "stepwell.libdevice"
"""The attribute of an operation that NVIDIA's libdevice computes, or the chip's exact division."""


def leave_to_libdevice(op: ir.Operation) -> None:
    """Mark ``op`` as such, if there is a function of ours for it."""
    if op.name in F32:
        op.attributes[LIBDEVICE] = ir.UnitAttr.get(op.context)


def expand(name: str, operands: list[ir.Value], *, short: bool = False) -> ir.Value | None:
    """The function called ``name`` (of dialect math, or a quotient), None where it has to come from a library.

    Args:
        short: whether what is computed in f32 ends in bf16.
    """
    kind = operands[0].type
    element = ir.VectorType(kind).element_type if isinstance(kind, ir.VectorType) else kind
    if name in EXACT and isinstance(element, ir.FloatType):
        return intrinsic(EXACT[name], *operands)
    if name not in F32 or not isinstance(element, (ir.F32Type, ir.F16Type, ir.BF16Type)):
        return None
    emitter = GpuEmitter(like(kind, ir.F32Type.get()))
    if isinstance(element, ir.F32Type):
        return (BF16 if short else F32)[name](emitter, *operands)
    table = BF16 if isinstance(element, ir.BF16Type) else F32
    wide = [arith.extf(emitter.kind, operand) for operand in operands]
    return arith.truncf(kind, table[name](emitter, *wide))


def like(kind: ir.Type, element: ir.Type) -> ir.Type:
    """``element``, or a vector of it where ``kind`` is a vector."""
    return ir.VectorType.get(ir.VectorType(kind).shape, element) if isinstance(kind, ir.VectorType) else element
