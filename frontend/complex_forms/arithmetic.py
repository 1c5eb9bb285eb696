"""The four operations and what is made of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from stepwell.frontend.complex_forms.pair import Form, Pair, Parts, operands, parts

aten = torch.ops.aten


def product(a: Parts, b: Parts) -> Parts:
    """The product as PyTorch makes it: without regard to infinities."""
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def quotient(a: Parts, b: Parts) -> Parts:
    """``a / b`` by R. L. Smith's method (Algorithm 116, 1962), which does not overflow on the way.

    ``b`` is a tensor.
    """
    steep = b[1].abs() > b[0].abs()
    large, small = torch.where(steep, b[1], b[0]), torch.where(steep, b[0], b[1])
    ratio = small / large
    below = large + small * ratio
    real = torch.where(steep, a[0] * ratio + a[1], a[0] + a[1] * ratio)
    imaginary = torch.where(steep, a[1] * ratio - a[0], a[1] - a[0] * ratio)
    return real / below, imaginary / below


def _add(a: Any, b: Any, *, alpha: Any = 1) -> Pair:
    first, second = operands(a, b)
    if alpha != 1:
        second = product(second, parts(alpha))
    return Pair(first[0] + second[0], first[1] + second[1])


def _sub(a: Any, b: Any, *, alpha: Any = 1) -> Pair:
    return _add(a, b, alpha=-alpha)


def _rsub(a: Any, b: Any, alpha: Any = 1) -> Pair:
    first, second = operands(a, b)
    if alpha != 1:
        first = product(first, parts(alpha))
    return Pair(second[0] - first[0], second[1] - first[1])


def _mul(a: Any, b: Any) -> Pair:
    return Pair(*product(*operands(a, b)))


def _div(a: Any, b: Any, *, rounding_mode: str | None = None) -> Pair:
    if rounding_mode is not None:
        raise NotImplementedError
    first, second = operands(a, b)
    if not isinstance(second[0], Tensor):
        return Pair(*quotient(first, tuple(torch.full_like(first[0], part) for part in second)))  # type: ignore[arg-type]
    return Pair(*quotient(first, second))


def reciprocal(x: Pair) -> Pair:
    """``1 / x``."""
    return Pair(*quotient((torch.ones_like(x.re), torch.zeros_like(x.re)), (x.re, x.im)))


def _sum_of_products(op: Any) -> Form:
    """A bilinear operator of two tensors."""

    def form(a: Any, b: Any) -> Pair:
        (ar, ai), (br, bi) = operands(a, b)
        return Pair(op(ar, br) - op(ai, bi), op(ar, bi) + op(ai, br))

    return form


def _vdot(a: Any, b: Any) -> Pair:
    (ar, ai), (br, bi) = operands(a, b)
    return Pair(torch.dot(ar, br) + torch.dot(ai, bi), torch.dot(ar, bi) - torch.dot(ai, br))


def _scaled_sum(op: Any) -> Form:
    """``beta * x + alpha * op(a, b)``."""

    def form(x: Any, a: Any, b: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
        found = op(a, b)
        found = found if alpha == 1 else found * alpha
        if beta == 0:  # whatever x holds
            return found
        return found + (x if beta == 1 else x * beta)

    return form


def _convolution(x: Any, weight: Any, bias: Any, *options: Any) -> Pair:
    (xr, xi), (wr, wi) = operands(x, weight)

    def convolved(a: Tensor, b: Tensor) -> Tensor:
        made: Tensor = aten.convolution.default(a, b, None, *options)
        return made

    real, imaginary = convolved(xr, wr) - convolved(xi, wi), convolved(xr, wi) + convolved(xi, wr)
    if bias is not None:
        each = [part.reshape(-1, *[1] * (real.dim() - 2)) for part in parts(bias)]
        real, imaginary = real + each[0], imaginary + each[1]
    return Pair(real, imaginary)


def _addcmul(x: Any, a: Any, b: Any, *, value: Any = 1) -> Any:
    return x + (a * b if value == 1 else a * b * value)


def _addcdiv(x: Any, a: Any, b: Any, *, value: Any = 1) -> Any:
    return x + (a / b if value == 1 else a / b * value)


def _lerp(x: Any, end: Any, weight: Any) -> Any:
    return x + (end - x) * weight


def _cross(a: Any, b: Any, *, dim: int = -1) -> Any:
    a, b = torch.broadcast_tensors(a, b)  # type: ignore[no-untyped-call]
    return a.roll(-1, dim) * b.roll(-2, dim) - a.roll(-2, dim) * b.roll(-1, dim)


FORMS: dict[Any, Form] = {
    aten.add: _add,
    aten.sub: _sub,
    aten.rsub: _rsub,
    aten.mul: _mul,
    aten.div: _div,
    aten.true_divide: _div,
    aten.reciprocal: reciprocal,
    aten.mm: _sum_of_products(aten.mm.default),
    aten.bmm: _sum_of_products(aten.bmm.default),
    aten.mv: _sum_of_products(aten.mv.default),
    aten.dot: _sum_of_products(aten.dot.default),
    aten.vdot: _vdot,
    aten.addmm: _scaled_sum(torch.mm),
    aten.addmv: _scaled_sum(torch.mv),
    aten.baddbmm: _scaled_sum(torch.bmm),
    aten.addbmm: _scaled_sum(lambda a, b: torch.bmm(a, b).sum(0)),
    aten.addr: _scaled_sum(lambda a, b: a.unsqueeze(-1) * b),
    aten.convolution: _convolution,
    aten.addcmul: _addcmul,
    aten.addcdiv: _addcdiv,
    aten.lerp: _lerp,
    aten.linalg_cross: _cross,
}
