"""pack-convolutions: convolutions in the form of a contraction over packed filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, tensor

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.tensor.build import Size, empty, extract_slice, scalar, sizes_of

_DYNAMIC = ir.ShapedType.get_dynamic_size()
# Below this many output channels a vector of them is mostly padding.
_FEWEST_CHANNELS = 8


@dataclass
class PackConvolutions(Pass):
    """Rewrite ``linalg.conv_2d_nchw_fchw`` over floats with a filter of static shape.

    A 1x1 convolution of stride 1 becomes a product over pixels as they lie. Any other gets its filter packed, ``lanes``
    output channels innermost, so that a vector of channels meets one pixel: whatever the stride, dilation or width of
    the image. Packing touches weights alone, so that ``split-prepare`` does it ahead of time; the result is unpacked.
    """

    name: ClassVar[str] = "pack-convolutions"
    summary: ClassVar[str] = "convolutions as contractions over packed filters"

    lanes: int = 16

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found: list[ir.Operation] = []

        def visit(candidate: ir.Operation) -> ir.WalkResult:
            if candidate.name == "linalg.conv_2d_nchw_fchw" and _applies(candidate):
                found.append(candidate)
            return ir.WalkResult.ADVANCE

        op.walk(visit)
        for convolution in found:
            with ir.InsertionPoint(convolution), convolution.location:
                result = _Rewrite(convolution, self.lanes).build()
            convolution.results[0].replace_all_uses_with(result)
            convolution.erase()
        context.note(self.name, packed=len(found))


def _applies(op: ir.Operation) -> bool:
    if not isinstance(op.operands[1].type, ir.RankedTensorType):
        return False
    filter_type = ir.RankedTensorType(op.operands[1].type)
    return bool(
        filter_type.has_static_shape
        and 0 not in filter_type.shape
        and filter_type.shape[0] >= _FEWEST_CHANNELS
        and str(filter_type.element_type) in ("f32", "f64")
        and op.operands[0].type.element_type == filter_type.element_type
    )


class _Rewrite:
    def __init__(self, op: ir.Operation, lanes: int) -> None:
        self.image, self.filter, self.init = op.operands
        self.strides, self.dilations = (_pair(op, name) for name in ("strides", "dilations"))
        self.channels, self.depth, *self.window = ir.RankedTensorType(self.filter.type).shape
        self.element = ir.RankedTensorType(self.filter.type).element_type
        self.lanes = lanes if self.channels >= lanes else _FEWEST_CHANNELS
        self.groups = -(-self.channels // self.lanes)

    def build(self) -> ir.Value:
        image = ir.RankedTensorType(self.image.type)
        pointwise = list(self.window) == [1, 1] and self.strides == (1, 1) and image.has_static_shape
        return self._pointwise() if pointwise else self._packed()

    def _pointwise(self) -> ir.Value:
        """``out[n, f, p] += filter[f, c] * image[n, c, p]``."""
        batch, _, height, width = ir.RankedTensorType(self.image.type).shape
        pixels = height * width
        image = self._collapse(self.image, [[0], [1], [2, 3]], [batch, self.depth, pixels])
        weights = self._collapse(self.filter, [[0], [1, 2, 3]], [self.channels, self.depth])
        init = self._collapse(self.init, [[0], [1], [2, 3]], [batch, self.channels, pixels])
        n, f, p, c = (ir.AffineDimExpr.get(dim) for dim in range(4))
        result = self._contract(weights, image, init, ([f, c], [n, c, p], [n, f, p]), "pppr")
        kind = ir.RankedTensorType(self.init.type)
        return tensor.ExpandShapeOp(kind, result, _groups([[0], [1], [2, 3]]), [], list(kind.shape)).result

    def _packed(self) -> ir.Value:
        """``out[n, fo, h, w, l] += image[n, c, h*s + i*d, w*s + j*d] * filter[fo, c, i, j, l]``."""
        batch, _, height, width = sizes_of(self.init)
        zero = scalar(self.element, 0.0)
        shape: list[Size] = [batch, self.groups, height, width, self.lanes]
        init = linalg.fill(zero, outs=[empty(shape, self.element)])
        n, fo, h, w, c, i, j, lane = (ir.AffineDimExpr.get(dim) for dim in range(8))
        rows = h * self.strides[0] + i * self.dilations[0]
        columns = w * self.strides[1] + j * self.dilations[1]
        maps = ([n, c, rows, columns], [fo, c, i, j, lane], [n, fo, h, w, lane])
        packed = self._contract(self.image, self._pack_filter(), init, maps, "pppprrrp")
        order = [0, 1, 4, 2, 3]
        unpacked = linalg.transpose(
            packed, outs=[empty([batch, self.groups, self.lanes, height, width], self.element)], permutation=order
        )
        whole = [_static(batch), self.groups * self.lanes, _static(height), _static(width)]
        result = self._collapse(unpacked, [[0], [1, 2], [3], [4]], whole)
        if self.groups * self.lanes != self.channels:
            result = extract_slice(result, [0] * 4, [batch, self.channels, height, width], range(4))
        return self._add_init(result)

    def _pack_filter(self) -> ir.Value:
        padded = self.groups * self.lanes
        source = self.filter
        if padded != self.channels:
            kind = ir.RankedTensorType.get([padded, self.depth, *self.window], self.element)
            zero = scalar(self.element, 0.0)
            pad = tensor.PadOp(kind, source, [], [], [0] * 4, [padded - self.channels, 0, 0, 0])
            block = pad.regions[0].blocks.append(*[ir.IndexType.get()] * 4)
            with ir.InsertionPoint(block):
                tensor.YieldOp(zero)
            source = pad.result
        split = [self.groups, self.lanes, self.depth, *self.window]
        kind = ir.RankedTensorType.get(split, self.element)
        grouped = tensor.ExpandShapeOp(kind, source, _groups([[0, 1], [2], [3], [4]]), [], split).result
        packed: list[Size] = [self.groups, self.depth, *self.window, self.lanes]
        result: ir.Value = linalg.transpose(grouped, outs=[empty(packed, self.element)], permutation=[0, 2, 3, 4, 1])
        return result

    def _add_init(self, result: ir.Value) -> ir.Value:
        """The convolution adds to what was there; a fill with zero adds nothing."""
        owner = self.init.owner
        if not isinstance(owner, ir.Block) and owner.name == "linalg.fill" and _is_zero(owner.operands[0]):
            return result
        return arith.AddFOp(result, self.init).result

    def _contract(
        self,
        left: ir.Value,
        right: ir.Value,
        init: ir.Value,
        results: tuple[Sequence[ir.AffineExpr], ...],
        kinds: str,
    ) -> ir.Value:
        maps = [ir.AffineMap.get(len(kinds), 0, list(result)) for result in results]
        names = {"p": "parallel", "r": "reduction"}
        iterators = [ir.Attribute.parse(f"#linalg.iterator_type<{names[kind]}>") for kind in kinds]
        op = linalg.GenericOp(
            [init.type], [left, right], [init], ir.ArrayAttr.get([ir.AffineMapAttr.get(m) for m in maps]),
            ir.ArrayAttr.get(iterators),
        )  # fmt: skip
        block = op.regions[0].blocks.append(*[self.element] * 3)
        with ir.InsertionPoint(block):
            product = arith.MulFOp(block.arguments[0], block.arguments[1])
            linalg.YieldOp([arith.AddFOp(block.arguments[2], product).result])
        result: ir.Value = op.results[0]
        return result

    def _collapse(self, value: ir.Value, groups: list[list[int]], shape: list[int]) -> ir.Value:
        kind = ir.RankedTensorType.get(shape, self.element)
        return tensor.CollapseShapeOp(kind, value, _groups(groups)).result


def _groups(groups: list[list[int]]) -> ir.ArrayAttr:
    kind = ir.IntegerType.get_signless(64)
    return ir.ArrayAttr.get([ir.ArrayAttr.get([ir.IntegerAttr.get(kind, axis) for axis in group]) for group in groups])


def _pair(op: ir.Operation, name: str) -> tuple[int, int]:
    first, second = ir.DenseIntElementsAttr(op.attributes[name])
    return int(first), int(second)


def _static(size: Size) -> int:
    return size if isinstance(size, int) else _DYNAMIC


def _is_zero(value: ir.Value) -> bool:
    owner = value.owner
    return (
        not isinstance(owner, ir.Block)
        and owner.name == "arith.constant"
        and ir.FloatAttr(owner.attributes["value"]).value == 0.0
    )
