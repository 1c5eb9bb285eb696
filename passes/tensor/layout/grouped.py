"""Grouped convolutions over channels-last twins."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import linalg, tensor

from stepwell.passes.tensor.build import empty, reassociation, scalar, sizes_of
from stepwell.passes.tensor.layout.readers import ELEMENTS, GROUPED, SUMS
from stepwell.passes.tensor.layout.rewrites import add_start, starts_at_zero, window_of
from stepwell.passes.tensor.layout.twins import Twins, transpose

_CHANNELS_SECOND = [[0], [1, 2], [3], [4]]
_CHANNELS_LAST = [[0], [1], [2], [3, 4]]


def grouped_convolution(op: ir.Operation, twins: Twins) -> ir.Value | None:
    """``tensor.collapse_shape`` of a ``conv_2d_ngchw_gfchw``: ``conv_2d_nhwgc_gfhwc`` over the twin of its image."""
    convolution = _maker(op.operands[0], GROUPED)
    if convolution is None or _groups(op) != _CHANNELS_SECOND:
        return None
    image, weights, init = convolution.operands
    source, start = _unsplit(image), _unsplit(init)
    kind, total = ir.RankedTensorType(weights.type), ir.RankedTensorType(init.type).element_type
    zero = starts_at_zero(init)
    if (
        source is None
        or (start is None and not zero)
        or str(kind.element_type) not in ELEMENTS
        or str(total) not in SUMS
        or not kind.has_static_shape
        or 0 in kind.shape
    ):
        return None
    split = _split(twins.make(source), *ir.RankedTensorType(image.type).shape[1:3])
    groups, filters = kind.shape[:2]
    batch, _, _, height, width = sizes_of(init)
    filled = linalg.fill(scalar(total, 0.0), outs=[empty([batch, height, width, groups, filters], total)])
    packed = transpose(weights, (0, 1, 3, 4, 2))
    made = linalg.conv_2d_nhwgc_gfhwc(split, packed, outs=[filled], **window_of(convolution))
    shape = ir.RankedTensorType(made.type).shape
    joined = ir.RankedTensorType.get([*shape[:3], groups * filters], total)
    result = tensor.CollapseShapeOp(joined, made, reassociation(_CHANNELS_LAST)).result
    return result if start is None or zero else add_start(result, start, twins)


def _split(image: ir.Value, groups: int, channels: int) -> ir.Value:
    sizes = sizes_of(image)[:3]
    static = [size if isinstance(size, int) else ir.ShapedType.get_dynamic_size() for size in sizes]
    kind = ir.RankedTensorType.get([*static, groups, channels], ir.RankedTensorType(image.type).element_type)
    dynamic = [size for size in sizes if not isinstance(size, int)]
    return tensor.ExpandShapeOp(kind, image, reassociation(_CHANNELS_LAST), dynamic, [*static, groups, channels]).result


def _unsplit(value: ir.Value) -> ir.Value | None:
    """What ``value`` is with its groups and channels in one dimension, if it was made of that."""
    split = _maker(value, "tensor.expand_shape")
    return split.operands[0] if split is not None and _groups(split) == _CHANNELS_SECOND else None


def _maker(value: ir.Value, name: str) -> ir.Operation | None:
    op = value.owner.operation if isinstance(value, ir.OpResult) else None
    return op if op is not None and op.name == name else None


def _groups(op: ir.Operation) -> list[list[int]]:
    return [[int(axis.value) for axis in group] for group in ir.ArrayAttr(op.attributes["reassociation"])]
