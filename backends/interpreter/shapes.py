"""Reassociation: expanding and collapsing dimensions of tensors and buffers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.element_types import Array
from stepwell.backends.interpreter.operands import Mixed, integers, mixed
from stepwell.support.errors import ExecutionError


def groups(op: ir.Operation) -> list[list[int]]:
    """The reassociation of ``op``."""
    return [integers(group) for group in op.attributes["reassociation"]]


def expanded_shape(op: ir.Operation) -> Mixed:
    """The output shape of an expand_shape operation, from its operands."""
    return mixed(list(op.attributes["static_output_shape"]), 1)


def collapsed_shape(shape: Sequence[int], reassociation: list[list[int]]) -> tuple[int, ...]:
    """Products of the sizes of each group."""
    return tuple(int(np.prod([shape[dim] for dim in group], dtype=np.int64)) for group in reassociation)


def check_expansion(shape: Sequence[int], target: Sequence[int], reassociation: list[list[int]], name: str) -> None:
    """Refuse an expansion whose groups do not multiply to the source's sizes."""
    if reassociation and collapsed_shape(target, reassociation) != tuple(shape):
        raise ExecutionError(f"'{name}' of the shape {list(shape)} to {list(target)}")


def reshaped_view(base: Array, shape: Sequence[int]) -> Array:
    """``base`` with another shape over the same memory.

    Raises:
        ExecutionError: the strides do not allow it.
    """
    view = base.view()
    try:
        view.shape = tuple(shape)
    except AttributeError as error:
        raise ExecutionError(f"a buffer of the shape {list(base.shape)} can't be seen as {list(shape)}") from error
    return view


def fits(shape: Sequence[int], type_: ir.Type) -> bool:
    """Whether ``shape`` agrees with the static sizes of ``type_``."""
    sizes = list(type_.shape)
    return len(sizes) == len(shape) and all(
        type_.is_dynamic_dim(dim) or size == shape[dim] for dim, size in enumerate(sizes)
    )


def cast_checked(values: Any, type_: ir.Type, name: str) -> Any:
    """``values`` unchanged, refused where a size contradicts ``type_``."""
    if type_.has_rank and not fits(values.shape, type_):
        raise ExecutionError(f"'{name}' of the shape {list(values.shape)} to {type_}")
    return values
