"""Operations on images rewritten over channels-last twins."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, tensor

from stepwell.passes.tensor.build import empty, inline_body, scalar, sizes_of
from stepwell.passes.tensor.layout.border import border_of, with_border
from stepwell.passes.tensor.layout.readers import ELEMENTS, SUMS, feeds_convolution
from stepwell.passes.tensor.layout.twins import FIRST, LAST, Twins, is_image, permuted_sizes, transpose
from stepwell.passes.tensor.structured import input_count

#: Builds the twin of the operation's result at the insertion point; None where it does not apply.
Rewrite = Callable[[ir.Operation, Twins], "ir.Value | None"]


def convolution(op: ir.Operation, twins: Twins) -> ir.Value | None:
    """``conv_2d_nchw_fchw``, ``depthwise_conv_2d_nchw_chw``: what they start from is added afterwards."""
    image, weights, init = op.operands
    kind, total = ir.RankedTensorType(weights.type), ir.RankedTensorType(init.type).element_type
    if str(kind.element_type) not in ELEMENTS or str(total) not in SUMS:
        return None
    if not kind.has_static_shape or 0 in kind.shape:
        return None
    depthwise = op.name == "linalg.depthwise_conv_2d_nchw_chw"
    build = linalg.depthwise_conv_2d_nhwc_hwc if depthwise else linalg.conv_2d_nhwc_hwcf
    zero = linalg.fill(scalar(total, 0.0), outs=[empty(permuted_sizes(init), total)])
    packed = transpose(weights, (1, 2, 0) if depthwise else (2, 3, 1, 0))
    result: ir.Value = build(twins.make(image), packed, outs=[zero], **window_of(op))
    return add_start(result, init, twins)


def pooling(op: ir.Operation, twins: Twins) -> ir.Value | None:
    """``pooling_nchw_max``, ``pooling_nchw_sum``."""
    image, window, init = op.operands
    if image not in twins:
        return None
    build = linalg.pooling_nhwc_max if op.name == "linalg.pooling_nchw_max" else linalg.pooling_nhwc_sum
    result: ir.Value = build(twins.make(image), window, outs=[twins.make(init)], **window_of(op))
    return result


def pad(op: ir.Operation, twins: Twins) -> ir.Value | None:
    """``tensor.pad`` by static amounts of one value: a filled tensor that the image is inserted into."""
    source = op.operands[0]
    if source not in twins and not feeds_convolution(op.results[0]):
        return None
    border = border_of(op)
    return None if border is None else with_border(twins.make(source), border, LAST)


def generic(op: ir.Operation, twins: Twins) -> ir.Value | None:
    """``linalg.generic`` over the four dimensions of an image: elementwise, or a reduction of them."""
    if len(op.results) != 1 or not any(operand in twins for operand in op.operands):
        return None
    maps = [ir.AffineMapAttr(attribute).value for attribute in ir.ArrayAttr(op.attributes["indexing_maps"])]
    identity = ir.AffineMap.get_identity(4)
    if maps[0].n_dims != 4 or not any(
        operand in twins and indexing == identity for operand, indexing in zip(op.operands, maps, strict=True)
    ):
        return None
    block = op.regions[0].blocks[0]
    if any(inner.operation.name == "linalg.index" for inner in block.operations):
        return None
    count = input_count(op)
    operands = list(op.operands)
    kept = [operand if operand not in twins else twins.make(operand) for operand in operands[:count]]
    start = operands[count]
    if is_image(start):
        kept.append(twins.make(start))
    else:
        kept.append(start)
    permuted = [k != operand for k, operand in zip(kept, operands, strict=True)]
    iterators = list(ir.ArrayAttr(op.attributes["iterator_types"]))
    made = linalg.GenericOp(
        [kept[-1].type],
        kept[:count],
        kept[count:],
        ir.ArrayAttr.get([
            ir.AffineMapAttr.get(_permute(indexing, moved)) for indexing, moved in zip(maps, permuted, strict=True)
        ]),
        ir.ArrayAttr.get([iterators[axis] for axis in LAST]),
    )  # fmt: skip
    body = made.regions[0].blocks.append(*[argument.type for argument in block.arguments])
    with ir.InsertionPoint(body):
        linalg.YieldOp(inline_body(block, list(body.arguments)))
    result: ir.Value = made.results[0]
    return result


def to_last(op: ir.Operation, twins: Twins) -> ir.Value | None:
    """A transpose to channels first of what has channels last: its operand is the twin."""
    if tuple(ir.DenseI64ArrayAttr(op.attributes["permutation"])) == FIRST:
        return op.operands[0]
    return None


def unchanged(op: ir.Operation, twins: Twins) -> ir.Value | None:
    """The very result of ``op`` taken from a twin: a transpose to channels last, a flattened pooled image."""
    if not len(op.operands) or op.operands[0] not in twins:
        return None
    twin = twins.make(op.operands[0])
    if op.name == "linalg.transpose":
        return twin if tuple(ir.DenseI64ArrayAttr(op.attributes["permutation"])) == LAST else None
    if op.name == "tensor.collapse_shape" and ir.RankedTensorType(op.operands[0].type).shape[2:] == [1, 1]:
        groups = op.attributes["reassociation"]
        whole = ir.Attribute.parse("[[0], [1, 2, 3]]")
        return tensor.CollapseShapeOp(op.results[0].type, twin, groups).result if groups == whole else None
    return None


REWRITES: dict[str, Rewrite] = {
    "linalg.conv_2d_nchw_fchw": convolution,
    "linalg.depthwise_conv_2d_nchw_chw": convolution,
    "linalg.pooling_nchw_max": pooling,
    "linalg.pooling_nchw_sum": pooling,
    "tensor.pad": pad,
    "linalg.generic": generic,
    "linalg.transpose": to_last,
}


def add_start(result: ir.Value, init: ir.Value, twins: Twins | None) -> ir.Value:
    """``result`` plus what the convolution starts from, unless that is zero; without twins channels are second."""
    if starts_at_zero(init):
        return result
    owner = init.owner
    if not isinstance(owner, ir.Block):
        op = owner.operation
        if op.name == "linalg.broadcast" and list(ir.DenseI64ArrayAttr(op.attributes["dimensions"])) == [0, 2, 3]:
            return _add(result, op.operands[0], [ir.AffineDimExpr.get(1 if twins is None else 3)])
    start = init if twins is None else twins.make(init)
    return _add(result, start, [ir.AffineDimExpr.get(dim) for dim in range(4)])


def _add(left: ir.Value, right: ir.Value, indices: Sequence[ir.AffineExpr]) -> ir.Value:
    element = ir.RankedTensorType(left.type).element_type
    identity = ir.AffineMap.get_identity(4)
    made = linalg.GenericOp(
        [left.type],
        [left, right],
        [empty(sizes_of(left), element)],
        ir.ArrayAttr.get(
            [ir.AffineMapAttr.get(m) for m in (identity, ir.AffineMap.get(4, 0, list(indices)), identity)]
        ),
        ir.ArrayAttr.get([ir.Attribute.parse("#linalg.iterator_type<parallel>")] * 4),
    )
    block = made.regions[0].blocks.append(*[element] * 3)
    with ir.InsertionPoint(block):
        add = arith.AddFOp if isinstance(element, ir.FloatType) else arith.AddIOp
        linalg.YieldOp([add(block.arguments[0], block.arguments[1]).result])
    result: ir.Value = made.results[0]
    return result


def starts_at_zero(init: ir.Value) -> bool:
    """Whether ``init`` is filled with zero, so that adding to it adds nothing."""
    owner = init.owner
    return not isinstance(owner, ir.Block) and owner.operation.name == "linalg.fill" and _is_zero(owner.operands[0])


def _is_zero(value: ir.Value) -> bool:
    """Whether ``value`` is the constant zero of a number's type."""
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.operation.name != "arith.constant":
        return False
    number = owner.operation.attributes["value"]
    return isinstance(number, ir.FloatAttr | ir.IntegerAttr) and bool(number.value == 0)


def _permute(indexing: ir.AffineMap, moved: bool) -> ir.AffineMap:
    """``indexing`` over the twin's dimensions; its results in the twin's order where the operand is one."""
    place = {axis: position for position, axis in enumerate(LAST)}
    dims = [ir.AffineDimExpr.get(place[axis]) for axis in range(4)]
    results = [result.compose(ir.AffineMap.get(4, 0, dims)) for result in indexing.results]
    return ir.AffineMap.get(4, 0, [results[axis] for axis in LAST] if moved else results)


def window_of(op: ir.Operation) -> dict[str, list[int]]:
    """Strides and dilations of a convolution or pooling."""
    return {name: [int(v) for v in ir.DenseIntElementsAttr(op.attributes[name])] for name in ("strides", "dilations")}
