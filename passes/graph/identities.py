"""Operations of the torch dialect that compute what is there already: rules from an operation to that value.

A rule returns the value to use instead, or None. Every rule holds for NaN, infinities and both zeros: ``x * 0`` is no
rule, and ``x + 0`` is one for integers only, since ``-0.0 + 0`` is ``+0``.
"""

from __future__ import annotations

from collections.abc import Callable

from torch_mlir import ir

from stepwell.passes.graph import torch_build as tb

Rule = Callable[[ir.Operation], ir.Value | None]

_LAST = 2**63 - 1  # what torch writes for "to the end"
_WIDER = {"f16": ("f32", "f64"), "bf16": ("f32", "f64"), "f32": ("f64",), "si8": ("si16", "si32", "si64"),
          "si16": ("si32", "si64"), "si32": ("si64",)}  # fmt: skip

_PERMUTING = ("torch.aten.permute", "torch.aten.transpose.int", "torch.aten.t")


def copy(op: ir.Operation) -> ir.Value | None:
    """clone, contiguous, detach and casts that leave the type as it is: values don't change here."""
    return _same_type(op, op.operands[0])


def round_trip(op: ir.Operation) -> ir.Value | None:
    """A cast to a wider type and back."""
    inner = _owner(op.operands[0])
    if inner is None or inner.name not in CASTS:
        return None
    narrow, wide = tb.tensor_info(inner.operands[0]), tb.tensor_info(op.operands[0])
    if narrow is None or wide is None or wide.dtype not in _WIDER.get(narrow.dtype, ()):
        return None
    return _same_type(op, inner.operands[0])


def dropout(op: ir.Operation) -> ir.Value | None:
    """Dropout outside of training, or with probability 0."""
    if tb.flag(op.operands[2]) is False or tb.number(op.operands[1]) == 0:
        return _same_type(op, op.operands[0])
    return None


def add_nothing(op: ir.Operation) -> ir.Value | None:
    """Integer ``x + 0`` and ``x - 0``; for floats ``x - 0`` and ``x + -0.0``."""
    info = tb.tensor_info(op.results[0])
    if info is None:
        return None
    adds = ".add." in op.name
    zero = _scalar(op.operands[1])
    if zero is None or zero != 0 or tb.number(op.operands[2]) != 1:
        return None
    negative = isinstance(zero, float) and str(zero) == "-0.0"
    if info.is_float() and adds != negative:
        return None
    return _same_type(op, op.operands[0])


def multiply_by_one(op: ir.Operation) -> ir.Value | None:
    """``x * 1``, ``1 * x``, ``x / 1``, ``x ** 1``."""
    if _scalar(op.operands[1]) == 1:
        return _same_type(op, op.operands[0])
    if op.name == "torch.aten.mul.Tensor" and _scalar(op.operands[0]) == 1:
        return _same_type(op, op.operands[1])
    return None


def twice_is_once(op: ir.Operation) -> ir.Value | None:
    """relu, abs, floor, ceil, round, trunc of their own result."""
    return op.operands[0] if tb.defining(op.operands[0], op.name) is not None else None


def twice_is_nothing(op: ir.Operation) -> ir.Value | None:
    """neg, logical_not of a bool, bitwise_not of their own result; unsqueeze undone by squeeze is not among them."""
    inner = tb.defining(op.operands[0], op.name)
    return None if inner is None else _same_type(op, inner.operands[0])


def reciprocal_of_root(op: ir.Operation) -> ir.Value | None:
    """``1 / sqrt(x)`` as rsqrt, which is defined at 0 as well."""
    inner = tb.defining(op.operands[0], "torch.aten.sqrt")
    if inner is None or inner.result.type != op.result.type:
        return None
    return tb.unary("rsqrt", inner.operands[0])


def same_static_shape(op: ir.Operation) -> ir.Value | None:
    """view, reshape, expand, repeat, flatten and their kin where the shape stays as it is."""
    info = tb.tensor_info(op.results[0])
    return _same_type(op, op.operands[0]) if info is not None and info.is_static() else None


def view_of_view(op: ir.Operation) -> ir.Value | None:
    """A view of a view, all shapes static."""
    inner = _owner(op.operands[0])
    if inner is None or inner.name not in VIEWS:
        return None
    source, info = tb.tensor_info(inner.operands[0]), tb.tensor_info(op.results[0])
    if source is None or info is None or not source.is_static() or not info.is_static():
        return None
    sizes = [size for size in info.shape if size is not None]
    return tb.reshape(inner.operands[0], sizes)


def permutation(op: ir.Operation) -> ir.Value | None:
    """permute, transpose and t: nothing where nothing moves, one where two follow each other."""
    order = _permutation(op)
    if order is None:
        return None
    if order == sorted(order):
        return _same_type(op, op.operands[0])
    inner = _owner(op.operands[0])
    inner_order = _permutation(inner) if inner is not None else None
    if inner is None or inner_order is None:
        return None
    combined = [inner_order[axis] for axis in order]
    if combined == sorted(combined):
        return _same_type(op, inner.operands[0])
    return tb.build("aten.permute", [inner.operands[0], tb.int_list(combined)], op.results[0].type)


def squeeze_of_unsqueeze(op: ir.Operation) -> ir.Value | None:
    """A dimension of size 1 that is put in and taken out again."""
    inner = tb.defining(op.operands[0], "torch.aten.unsqueeze")
    info = tb.tensor_info(op.operands[0])
    if inner is None or info is None:
        return None
    taken, put = tb.number(op.operands[1]), tb.number(inner.operands[1])
    if taken is None or put is None or taken % len(info.shape) != put % len(info.shape):
        return None
    return _same_type(op, inner.operands[0])


def cat_of_one(op: ir.Operation) -> ir.Value | None:
    """A concatenation of one tensor."""
    tensors = tb.defining(op.operands[0], "torch.prim.ListConstruct")
    return _same_type(op, tensors.operands[0]) if tensors is not None and len(tensors.operands) == 1 else None


def slice_of_everything(op: ir.Operation) -> ir.Value | None:
    """A slice from the first to the last element."""
    info = tb.tensor_info(op.operands[0])
    axis, step = tb.number(op.operands[1]), tb.number(op.operands[4])
    start = 0 if tb.is_none(op.operands[2]) else tb.number(op.operands[2])
    end = _LAST if tb.is_none(op.operands[3]) else tb.number(op.operands[3])
    if info is None or axis is None or start != 0 or step != 1 or end is None:
        return None
    size = info.shape[int(axis)]
    if end == _LAST or (size is not None and end >= size):
        return _same_type(op, op.operands[0])
    return None


def pad_by_nothing(op: ir.Operation) -> ir.Value | None:
    """Padding by zero elements on every side."""
    amounts = tb.numbers(op.operands[1])
    return _same_type(op, op.operands[0]) if amounts is not None and all(n == 0 for n in amounts) else None


CASTS = tuple(f"torch.{name}" for name in ("prims.convert_element_type", "aten.to.dtype", "aten._to_copy"))
VIEWS = tuple(f"torch.aten.{name}" for name in ("view", "reshape", "_unsafe_view"))

RULES: list[tuple[Rule, tuple[str, ...]]] = [
    (copy, (*CASTS, *(f"torch.aten.{n}" for n in ("clone", "contiguous", "detach", "alias", "lift_fresh_copy")))),
    (round_trip, CASTS),
    (dropout, ("torch.aten.dropout", "torch.aten.feature_dropout", "torch.aten.alpha_dropout")),
    (add_nothing, tuple(f"torch.aten.{n}" for n in ("add.Scalar", "add.Tensor", "sub.Scalar", "sub.Tensor"))),
    (
        multiply_by_one,
        tuple(f"torch.aten.{n}" for n in ("mul.Scalar", "mul.Tensor", "div.Scalar", "div.Tensor", "pow.Tensor_Scalar")),
    ),
    (twice_is_once, tuple(f"torch.aten.{n}" for n in ("relu", "abs", "floor", "ceil", "round", "trunc"))),
    (twice_is_nothing, ("torch.aten.neg", "torch.aten.bitwise_not", "torch.aten.logical_not")),
    (reciprocal_of_root, ("torch.aten.reciprocal",)),
    (
        same_static_shape,
        (*VIEWS, *(f"torch.aten.{n}" for n in ("expand", "broadcast_to", "repeat", "flatten.using_ints"))),
    ),
    (view_of_view, VIEWS),
    (permutation, ("torch.aten.permute", "torch.aten.transpose.int", "torch.aten.t")),
    (squeeze_of_unsqueeze, ("torch.aten.squeeze.dim",)),
    (cat_of_one, ("torch.aten.cat",)),
    (slice_of_everything, ("torch.aten.slice.Tensor",)),
    (pad_by_nothing, ("torch.aten.constant_pad_nd",)),
]


def _same_type(op: ir.Operation, value: ir.Value) -> ir.Value | None:
    return value if value.type == op.results[0].type else None


def _owner(value: ir.Value) -> ir.Operation | None:
    return None if isinstance(value.owner, ir.Block) else value.owner.operation


def _scalar(value: ir.Value) -> int | float | None:
    """A constant number, or the one number that a constant tensor holds everywhere."""
    literal = tb.defining(value, "torch.vtensor.literal")
    if literal is None:
        return tb.number(value)
    elements = literal.attributes["value"]
    if not isinstance(elements, ir.DenseFPElementsAttr | ir.DenseIntElementsAttr) or not elements.is_splat:
        return None
    splat = elements.get_splat_value()
    return float(ir.FloatAttr(splat).value) if isinstance(splat, ir.FloatAttr) else int(ir.IntegerAttr(splat).value)


def _permutation(op: ir.Operation) -> list[int] | None:
    """For each dimension of the result the one of the operand that it is; None of an operation that is no such."""
    info = tb.tensor_info(op.operands[0]) if op.name in _PERMUTING else None
    if info is None:
        return None
    order = list(range(len(info.shape)))
    if op.name == "torch.aten.permute":
        axes = tb.numbers(op.operands[1])
        return None if axes is None or None in axes else [int(axis or 0) % len(order) for axis in axes]
    if op.name == "torch.aten.transpose.int":
        first, second = tb.number(op.operands[1]), tb.number(op.operands[2])
        if first is None or second is None:
            return None
        order[int(first)], order[int(second)] = order[int(second)], order[int(first)]
        return order
    return order[::-1]
