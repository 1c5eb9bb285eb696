"""What treats real and imaginary parts alike, and makes tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch._subclasses.complex_tensor import ComplexTensor
from torch.utils import _pytree as pytree

from stepwell.frontend.complex_forms.pair import Form, Pair, operands

aten = torch.ops.aten

#: Operators, and those of their operands that are of the tensor's type, though they may come real.
_ALIKE = (
    aten.alias, aten.cat, aten.clone, aten.col2im,
    aten.copy, aten.cumsum, aten.detach, aten.diag_embed, aten.diagonal, aten.diagonal_copy, aten.diagonal_scatter,
    aten.embedding, aten.expand, aten.expand_copy, aten.fill, aten.flip, aten.full_like, aten.gather, aten.im2col,
    aten.index, aten.index_add, aten.index_copy, aten.index_fill, aten.index_put, aten._unsafe_index,
    aten._unsafe_index_put, aten.index_select, aten.lift_fresh, aten.lift_fresh_copy, aten.masked_fill,
    aten.masked_scatter, aten.mean, aten.neg, aten.new_full, aten.permute, aten.put, aten.reflection_pad1d,
    aten.reflection_pad2d, aten.reflection_pad3d, aten.repeat, aten.replication_pad1d, aten.replication_pad2d,
    aten.replication_pad3d, aten.reshape, aten.roll, aten.rot90, aten.scatter, aten.scatter_add, aten.select,
    aten.select_scatter, aten.slice, aten.slice_scatter, aten.split, aten.split_with_sizes, aten.squeeze, aten.stack,
    aten.sum, aten.t, aten.take, aten.trace, aten.transpose, aten.tril, aten.triu, aten.unbind, aten.unfold,
    aten._unsafe_view, aten.unsqueeze, aten.view, aten.nansum, aten._chunk_cat, aten.slice_inverse,
    aten._reshape_alias, aten.pixel_shuffle, aten.pixel_unshuffle, aten.channel_shuffle, aten.zero,
    aten._unsafe_masked_index, aten.unsafe_split, aten.unsafe_chunk, aten.resolve_conj, aten.resolve_neg,
    aten.alias_copy, aten.view_copy, aten.permute_copy, aten.transpose_copy, aten.t_copy, aten.select_copy,
    aten.slice_copy, aten.split_copy, aten.split_with_sizes_copy, aten.squeeze_copy, aten.unsqueeze_copy,
    aten.unbind_copy, aten.narrow_copy, aten.unfold_copy, aten.detach_copy,
    aten.zeros_like, aten.empty_like, aten.new_zeros, aten.new_empty, aten.zeros, aten.empty, aten.full,
    aten.scalar_tensor, aten.linspace, aten.new_empty_strided, aten.empty_permuted, aten.block_diag,
)  # fmt: skip

#: Makers of ones, which have no imaginary part.
_REAL = (aten.ones, aten.ones_like, aten.new_ones, aten.eye, aten.arange)

#: Numbers that are no elements.
_FACTORS = frozenset({"alpha", "beta"})


def alike(target: OpOverload) -> Form:
    """``target`` on either part. Numbers among its operands are elements: their imaginary part is mostly 0."""

    def form(*args: Any, **kwargs: Any) -> Any:
        if any(name in kwargs and kwargs[name] != 1 for name in _FACTORS):
            raise NotImplementedError
        both = []
        for part in (0, 1):
            schema = target._schema.arguments
            named = {argument.name: argument for argument in schema}
            own = [_part(value, part, schema[index]) for index, value in enumerate(args)]
            rest = {name: _part(value, part, named[name]) for name, value in kwargs.items()}
            both.append(pytree.tree_flatten(target(*own, **rest)))
        (real, layout), (imaginary, _) = both
        return pytree.tree_unflatten([Pair(*one) for one in zip(real, imaginary, strict=True)], layout)

    return form


def _part(value: Any, part: int, argument: Any) -> Any:
    if isinstance(value, torch.dtype):
        if not value.is_complex:
            raise NotImplementedError
        return value.to_real()
    if isinstance(value, (list, tuple)) and any(isinstance(one, Tensor) for one in value):
        return [_part(one, part, argument) for one in value]
    if isinstance(value, ComplexTensor):
        return value.im if part else value.re
    if isinstance(value, Tensor):
        is_element = value.is_floating_point()
        return torch.zeros_like(value) if part and is_element else value
    if argument.name not in _FACTORS and value is not None and _is_number(argument):
        return complex(value).imag if part else complex(value).real
    return value


def _is_number(argument: Any) -> bool:
    """Whether an argument of an operator is a number of any type."""
    return "number" in str(argument.type)


def real_ones(target: OpOverload) -> Form:
    """``target``, whose elements are real, in a complex type."""

    def form(*args: Any, **kwargs: Any) -> Pair:
        kwargs = {name: value.to_real() if isinstance(value, torch.dtype) else value for name, value in kwargs.items()}
        own = [value.re if isinstance(value, ComplexTensor) else value for value in args]
        found = target(*own, **kwargs)
        return Pair(found, torch.zeros_like(found))

    return form


def _where(mask: Tensor, a: Any, b: Any) -> Pair:
    first, second = operands(a, b)
    return Pair(torch.where(mask, first[0], second[0]), torch.where(mask, first[1], second[1]))


def to_copy(x: Tensor, *, dtype: torch.dtype | None = None, **others: Any) -> Any:
    """A tensor in another type."""
    if isinstance(x, ComplexTensor):
        if dtype is torch.bool:
            return (x.re != 0) | (x.im != 0)
        if dtype is not None and not dtype.is_complex:
            return x.re.to(dtype)
        kind = None if dtype is None else dtype.to_real()
        return Pair(*(aten._to_copy.default(part, dtype=kind, **others) for part in (x.re, x.im)))
    if dtype is None or not dtype.is_complex:
        return aten._to_copy.default(x, dtype=dtype, **others)
    real = x.to(dtype.to_real())
    return Pair(real, torch.zeros_like(real))


def _padded(x: Any, pad: Sequence[int], value: complex = 0) -> Pair:
    """By elements behind each other: PyTorch's kernel takes the example's sizes where there is no value to see."""
    return Pair(_extended(x.re, pad, complex(value).real), _extended(x.im, pad, complex(value).imag))


def _extended(x: Tensor, pad: Sequence[int], value: float) -> Tensor:
    for axis, (before, after) in enumerate(zip(pad[::2], pad[1::2], strict=True), start=1):
        for number, at_end in ((before, False), (after, True)):
            if number < 0:
                x = x.narrow(-axis, 0 if at_end else -number, x.shape[-axis] + number)
            elif number > 0:
                sizes = [*x.shape[: x.dim() - axis], number, *x.shape[x.dim() - axis + 1 :]]
                more = torch.full(sizes, value, dtype=x.dtype, device=x.device)
                x = torch.cat([x, more] if at_end else [more, x], -axis)
    return x


def _each(packets: Any, make: Any) -> dict[Any, Form]:
    return {
        overload: make(overload)
        for packet in packets
        for name in packet.overloads()
        if not (overload := getattr(packet, name))._schema.is_mutable and "out" not in name
    }


FORMS: dict[Any, Form] = {
    **_each(_ALIKE, alike),
    **_each(_REAL, real_ones),
    aten.where: _where,
    aten.constant_pad_nd.default: _padded,
    aten._to_copy: to_copy,
    torch.ops.prims.convert_element_type: lambda x, kind: to_copy(x, dtype=kind),
    aten.real: lambda x: x.re,
    aten.imag: lambda x: x.im,
    aten.complex: lambda real, imaginary: Pair(real, imaginary),
    aten.polar: lambda size, angle: Pair(size * torch.cos(angle), size * torch.sin(angle)),
    aten.view_as_complex: lambda x: Pair(x[..., 0], x[..., 1]),
    aten.view_as_real: lambda x: torch.stack([x.re, x.im], -1),
}
