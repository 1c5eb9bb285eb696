"""What the functions of expand-math promise."""

from __future__ import annotations

BOUNDS: dict[str, float] = {
    "cos": 1.6,
    "erf": 1.1,
    "exp": 1.0,
    "exp2": 1.0,
    "expm1": 1.5,
    "log": 0.9,
    "log10": 0.9,
    "log1p": 1.5,
    "log2": 0.9,
    "powf": 0.6,
    "sin": 1.6,
    "tanh": 2.4,
}
"""Largest error in units in the last place of the exact result, over all floats, with fused multiply-add."""

WITHOUT_FMA = 0.3
"""What rounded products add to each bound."""

ONE_PLUS_ERF = 2.5e-7
"""Largest error of ``1 + erf(x)`` as one expression, with fused multiply-add or without."""
