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

# erf(x) / x in 2 x^2 / 3.925^2 - 1, for |x| <= 3.925, where it just reaches 1.
_ERF_END = 3.925
_ERF_SCALE = 0.1298227161169052
_ERF_WHOLE = (
    0.3602779507637024,
    -0.17988428473472595,
    0.1339322030544281,
    -0.1090877428650856,
    0.09059090912342072,
    -0.07409951835870743,
    0.05842802673578262,
    -0.04344244301319122,
    0.030101506039500237,
    -0.020545387640595436,
    0.013956268317997456,
    -0.00715028028935194,
    0.0022448888048529625,
    -0.0018603294156491756,
    0.002046244917437434,
    -0.0007309495704248548,
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


def one_plus_erf(e: Emitter, x: ir.Value) -> ir.Value:
    """``1 + erf(x)``, as in GELU: the sum hides what is small, so that one polynomial does for all x."""
    x = e.at_most(e.at_least(x, -_ERF_END), _ERF_END)
    place = e.fma(e.mul(x, x), e.real(_ERF_SCALE), e.real(-1.0))
    total = e.fma(x, e.polynomial(place, _ERF_WHOLE), e.real(1.0))
    return e.at_most(e.at_least(total, 0.0), 2.0)
