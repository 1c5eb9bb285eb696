"""PyTorch's own samples of its operators (``op_db``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch.testing._internal.common_device_type import toleranceOverride
from torch.testing._internal.common_methods_invocations import op_db
from torch.utils import _pytree as pytree

from bench.conformance.sample import Sample, Tolerance

_WIDER = {
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.float32: torch.float64,
    torch.complex64: torch.complex128,
}

#: Vectors have either sign: what is compared is what the entry makes of the results.
_EITHER_SIGN = frozenset({"linalg.eigh", "linalg.svd", "svd"})

#: Which of equal elements comes first is open, unless the call asks for a stable order: what is compared is the
#: elements at the places that are given. Behind each operator where its dimension stands among the arguments.
_ANY_OF_EQUALS = {"argsort": 0, "kthvalue": 1, "sort": 0, "topk": 1}

#: PyTorch's own results are further from the truth than its tolerance is wide (at the poles of trigamma, far from 0):
#: beside them, what is right is what the entry's reference says, which is SciPy's.
_BY_REFERENCE = ("polygamma.", "special.polygamma.", "special.bessel_")

#: On bytes PyTorch interpolates with weights of few bits: a sixth of its results are not the nearest integers.
_COARSE = frozenset(
    {"_upsample_bilinear2d_aa", "nn.functional.interpolate.bilinear", "nn.functional.upsample_bilinear"}
)

_UNDEFINED = frozenset({"empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided"})


class OpDb:
    """The operators that PyTorch has for one type on the CPU."""

    def __init__(self, dtype: str) -> None:
        self._dtype = getattr(torch, dtype)
        self._infos = {_name(info): info for info in op_db if info.supports_dtype(self._dtype, "cpu")}

    def operators(self) -> list[str]:
        """Their names, with that of the variant behind a dot."""
        return list(self._infos)

    def samples(self, operator: str, seed: int) -> Sequence[Sample]:
        """What ``op_db`` gives. Tensors become inputs of a model; all else is part of it."""
        info = self._infos[operator]
        torch.manual_seed(seed)
        tolerance = _tolerance(info, self._dtype)
        if operator in _COARSE and self._dtype is torch.uint8:
            tolerance = Tolerance(0, 0, whole=1)
        samples = []
        for found in info.sample_inputs("cpu", self._dtype, requires_grad=False):
            sample = _sample(
                _compared(operator, info.op, found),
                (found.input, *found.args),
                found.kwargs,
                tolerance,
                undefined=operator in _UNDEFINED,
            )
            if operator.startswith(_BY_REFERENCE):
                sample = replace(sample, exact=partial(_reference, info.ref, found))
            samples.append(sample)
        return samples


def _reference(function: Callable[..., Any], found: Any) -> torch.Tensor:
    """What an entry's reference makes of a sample, in float64."""
    return torch.as_tensor(function(found.input.double().numpy(), *found.args, **found.kwargs))


def _compared(operator: str, function: Callable[..., Any], found: Any) -> Callable[..., Any]:
    if operator in _EITHER_SIGN:
        return lambda *args, **kwargs: found.output_process_fn_grad(function(*args, **kwargs))
    if operator in _ANY_OF_EQUALS and not found.kwargs.get("stable"):
        place = _ANY_OF_EQUALS[operator]
        dim = found.args[place] if len(found.args) > place else found.kwargs.get("dim", -1)
        return lambda x, *args, **kwargs: _elements(x, function(x, *args, **kwargs), dim)
    return function


def _elements(x: torch.Tensor, result: Any, dim: int) -> list[torch.Tensor]:
    """``result`` with elements of ``x`` in place of where they are."""
    *values, places = [result] if isinstance(result, torch.Tensor) else result
    if x.dim() == 0:
        return [*values, x.expand(places.shape)]
    if places.dim() < x.dim():
        return [*values, x.gather(dim, places.unsqueeze(dim)).squeeze(dim)]
    return [*values, x.gather(dim, places)]


def _name(info: Any) -> str:
    return f"{info.name}.{info.variant_test_name}" if info.variant_test_name else str(info.name)


class _Call(torch.nn.Module):
    """Calls a function with the tensors that it is given in their places among other arguments.

    Where it writes into them it gets copies, and the result has these behind it: a compiled model keeps its arguments.
    """

    def __init__(
        self, function: Callable[..., Any], leaves: Sequence[Any], layout: pytree.TreeSpec, *, writes: bool = False
    ) -> None:
        super().__init__()
        self._function, self._leaves, self._layout, self._writes = function, list(leaves), layout, writes

    def forward(self, *tensors: torch.Tensor) -> Any:
        if not self._writes:
            return self._call(tensors)
        copies = [tensor.clone() for tensor in tensors]
        return self._call(copies), copies

    def _call(self, tensors: Sequence[torch.Tensor]) -> Any:
        rest = iter(tensors)
        leaves = [next(rest) if isinstance(leaf, torch.Tensor) else leaf for leaf in self._leaves]
        args, kwargs = pytree.tree_unflatten(leaves, self._layout)
        return self._function(*args, **kwargs)


def _sample(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    tolerance: Tolerance | None,
    *,
    undefined: bool,
) -> Sample:
    leaves, layout = pytree.tree_flatten((args, kwargs))
    inputs = tuple(leaf for leaf in leaves if isinstance(leaf, torch.Tensor))
    writes = _writes(_Call(function, leaves, layout), inputs)
    model = _Call(function, leaves, layout, writes=writes)

    def expected() -> Any:
        return model(*(tensor.clone() for tensor in inputs))

    def exact() -> Any:
        # A type that is named in the call would be that of the result.
        wide = [_WIDER.get(leaf, leaf) if isinstance(leaf, torch.dtype) else leaf for leaf in leaves]
        wider = _Call(function, wide, layout, writes=writes)
        return wider(*(tensor.to(_WIDER.get(tensor.dtype, tensor.dtype)) for tensor in inputs))

    return Sample(model, inputs, expected, exact, tolerance, undefined)


def _writes(model: torch.nn.Module, inputs: Sequence[torch.Tensor]) -> bool:
    copies = [tensor.clone() for tensor in inputs]
    try:
        model(*copies)
    except Exception:  # an invalid call, of which the judge says so
        return False
    return any(
        copy.shape != tensor.shape or bool(((copy != tensor) & ((copy == copy) | (tensor == tensor))).any())
        for copy, tensor in zip(copies, inputs, strict=True)
        if copy.layout is torch.strided
    )


def _tolerance(info: Any, dtype: torch.dtype) -> Tolerance | None:
    """The widest that the entry asks for on CPUs, None where it is content with PyTorch's own."""
    found = [
        decorator.d[dtype]
        for entry in info.decorators
        if getattr(entry, "device_type", None) in (None, "cpu")
        for decorator in getattr(entry, "decorators", [entry])
        if isinstance(decorator, toleranceOverride) and dtype in decorator.d
    ]
    if not found:
        return None
    return Tolerance(max(one.rtol for one in found), max(one.atol for one in found))
