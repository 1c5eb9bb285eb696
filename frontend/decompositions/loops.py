"""Loops of a program in decompositions: as many steps as the values of tensors ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch._higher_order_ops.while_loop import while_loop_op


def loop(
    goes_on: Callable[..., Tensor],
    body: Callable[..., tuple[Tensor, ...]],
    carried: Sequence[Tensor],
    fixed: Sequence[Tensor] = (),
) -> tuple[Tensor, ...]:
    """What ``carried`` has become when ``goes_on`` is false.

    Both functions take all tensors, those that stay the same last, and use no other ones. ``body`` gives new values of
    the same shapes and types.
    """
    start: Any = tuple(carried)
    result: tuple[Tensor, ...] = while_loop_op(goes_on, body, start, tuple(fixed))
    return tuple(result)
