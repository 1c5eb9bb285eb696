"""Operators on integers that torch-mlir does not take, in those that it does; others are left to the table behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from stepwell.frontend.decompositions.chain import chain

aten = torch.ops.aten

Number = bool | int | float

_LARGEST_POWER = 64


def integer_decompositions(others: dict[Any, Callable[..., Any]]) -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition; ``others`` has what to do with the operands that are none of ours."""
    table: dict[Any, Callable[..., Any]] = {
        aten.bitwise_and.Scalar: lambda x, n: aten.bitwise_and.Tensor(x, _like(x, n)),
        aten.bitwise_or.Scalar: lambda x, n: aten.bitwise_or.Tensor(x, _like(x, n)),
        aten.bitwise_xor.Scalar: lambda x, n: aten.bitwise_xor.Tensor(x, _like(x, n)),
        aten.__lshift__.Tensor: aten.bitwise_left_shift.Tensor,
        aten.__rshift__.Tensor: aten.bitwise_right_shift.Tensor,
        aten.any.default: _any,
        aten.any.dim: _any,
        aten.any.dims: _any,
        aten.all.default: _all,
        aten.all.dim: _all,
        aten.all.dims: _all,
        aten.div.Scalar_mode: _divide,
        aten.div.Tensor_mode: _divide,
        aten.floor_divide.Scalar: lambda x, y: _divide(x, y, rounding_mode="floor"),
        aten.floor_divide.default: lambda x, y: _divide(x, y, rounding_mode="floor"),
        aten.fmod.Scalar: _remainder,
        aten.fmod.Tensor: _remainder,
        aten.isclose.default: _is_close,
        aten.pow.Scalar: _power_of_number,
        aten.pow.Tensor_Scalar: _power,
        aten.pow.Tensor_Tensor: _powers,
        aten.sort.default: _sort,
    }
    table |= {getattr(aten, name).Scalar: _compared(name) for name in ("eq", "ge", "gt", "le", "lt", "ne")}
    return chain(table, others)


def _like(x: Tensor, number: Number) -> Tensor:
    """``number`` as a tensor of rank 0; its dtype weighs as little as a Python number does."""
    kind = x.dtype if x.dtype is not torch.bool or isinstance(number, bool) else torch.int64
    return torch.full([], number, dtype=kind, device=x.device)


def _is_integer(x: Tensor) -> bool:
    return not x.is_floating_point() and not x.is_complex()


def _any(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return _of_truth(torch.any, x, *args, **kwargs)


def _all(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return _of_truth(torch.all, x, *args, **kwargs)


def _of_truth(function: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    if x.dtype is torch.bool:
        return cast("Tensor", NotImplemented)
    result: Tensor = function(x != 0, *args, **kwargs)
    return result.to(torch.uint8) if x.dtype is torch.uint8 else result


def _compared(name: str) -> Callable[..., Tensor]:
    """The comparison ``name`` of bytes with a number that they do not hold: PyTorch takes its lowest eight bits."""

    def compare(x: Tensor, number: Number) -> Tensor:
        if x.dtype is not torch.uint8 or not isinstance(number, int) or 0 <= number < 256:
            return cast("Tensor", NotImplemented)
        result: Tensor = getattr(aten, name).Scalar(x, number % 256)
        return result

    return compare


def _remainder(x: Tensor, divisor: Tensor | Number) -> Tensor:
    """With the sign of ``x``; torch-mlir's own has a quotient of integers that PyTorch takes for one of floats."""
    divisor = _like(x, divisor) if isinstance(divisor, int) else divisor
    if not isinstance(divisor, Tensor) or not (_counts(x) and _counts(divisor)):
        return cast("Tensor", NotImplemented)
    return x - torch.div(x, divisor, rounding_mode="trunc") * divisor


def _is_close(x: Tensor, y: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    if not _is_integer(x) or x.dtype is torch.bool:
        return cast("Tensor", NotImplemented)
    allowed = atol + torch.abs(rtol * y.to(torch.get_default_dtype()))
    return (x == y) | (torch.abs(x - y) <= allowed)


def _divide(x: Tensor, y: Tensor | Number, *, rounding_mode: str | None) -> Tensor:
    """Rounded down from the quotient that is cut off: torch-mlir goes through f64, which holds no 64 bits."""
    numbers = not isinstance(y, Tensor)
    divisor = _like(x, cast("Number", y)) if numbers and isinstance(y, int) else y
    if rounding_mode != "floor" or not all(isinstance(t, Tensor) and _counts(t) for t in (x, divisor)):
        return cast("Tensor", NotImplemented)
    assert isinstance(divisor, Tensor)
    quotient = torch.div(x, divisor, rounding_mode="trunc")
    if x.dtype is divisor.dtype is torch.uint8:
        return quotient
    rest = x - quotient * divisor
    below = (rest != 0) & ((rest < 0) != (divisor < 0))
    return quotient - below.to(quotient.dtype)


def _counts(x: Tensor) -> bool:
    return _is_integer(x) and x.dtype is not torch.bool


def _power(x: Tensor, exponent: Number) -> Tensor:
    """By squaring; products wrap as PyTorch's do."""
    if not _is_integer(x) or x.dtype is torch.bool or not isinstance(exponent, int):
        return cast("Tensor", NotImplemented)
    if not 0 <= exponent <= _LARGEST_POWER:
        return cast("Tensor", NotImplemented)
    result, square = None, x
    while exponent:
        if exponent & 1:
            result = square if result is None else result * square
        exponent >>= 1
        square = square * square if exponent else square
    return torch.ones_like(x) if result is None else result.clone() if result is x else result


def _powers(x: Tensor, exponent: Tensor) -> Tensor:
    """By squaring, one bit of the exponents after the other; products wrap as PyTorch's do."""
    if not (_counts(x) and _counts(exponent)):
        return cast("Tensor", NotImplemented)
    kind = torch.result_type(x, exponent)
    square, exponent = x.to(kind), exponent.to(kind)
    base, result = square, torch.ones_like(square)
    signed = kind is not torch.uint8
    for bit in range(torch.iinfo(kind).bits - signed):
        result = torch.where(torch.bitwise_and(exponent, 1 << bit) != 0, result * square, result)
        square = square * square
    if not signed:
        return result
    # The whole part of the reciprocal: of 1 and -1 alone there is one.
    odd = torch.bitwise_and(exponent, 1) != 0
    small = torch.where(base == 1, 1, torch.where(base == -1, torch.where(odd, -1, 1), 0)).to(kind)
    return torch.where(exponent < 0, small, result)


def _power_of_number(number: Number, exponent: Tensor) -> Tensor:
    if not isinstance(number, int) or isinstance(number, bool):
        return cast("Tensor", NotImplemented)
    return _powers(_like(exponent, number), exponent) if _counts(exponent) else cast("Tensor", NotImplemented)


def _sort(x: Tensor, dim: int = -1, descending: bool = False) -> tuple[Tensor, Tensor]:
    """Of truth: upstream takes true for -1."""
    if x.dtype is not torch.bool:
        return cast("tuple[Tensor, Tensor]", NotImplemented)
    values, places = aten.sort.default(x.to(torch.int64), dim, descending)
    return values != 0, places
