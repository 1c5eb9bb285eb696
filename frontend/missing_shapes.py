"""Shapes of results that PyTorch itself does not tell torch.export, or tells wrongly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_impls import op_implementations_dict

aten = torch.ops.aten


@contextmanager
def missing_shapes() -> Iterator[None]:
    """A context in which such operators take tensors without values."""
    shapes: dict[Any, Callable[..., Any]] = {
        aten.geqrf.default: _geqrf,
        aten.linalg_lstsq.default: _lstsq,
        aten._ctc_loss.default: _ctc_loss,
        aten._ctc_loss.Tensor: _ctc_loss,
    }
    added = {operator: _implementation(shape) for operator, shape in shapes.items()}
    added = {operator: made for operator, made in added.items() if operator not in op_implementations_dict}
    select = aten.masked_select.default
    torchs = {select: op_implementations_dict[select]}
    op_implementations_dict.update({**added, select: _masked_select(torchs[select])})
    try:
        yield
    finally:
        for operator in added:
            del op_implementations_dict[operator]
        op_implementations_dict.update(torchs)


def _implementation(shape: Callable[..., Any]) -> Callable[..., Any]:
    def run(mode: Any, operator: Any, *args: Any, **kwargs: Any) -> Any:
        with mode:
            return shape(*args, **kwargs)

    return run


def _masked_select(torchs: Callable[..., Any]) -> Callable[..., Any]:
    """As many elements as both have together at the most; PyTorch takes those that it selects from."""

    def run(mode: Any, operator: Any, x: Tensor, mask: Tensor) -> Any:
        with mode:
            spread, _ = torch.broadcast_tensors(x, mask)  # type: ignore[no-untyped-call]
        return torchs(mode, operator, spread, mask)

    return run


def _geqrf(a: Tensor) -> tuple[Tensor, Tensor]:
    return a.new_empty(a.shape), a.new_empty([*a.shape[:-2], min(a.shape[-2:])])


def _lstsq(
    a: Tensor, b: Tensor, rcond: float | None = None, *, driver: str | None = None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    height, width = a.shape[-2:]
    vector = b.dim() == 1 or (a.dim() - 1 == b.dim() and b.shape == a.shape[:-1])
    right = b.unsqueeze(-1) if vector else b
    batch = torch.broadcast_shapes(a.shape[:-2], right.shape[:-2])  # type: ignore[no-untyped-call]  # of PyTorch
    sizes = [*batch, width] if vector else [*batch, width, right.shape[-1]]
    rest = [*batch, right.shape[-1]] if height > width and driver not in (None, "gelsy") else [0]
    values = [*a.shape[:-2], min(height, width)] if driver in ("gelsd", "gelss") else [0]
    rank = [0] if driver == "gels" else a.shape[:-2]
    return b.new_empty(sizes), a.new_empty(rest), a.new_empty(rank, dtype=torch.int64), a.new_empty(values)


def _ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    zero_infinity: bool = False,
) -> tuple[Tensor, Tensor]:
    """With as many states as the longest target may have."""
    steps, batch = log_probs.shape[:2]
    longest = targets.shape[-1] if isinstance(target_lengths, Tensor) else max(target_lengths)
    return log_probs.new_empty([batch]), log_probs.new_empty([batch, steps, 2 * longest + 1])
