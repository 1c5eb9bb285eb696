"""tanh and erf of f32: odd functions that end at -1 and 1."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.passes.buffer.math.emitter import Emitter
from stepwell.passes.buffer.math.exponential import exp_normal, expm1_positive

_TANH_ONE = 9.02
_ERF_ONE = 3.95
_ERF_SMALL = 0.92

# erf(x) / x - 1 in x^2, for |x| < 0.92.
_ERF_NEAR = (
    0.12837915122509003,
    -0.3761250078678131,
    0.11281877011060715,
    -0.026768580079078674,
    0.00499585410580039,
    -0.0006003811140544713,
)

# -log(1 - erf(x)) from 0.92 to 3.95, negated.
_ERF_FAR = (
    -8.43085435917601e-05,
    -1.1282293796539307,
    -0.6360260844230652,
    -0.10524417459964752,
    0.023101193830370903,
    -0.003384583629667759,
    0.00026823271764442325,
    -6.402757662726799e-06,
)


def tanh(e: Emitter, x: ir.Value) -> ir.Value:
    """``m / (m + 2)`` with ``m = e^(2|x|) - 1``, which loses nothing near 0."""
    doubled = e.at_most(e.abs(x), _TANH_ONE)
    m = expm1_positive(e, e.add(doubled, doubled))
    return e.copysign(e.div(m, e.add(m, e.real(2.0))), x)


def erf(e: Emitter, x: ir.Value) -> ir.Value:
    """A polynomial near 0, ``1 - e^p(|x|)`` from 0.92 on (minimax both, :mod:`bench.minimax`)."""
    magnitude = e.abs(x)
    near = e.fma(x, e.polynomial(e.mul(x, x), _ERF_NEAR), x)
    far = e.at_most(magnitude, _ERF_ONE)
    far = e.sub(e.real(1.0), exp_normal(e, e.polynomial(far, _ERF_FAR)))
    return e.select(e.less(magnitude, e.real(_ERF_SMALL)), near, e.copysign(far, x))
