"""Operators on elements: arithmetic, comparisons, choices, conversions."""

from __future__ import annotations

import operator

import torch
from torch import fx
from torch.nn import functional as F

from random_programs.program import (
    FLOATS,
    INTEGERS,
    NARROW,
    Builder,
    boolean,
    exact,
    finite,
    floating,
    integer,
    number,
    value,
)

_SMOOTH = (
    torch.tanh, torch.sigmoid, torch.sin, torch.cos, torch.exp, torch.erf, torch.expm1, torch.atan, F.gelu, F.silu,
    F.softplus, F.elu, F.mish, F.logsigmoid, F.hardsigmoid, F.hardswish, F.selu, torch.sqrt, torch.log, torch.log1p,
    torch.rsqrt, torch.reciprocal, torch.square, torch.asinh, torch.sinh, torch.exp2, torch.log2,
)  # fmt: skip
_EXACT = (torch.neg, torch.abs, torch.relu, F.relu6, F.hardtanh, torch.sign, F.leaky_relu)
_ROUNDING = (torch.floor, torch.ceil, torch.round, torch.trunc)
_COMPARISONS = (torch.eq, torch.ne, torch.lt, torch.le, torch.gt, torch.ge)


def partner(b: Builder, node: fx.Node, *, keeps_dtype: bool = False) -> fx.Node | None:
    """A node that broadcasts with ``node`` at every size."""

    def fits(other: fx.Node) -> bool:
        if keeps_dtype and value(other).dtype != value(node).dtype:
            return False
        try:
            for one, two in zip(node.meta["values"], other.meta["values"], strict=True):
                torch.broadcast_shapes(one.shape, two.shape)
        except RuntimeError:
            return False
        return True

    return b.choose(number, fits)


def smooth(b: Builder) -> None:
    """A function of one real number."""
    node = b.choose(floating)
    if node is not None:
        b.call(b.pick(_SMOOTH), node)


def simple(b: Builder) -> None:
    """A function that rounds nothing."""
    node = b.choose(number)
    if node is not None:
        target = b.pick(_EXACT)
        if target in (F.relu6, F.hardtanh, F.leaky_relu) and not floating(node):
            target = torch.abs
        b.call(target, node, exact=0 if target is F.leaky_relu else exact(node))


def rounding(b: Builder) -> None:
    """Rounding to whole numbers."""
    node = b.choose(number, exact)
    if node is not None:
        b.call(b.pick(_ROUNDING), node, exact=exact(node))


def arithmetic(b: Builder) -> None:
    """Two values, or one and a number."""
    node = b.choose(number)
    if node is None:
        return
    other = partner(b, node)
    if other is None or b.chance(4):
        scalar = b.pick([2, -1, 3, 0.5, 0.25, 1.75])
        target = b.pick([operator.add, operator.sub, operator.mul, operator.truediv, torch.rsub])
        b.call(target, node, scalar)
        return
    left = min(exact(node), exact(other)) - 1
    target = b.pick(["add", "sub", "mul", "div", "maximum", "minimum", "alpha", "fmax", "atan2"])
    if target in ("add", "sub"):
        b.call(getattr(torch, target), node, other, exact=max(left, 0))
    elif target == "alpha":
        b.call(torch.add, node, other, alpha=2)
    elif target in ("maximum", "minimum", "fmax"):
        b.call(getattr(torch, target), node, other, exact=left + 1)
    else:
        b.call(getattr(torch, target), node, other)


def scalars(b: Builder) -> None:
    """Powers, limits, remainders by numbers."""
    node = b.choose(number)
    if node is None:
        return
    if exact(node) and b.chance(3):
        target = b.pick([torch.fmod, torch.remainder])
        b.call(target, node, b.pick([2, 3, 5]), exact=exact(node))
        return
    kind = b.integer(0, 3)
    if kind == 0:
        b.call(torch.pow, node, b.pick([2, 3]))
    elif kind == 1:
        b.call(torch.clamp, node, b.pick([-2, 0, None]), b.pick([1, 3]), exact=exact(node))
    elif kind == 2 and floating(node):
        b.call(torch.lerp, node, node, 0.25)
    else:
        b.call(torch.clamp_min, node, b.pick([-1, 0, 1]), exact=exact(node))


def whole(b: Builder) -> None:
    """Integer division, bits, shifts."""
    node = b.choose(integer)
    if node is None:
        return
    kind = b.integer(0, 5)
    if kind == 0:
        b.call(torch.div, node, b.pick([2, 3, -3]), rounding_mode=b.pick(["floor", "trunc"]))
    elif kind == 1:
        b.call(torch.bitwise_not, node)
    elif kind == 2:
        b.call(b.pick([operator.lshift, operator.rshift]), node, b.integer(0, 3))
    elif kind == 3:
        b.call(operator.floordiv, node, b.pick([2, 5]))
    else:
        other = partner(b, node)
        if other is not None and integer(other):
            b.call(b.pick([torch.bitwise_and, torch.bitwise_or, torch.bitwise_xor]), node, other)


def comparison(b: Builder) -> None:
    """A comparison of exact values."""
    node = b.choose(number, exact)
    other = None if node is None else partner(b, node)
    if node is not None:
        second = other if other is not None and exact(other) and b.chance(2) else b.pick([0, 1, -2])
        b.call(b.pick(_COMPARISONS), node, second)


def tests(b: Builder) -> None:
    """What kind of number it is."""
    node = b.choose(floating, exact)
    if node is not None:
        b.call(b.pick([torch.isnan, torch.isinf, torch.isfinite]), node)


def logic(b: Builder) -> None:
    """Logic of booleans."""
    node, other = b.choose(boolean), b.choose(boolean)
    if node is None or other is None:
        return
    if b.chance(3):
        b.call(b.pick([torch.logical_not, torch.bitwise_not]), node)
    else:
        b.call(b.pick([torch.logical_and, torch.logical_or, torch.logical_xor, operator.and_]), node, other)


def where(b: Builder) -> None:
    """A choice by booleans."""
    mask, node = b.choose(boolean), b.choose()
    if mask is None or node is None:
        return
    kind = b.integer(0, 2)
    if kind == 0:
        b.call(torch.masked_fill, node, mask, b.pick([0, 1, -3]) if number(node) else True, exact=exact(node))
    elif kind == 1:
        b.call(torch.where, mask, node, 0 if number(node) else False, exact=exact(node))
    else:
        other = partner(b, node)
        if other is not None:
            b.call(torch.where, mask, node, other, exact=min(exact(node), exact(other)))


def convert(b: Builder) -> None:
    """To another dtype."""
    node = b.choose()
    if node is None:
        return
    if floating(node):
        dtypes = (*FLOATS, torch.int64, torch.int32, torch.bool) if exact(node) and finite(node) else FLOATS
    else:
        dtypes = (*INTEGERS, *FLOATS[:2], torch.bool)
    dtype = b.pick(dtypes)
    small = floating(node) and exact(node)
    b.call("to", node, dtype, exact=exact(node) if small else 0, show=dtype in NARROW)


def in_place(b: Builder) -> None:
    """A copy that is changed in place, or a part of it."""
    node = b.choose(number)
    if node is None:
        return
    copy = b.call("clone", node, exact=exact(node))
    if copy is None:
        return
    view = copy
    if value(copy).dim() and b.chance(2):
        view = b.call(torch.narrow, copy, 0, 0, 1) or copy
    b.change(b.pick(["add_", "mul_", "clamp_min_", "fill_"]), view, b.pick([0, 1, 2]))


RULES = [smooth, smooth, simple, rounding, arithmetic, arithmetic, arithmetic, scalars, whole, comparison, comparison,
         tests, logic, where, where, convert, in_place]  # fmt: skip
