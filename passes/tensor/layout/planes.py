"""Convolutions rewritten where their channels stay second."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import linalg

from stepwell.passes.buffer.convolution.planes import windows_of
from stepwell.passes.schedules.planes import takes_planes
from stepwell.passes.tensor.build import empty, scalar, sizes_of
from stepwell.passes.tensor.layout.alone import is_alone
from stepwell.passes.tensor.layout.border import border_of, with_border
from stepwell.passes.tensor.layout.rewrites import add_start, window_of

#: Elements of image, filter and result: narrow ones are read with channels last.
_FLOATS = ({"f32"}, {"f64"})
#: Pixels below which a product over planes has too few vectors in a row.
_LEAST_PIXELS = 128


def keep_planes(block: ir.Block) -> list[ir.Operation]:
    """Rewrite convolutions of ``block`` that stand alone with their channels second; answers what they became."""
    kept = []
    for op in [view.operation for view in block.operations]:
        if op.name not in _REWRITES or not _has_static_filter(op) or not is_alone(op):
            continue
        with ir.InsertionPoint(op), op.location:
            made = _REWRITES[op.name](op)
            if made is None:
                continue
            kept.append(made.owner.operation)
            op.results[0].replace_all_uses_with(add_start(made, op.operands[2], None))
            op.erase()
    return kept


def _has_static_filter(op: ir.Operation) -> bool:
    kind = ir.RankedTensorType(op.operands[1].type)
    elements = {str(ir.RankedTensorType(operand.type).element_type) for operand in op.operands}
    return elements in _FLOATS and kind.has_static_shape and 0 not in kind.shape


def _depthwise(op: ir.Operation) -> ir.Value | None:
    """The same from zero, over an image whose border is a filled tensor that it is inserted into."""
    image, weights, out = (ir.RankedTensorType(value.type) for value in op.operands)
    size, width = tuple(out.shape[2:]), ir.FloatType(weights.element_type).width // 8
    if any(kind.is_dynamic_dim(axis) for kind in (image, out) for axis in (2, 3)):
        return None
    if not takes_planes(size, *windows_of(op), width):
        return None
    read, weights, init = op.operands
    owner = read.owner
    if not isinstance(owner, ir.Block) and owner.operation.name == "tensor.pad":
        border = border_of(owner.operation)
        read = read if border is None else with_border(owner.operation.operands[0], border, range(4))
    result: ir.Value = linalg.depthwise_conv_2d_nchw_chw(read, weights, outs=[_zero(init)], **window_of(op))
    return result


def _pointwise(op: ir.Operation) -> ir.Value | None:
    """The same from zero, where turning images takes longer than what a product over channels last gains."""
    image, weights, init = op.operands
    window = ir.RankedTensorType(weights.type).shape[2:]
    kind = ir.RankedTensorType(image.type)
    if window != [1, 1] or set(window_of(op)["strides"]) != {1} or kind.is_dynamic_dim(2) or kind.is_dynamic_dim(3):
        return None
    if kind.shape[2] * kind.shape[3] < _LEAST_PIXELS:
        return None
    result: ir.Value = linalg.conv_2d_nchw_fchw(image, weights, outs=[_zero(init)], **window_of(op))
    return result


def _zero(init: ir.Value) -> ir.Value:
    element = ir.RankedTensorType(init.type).element_type
    made: ir.Value = linalg.fill(scalar(element, 0.0), outs=[empty(sizes_of(init), element)])
    return made


_REWRITES = {"linalg.depthwise_conv_2d_nchw_chw": _depthwise, "linalg.conv_2d_nchw_fchw": _pointwise}
