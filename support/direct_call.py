"""The short way from Python into a compiled entry (runtime/python/direct_call.cpp)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from ctypes import c_void_p
from typing import TypeAlias

import torch

from stepwell.support.dtypes import torch_dtype
from stepwell.support.errors import ExecutionError
from stepwell.support.native_library import EntryDesc, check, direct_call_class, library

#: Called with the entry's inputs: its results, or None where it declines and nothing has run.
DirectCall: TypeAlias = "Callable[..., tuple[torch.Tensor, ...] | None]"

_MOST_TENSORS = 64
_CPU = torch.device("cpu")


def make_direct_call(session: c_void_p, index: int, desc: EntryDesc) -> DirectCall | None:
    """The short way into entry ``index`` of ``session``; None where it takes or gives too many tensors.

    It does not keep the session alive, and must not: the session keeps it.
    """
    if max(desc.n_inputs, desc.n_outputs) > _MOST_TENSORS:
        return None
    outputs = [desc.outputs[i] for i in range(desc.n_outputs)]
    dtypes = [torch_dtype(output.dtype) for output in outputs]
    shapes = [output.static_shape() for output in outputs]
    made: DirectCall = direct_call_class()(
        ctypes.cast(library().sw_session_run_with, c_void_p).value,
        session.value,
        index,
        desc.n_inputs,
        torch.Tensor.__dlpack_c_exchange_api__,
        torch.Tensor,
        tuple(
            None if shape is None else ((shape,), {"dtype": dtype, "device": _CPU})
            for shape, dtype in zip(shapes, dtypes, strict=True)
        ),
        torch.empty,
        lambda output, sizes: new_tensor(sizes, dtypes[output]),
        check,
    )
    return made


def new_tensor(shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    """Memory for a result.

    Raises:
        ExecutionError: there is not so much.
    """
    try:
        return torch.empty(shape, dtype=dtype, device=_CPU)
    except RuntimeError:
        sizes = "x".join(map(str, shape))
        raise ExecutionError(
            f"out of memory: an output of {sizes} elements of {dtype} could not be allocated"
        ) from None
