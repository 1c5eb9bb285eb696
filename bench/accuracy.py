"""How far results are from float64, and how far PyTorch's own are."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

Outputs = list[torch.Tensor]

# An error is small enough under this, or under so many times PyTorch's own.
ABSOLUTE, TIMES_EAGER = 1e-4, 4.0


@dataclass(frozen=True)
class Accuracy:
    """Largest max|y - r| / max|r| over all outputs of all calls; ``r`` in float64."""

    ours: float
    eager: float

    @property
    def passed(self) -> bool:
        """Whether ours is small, or of the size of eager's."""
        return self.ours < ABSOLUTE or self.ours <= TIMES_EAGER * self.eager


def compare(model: torch.nn.Module, call: Any, calls: Sequence[tuple[Any, ...]]) -> Accuracy:
    """Run ``calls`` one after the other through ``call``, through the model, and through it in float64.

    The model is copied for each: neither buffers nor arguments change.
    """
    expected = reference(model, calls)
    with torch.no_grad():
        eager_model = copy.deepcopy(model)
        eager = [leaves(eager_model(*args)) for args in calls]
        ours = [leaves(call(*args)) for args in calls]
    return Accuracy(error(ours, expected), error(eager, expected))


def reference(model: torch.nn.Module, calls: Sequence[tuple[Any, ...]]) -> list[Outputs]:
    """Outputs of successive calls with every weight, input and intermediate in float64."""
    doubled = copy.deepcopy(model).double()
    with torch.no_grad(), _float64_everywhere():
        return [leaves(doubled(*pytree.tree_map(_double, args))) for args in calls]


def error(results: Sequence[Outputs], expected: Sequence[Outputs]) -> float:
    """Largest relative error over all tensors; infinite where shapes, integers or non-finite values differ."""
    pairs = [pair for mine, right in zip(results, expected, strict=True) for pair in zip(mine, right, strict=True)]
    return max((_tensor_error(result, right) for result, right in pairs), default=0.0)


def leaves(tree: Any) -> Outputs:
    """The tensors of an output, as copies: the next call may reuse a buffer."""
    return [leaf.detach().clone() for leaf in pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def _tensor_error(result: torch.Tensor, right: torch.Tensor) -> float:
    if result.shape != right.shape:
        return float("inf")
    if right.numel() == 0:
        return 0.0
    if not right.is_floating_point():
        return 0.0 if torch.equal(result, right) else float("inf")
    result, finite = result.double(), right.isfinite()
    if not torch.equal(finite, result.isfinite()):
        return float("inf")
    largest = float(right[finite].abs().max()) if finite.any() else 0.0
    return float((result[finite] - right[finite]).abs().max()) / (largest or 1.0) if finite.any() else 0.0


def _double(leaf: Any) -> Any:
    return leaf.double() if isinstance(leaf, torch.Tensor) and leaf.is_floating_point() else leaf


class _Widen(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Turns every request for float32 into one for float64: models that compute a part in float32 ask for it."""

    supports_higher_order_operators = True

    @classmethod
    def is_infra_mode(cls) -> bool:
        """Others have torch skip branches and loops on values, then and ever after."""
        return True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if kwargs.get("dtype") is torch.float32:
            kwargs = {**kwargs, "dtype": torch.float64}
        return func(*args, **kwargs)


@contextmanager
def _float64_everywhere() -> Iterator[None]:
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with _Widen():  # type: ignore[no-untyped-call]
            yield
    finally:
        torch.set_default_dtype(default)
