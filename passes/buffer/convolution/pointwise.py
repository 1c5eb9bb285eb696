"""Convolutions with a window of one pixel over images with channels second, as products."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import memref

from stepwell.passes.buffer.views import plain_type
from stepwell.passes.tensor.build import reassociation
from stepwell.passes.tensor.products import multiply_add

_PIXELS = [[0], [1], [2, 3]]


def is_pointwise(op: ir.Operation) -> bool:
    """Whether ``op`` multiplies weights by each pixel of images of floats."""
    if op.name != "linalg.conv_2d_nchw_fchw" or len(op.results):
        return False
    image, weights, out = (ir.MemRefType(value.type) for value in op.operands)
    return (
        weights.shape[2:] == [1, 1]
        and set(ir.DenseIntElementsAttr(op.attributes["strides"])) == {1}
        and str(out.element_type) in ("f32", "f64")
        and image.element_type == weights.element_type == out.element_type
    )


def as_product(op: ir.Operation) -> None:
    """Replace ``op`` by ``out[n, f, p] += weights[f, c] * image[n, c, p]``: ``p`` all pixels, or those of each row."""
    image, weights, out = op.operands
    n, f, p, c, w = (ir.AffineDimExpr.get(dim) for dim in range(5))
    zero = ir.AffineConstantExpr.get(0)
    with ir.InsertionPoint(op), op.location:
        if _joins_pixels(op):
            joined = memref.CollapseShapeOp(_flat(ir.MemRefType(image.type)), image, reassociation(_PIXELS)).result
            multiply_add(weights, joined, _result(out), ([f, c, zero, zero], [n, c, p], [n, f, p]), "pppr")
        else:
            multiply_add(weights, image, out, ([f, c, zero, zero], [n, c, p, w], [n, f, p, w]), "ppprp")
    op.erase()


def _joins_pixels(op: ir.Operation) -> bool:
    """Whether pixels can be one dimension: the image's follow each other, and the result is a buffer of its own."""
    image, _, out = op.operands
    kinds = [ir.MemRefType(value.type) for value in (image, out)]
    owner = out.owner
    return (
        not any(kind.is_dynamic_dim(axis) for kind in kinds for axis in (2, 3))
        and _is_dense(kinds[0])
        and not isinstance(owner, ir.Block)
        and owner.operation.name == "memref.alloc"
        and kinds[1] == plain_type(kinds[1])
    )


def _result(out: ir.Value) -> ir.Value:
    """A buffer in place of ``out`` that has its pixels in one dimension; everybody else sees it as ``out`` was."""
    alloc = out.owner.operation
    kind = ir.MemRefType(out.type)
    with ir.InsertionPoint(alloc), alloc.location:
        attributes = {name: alloc.attributes[name] for name in alloc.attributes}
        buffer = ir.Operation.create("memref.alloc", [_flat(kind)], list(alloc.operands), attributes).results[0]
        dynamic = list(alloc.operands)
        view = memref.ExpandShapeOp(kind, buffer, reassociation(_PIXELS), dynamic, kind.shape).result
    for use in list(out.uses):
        fill = use.owner.operation.name == "linalg.fill"
        use.owner.operation.operands[use.operand_number] = buffer if fill else view
    alloc.erase()
    return buffer


def _is_dense(kind: ir.MemRefType) -> bool:
    """Whether rows of pixels follow each other without gaps."""
    strides, _ = kind.get_strides_and_offset()
    return bool(strides[3] == 1 and strides[2] == kind.shape[3])


def _flat(kind: ir.MemRefType) -> ir.MemRefType:
    """``kind`` with its pixels in one dimension."""
    shape = [*kind.shape[:2], kind.shape[2] * kind.shape[3]]
    if kind == plain_type(kind):
        return ir.MemRefType.get(shape, kind.element_type)
    strides, offset = kind.get_strides_and_offset()
    return ir.MemRefType.get(shape, kind.element_type, ir.StridedLayoutAttr.get(offset, [*strides[:2], 1]))
