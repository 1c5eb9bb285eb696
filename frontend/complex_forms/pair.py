"""A complex tensor as its two parts, while an operator is traced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch._prims_common import ELEMENTWISE_TYPE_PROMOTION_KIND, elementwise_dtypes
from torch._subclasses.complex_tensor import ComplexTensor
from torch._subclasses.complex_tensor._ops.common import lookup_complex
from torch.utils import _pytree as pytree

Form = Callable[..., Any]

#: Real and imaginary part: tensors, or the numbers of a scalar.
Parts = tuple[Any, Any]


class Pair(ComplexTensor):
    """PyTorch's ``ComplexTensor``, whose operators are ours where we have a form."""

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: OpOverload, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return apply(func, args, kwargs or {})


def apply(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``target`` gives, in pairs."""
    form = form_of(target) or lookup_complex(target, *args, **kwargs)
    if form is None:
        raise NotImplementedError(str(target))
    return pytree.tree_map_only(ComplexTensor, _as_pair, form(*args, **kwargs))


def form_of(target: Any) -> Form | None:
    """Our form of an operator, where there is one of it or of all its overloads."""
    from stepwell.frontend.complex_forms.table import FORMS

    return FORMS.get(target) or FORMS.get(getattr(target, "overloadpacket", None))


def parts(x: Any) -> Parts:
    """The parts of a tensor or number; a real one has none that is imaginary: zeros stand for it."""
    if isinstance(x, ComplexTensor):
        return x.re, x.im
    if isinstance(x, Tensor):
        return x, torch.zeros_like(x)
    return (x.real, x.imag) if isinstance(x, complex) else (x, 0)


def operands(a: Any, b: Any) -> tuple[Parts, Parts]:
    """The parts of two operands in the type that PyTorch computes in."""
    # torch.result_type would be an operator of the trace.
    kind = elementwise_dtypes(a, b, type_promotion_kind=ELEMENTWISE_TYPE_PROMOTION_KIND.DEFAULT)[1].to_real()
    first, second = ((_in(part[0], kind), _in(part[1], kind)) for part in (parts(a), parts(b)))
    return first, second


def _in(part: Any, kind: torch.dtype) -> Any:
    return part.to(kind) if isinstance(part, Tensor) and part.dtype != kind else part


def _as_pair(x: ComplexTensor) -> Pair:
    return x if isinstance(x, Pair) else Pair(x.re, x.im)
