"""pack-convolutions: convolutions over images with channels last as contractions with packed filters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, tensor

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.schedules.book import Schedules
from stepwell.passes.schedules.packing import filter_key, filter_schedule
from stepwell.passes.tensor.build import Size, empty, extract_slice, scalar, sizes_of
from stepwell.passes.tensor.layout.rewrites import is_zero
from stepwell.passes.tensor.layout.twins import LAST
from stepwell.support.walk import operations

_DYNAMIC = ir.ShapedType.get_dynamic_size()
# Images of so few channels are read as they lie: a scalar is loaded from anywhere at the same price.
_FEW_CHANNELS = 4


@dataclass
class PackConvolutions(Pass):
    """Rewrite ``linalg.conv_2d_nhwc_hwcf`` over floats with a filter of static shape.

    The filter becomes ``[F/L][KH][KW][C][L]``: ``L`` output channels, two vectors of ``lanes / 2`` or close to it, lie
    side by side, and a block of them in one piece of memory. Packing touches weights alone, so that
    ``split-prepare`` does it ahead of time.
    """

    name: ClassVar[str] = "pack-convolutions"
    summary: ClassVar[str] = "convolutions as contractions over packed filters"

    lanes: int = 32

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found = [
            candidate
            for candidate in operations(op)
            if candidate.name == "linalg.conv_2d_nhwc_hwcf" and _applies(candidate)
        ]
        for convolution in found:
            with ir.InsertionPoint(convolution), convolution.location:
                result = _Rewrite(convolution, self.lanes, context.schedules).build()
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
        and str(filter_type.element_type) in ("f32", "f64")
        and op.operands[0].type.element_type == filter_type.element_type
    )


class _Rewrite:
    def __init__(self, op: ir.Operation, lanes: int, schedules: Schedules) -> None:
        self.image, self.filter, self.init = op.operands
        self.strides, self.dilations = (_pair(op, name) for name in ("strides", "dilations"))
        *self.window, self.depth, self.channels = ir.RankedTensorType(self.filter.type).shape
        self.element = ir.RankedTensorType(self.filter.type).element_type
        wide = str(self.element) == "f64"
        self.block = schedules.choose(
            filter_key((self.window[0], self.window[1]), self.depth, self.channels, str(self.element)),
            filter_schedule(self.channels, max(4, lanes // (4 if wide else 2))),
            lambda schedule: schedule.fault(self.channels),
        ).block
        self.blocks = -(-self.channels // self.block)

    def build(self) -> ir.Value:
        """``out[n, h, w, fo, l] += image[n, h*s + i*d, w*s + j*d, c] * filter[fo, i, j, c, l]``."""
        batch, height, width, _ = sizes_of(self.init)
        shape: list[Size] = [batch, height, width, self.blocks, self.block]
        init = linalg.fill(scalar(self.element, 0.0), outs=[empty(shape, self.element)])
        n, h, w, fo, i, j, c, lane = (ir.AffineDimExpr.get(dim) for dim in range(8))
        rows = h * self.strides[0] + i * self.dilations[0]
        columns = w * self.strides[1] + j * self.dilations[1]
        image, first = self._image()
        at = [n, c, rows, columns] if first else [n, rows, columns, c]
        packed = self._contract(image, self._pack_filter(), init, (at, [fo, i, j, c, lane], [n, h, w, fo, lane]))
        padded = self.blocks * self.block
        kind = ir.RankedTensorType.get([*map(_static, (batch, height, width)), padded], self.element)
        result = tensor.CollapseShapeOp(kind, packed, _groups([[0], [1], [2], [3, 4]])).result
        if padded != self.channels:
            result = extract_slice(result, [0] * 4, [batch, height, width, self.channels], range(4))
        return self._add_init(result)

    def _image(self) -> tuple[ir.Value, bool]:
        """The image to read, and whether its channels come first."""
        owner = self.image.owner
        transposed = not isinstance(owner, ir.Block) and owner.name == "linalg.transpose"
        if transposed and self.depth <= _FEW_CHANNELS:
            first = tuple(ir.DenseI64ArrayAttr(owner.attributes["permutation"])) == LAST
            return (owner.operands[0], True) if first else (self.image, False)
        return self.image, False

    def _pack_filter(self) -> ir.Value:
        padded = self.blocks * self.block
        source = self.filter
        if padded != self.channels:
            kind = ir.RankedTensorType.get([*self.window, self.depth, padded], self.element)
            zero = scalar(self.element, 0.0)
            pad = tensor.PadOp(kind, source, [], [], [0] * 4, [0, 0, 0, padded - self.channels])
            block = pad.regions[0].blocks.append(*[ir.IndexType.get()] * 4)
            with ir.InsertionPoint(block):
                tensor.YieldOp(zero)
            source = pad.result
        split = [*self.window, self.depth, self.blocks, self.block]
        kind = ir.RankedTensorType.get(split, self.element)
        blocked = tensor.ExpandShapeOp(kind, source, _groups([[0], [1], [2], [3, 4]]), [], split).result
        packed: list[Size] = [self.blocks, *self.window, self.depth, self.block]
        made = linalg.transpose(blocked, outs=[empty(packed, self.element)], permutation=[3, 0, 1, 2, 4])
        result: ir.Value = made.results[0]
        return result

    def _add_init(self, result: ir.Value) -> ir.Value:
        """The convolution adds to what was there; a fill with zero adds nothing."""
        owner = self.init.owner
        if not isinstance(owner, ir.Block) and owner.name == "linalg.fill" and is_zero(owner.operands[0]):
            return result
        return arith.AddFOp(result, self.init).result

    def _contract(
        self, left: ir.Value, right: ir.Value, init: ir.Value, results: tuple[list[ir.AffineExpr], ...]
    ) -> ir.Value:
        maps = [ir.AffineMap.get(8, 0, result) for result in results]
        names = {"p": "parallel", "r": "reduction"}
        iterators = [ir.Attribute.parse(f"#linalg.iterator_type<{names[kind]}>") for kind in "pppprrrp"]
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


def _groups(groups: list[list[int]]) -> ir.ArrayAttr:
    kind = ir.IntegerType.get_signless(64)
    return ir.ArrayAttr.get([ir.ArrayAttr.get([ir.IntegerAttr.get(kind, axis) for axis in group]) for group in groups])


def _pair(op: ir.Operation, name: str) -> tuple[int, int]:
    first, second = ir.DenseIntElementsAttr(op.attributes[name])
    return int(first), int(second)


def _static(size: Size) -> int:
    return size if isinstance(size, int) else _DYNAMIC
