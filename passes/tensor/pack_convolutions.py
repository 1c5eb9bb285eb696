"""pack-convolutions: convolutions over images with channels last as contractions with packed filters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, tensor

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.contraction.numbers import SOURCES
from stepwell.passes.schedules.book import Schedules
from stepwell.passes.schedules.packing import filter_key, filter_schedule
from stepwell.passes.tensor.build import Size, cast_elements, empty, extract_slice, reassociation, scalar, sizes_of
from stepwell.passes.tensor.layout.readers import FEW_CHANNELS
from stepwell.passes.tensor.layout.rewrites import starts_at_zero
from stepwell.passes.tensor.layout.twins import LAST
from stepwell.passes.tensor.products import multiply_add
from stepwell.support.walk import operations

_DYNAMIC = ir.ShapedType.get_dynamic_size()


@dataclass
class PackConvolutions(Pass):
    """Rewrite ``linalg.conv_2d_nhwc_hwcf`` and ``conv_2d_nhwgc_gfhwc`` with a filter of static shape.

    The filter becomes ``[F/L][KH][KW][C][L]``: ``L`` output channels, two vectors of ``lanes / 2`` or close to it, lie
    side by side, and a block of them in one piece of memory. Packing touches weights alone, so that
    ``split-prepare`` does it ahead of time. A narrow image is extended ahead of the contraction, a narrow filter in it.
    """

    name: ClassVar[str] = "pack-convolutions"
    summary: ClassVar[str] = "convolutions as contractions over packed filters"

    lanes: int = 32

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found = [candidate for candidate in operations(op) if candidate.name in _REWRITES and _applies(candidate)]
        for convolution in found:
            with ir.InsertionPoint(convolution), convolution.location:
                result = _REWRITES[convolution.name](convolution, self.lanes, context.schedules).build()
            convolution.results[0].replace_all_uses_with(result)
            convolution.erase()
        context.note(self.name, packed=len(found))


def block_of_group(filters: int, vector: int) -> int:
    """How many of a group's ``filters`` to keep side by side: all, or a divisor, of whole vectors if there is one."""
    most = 3 * vector
    if filters <= most:
        return filters
    divisors = [size for size in range(1, most + 1) if filters % size == 0]
    return max(divisors, key=lambda size: (size % vector == 0, size))


def _applies(op: ir.Operation) -> bool:
    if not isinstance(op.operands[1].type, ir.RankedTensorType):
        return False
    filter_type = ir.RankedTensorType(op.operands[1].type)
    return bool(
        filter_type.has_static_shape
        and 0 not in filter_type.shape
        and _sources_fit(*(ir.RankedTensorType(value.type).element_type for value in op.operands))
    )


def _sources_fit(image: ir.Type, weights: ir.Type, total: ir.Type) -> bool:
    """Whether both operands extend to the type that is summed in."""
    known = SOURCES.get(str(total), ())
    return str(image) in known and str(weights) in known


class _Rewrite:
    def __init__(self, op: ir.Operation, lanes: int, schedules: Schedules) -> None:
        self.image, self.filter, self.init = op.operands
        self.strides, self.dilations = (_pair(op, name) for name in ("strides", "dilations"))
        self.element = ir.RankedTensorType(self.init.type).element_type
        self.source = ir.RankedTensorType(self.filter.type).element_type
        self.vector = max(4, lanes // (4 if str(self.element) == "f64" else 2))
        self._choose(schedules)

    def _choose(self, schedules: Schedules) -> None:
        *self.window, self.depth, self.channels = ir.RankedTensorType(self.filter.type).shape
        self.block = schedules.choose(
            filter_key((self.window[0], self.window[1]), self.depth, self.channels, str(self.source)),
            filter_schedule(self.channels, self.vector),
            lambda schedule: schedule.fault(self.channels),
        ).block
        self.blocks = -(-self.channels // self.block)

    def build(self) -> ir.Value:
        """``out[n, h, w, fo, l] += image[n, h*s + i*d, w*s + j*d, c] * filter[fo, i, j, c, l]``."""
        batch, height, width, *_ = sizes_of(self.init)
        shape: list[Size] = [batch, height, width, self.blocks, self.block]
        init = linalg.fill(scalar(self.element, 0.0), outs=[empty(shape, self.element)])
        n, h, w, fo, i, j, c, lane = (ir.AffineDimExpr.get(dim) for dim in range(8))
        rows = h * self.strides[0] + i * self.dilations[0]
        columns = w * self.strides[1] + j * self.dilations[1]
        image, first = self._image()
        image = cast_elements(image, self.element)
        channel = self._channel(fo, c)
        at = [n, channel, rows, columns] if first else [n, rows, columns, channel]
        indices = (at, [fo, i, j, c, lane], [n, h, w, fo, lane])
        packed = multiply_add(image, self._pack_filter(), init, indices, "pppprrrp").results[0]
        return self._add_init(self._unpadded(_joined(packed)))

    def _unpadded(self, result: ir.Value) -> ir.Value:
        if self.blocks * self.block == self.channels:
            return result
        batch, height, width, _ = sizes_of(result)
        return extract_slice(result, [0] * 4, [batch, height, width, self.channels], range(4))

    def _channel(self, block: ir.AffineExpr, channel: ir.AffineExpr) -> ir.AffineExpr:
        """Where in the image ``channel`` of the filter's ``block`` is."""
        return channel

    def _image(self) -> tuple[ir.Value, bool]:
        """The image to read, and whether its channels come first."""
        owner = self.image.owner
        transposed = not isinstance(owner, ir.Block) and owner.name == "linalg.transpose"
        if transposed and self.depth <= FEW_CHANNELS:
            first = tuple(ir.DenseI64ArrayAttr(owner.attributes["permutation"])) == LAST
            return (owner.operands[0], True) if first else (self.image, False)
        return self.image, False

    def _pack_filter(self) -> ir.Value:
        padded = self.blocks * self.block
        source = self.filter
        if padded != self.channels:
            kind = ir.RankedTensorType.get([*self.window, self.depth, padded], self.source)
            zero = scalar(self.source, 0.0)
            pad = tensor.PadOp(kind, source, [], [], [0] * 4, [0, 0, 0, padded - self.channels])
            block = pad.regions[0].blocks.append(*[ir.IndexType.get()] * 4)
            with ir.InsertionPoint(block):
                tensor.YieldOp(zero)
            source = pad.result
        split = [*self.window, self.depth, self.blocks, self.block]
        kind = ir.RankedTensorType.get(split, self.source)
        blocked = tensor.ExpandShapeOp(kind, source, reassociation([[0], [1], [2], [3, 4]]), [], split).result
        packed: list[Size] = [self.blocks, *self.window, self.depth, self.block]
        made = linalg.transpose(blocked, outs=[empty(packed, self.source)], permutation=[3, 0, 1, 2, 4])
        result: ir.Value = made.results[0]
        return result

    def _add_init(self, result: ir.Value) -> ir.Value:
        """The convolution adds to what was there; a fill with zero adds nothing."""
        return result if starts_at_zero(self.init) else self._add(result, self.init)

    def _add(self, left: ir.Value, right: ir.Value) -> ir.Value:
        return arith.addf(left, right) if isinstance(self.element, ir.FloatType) else arith.addi(left, right)


class _GroupedRewrite(_Rewrite):
    """Blocks of all groups side by side: each reads the channels of its group alone."""

    def _choose(self, schedules: Schedules) -> None:
        self.groups, self.channels, *self.window, self.depth = ir.RankedTensorType(self.filter.type).shape
        self.block = block_of_group(self.channels, self.vector)
        self.blocks = self.groups * (self.channels // self.block)

    def _channel(self, block: ir.AffineExpr, channel: ir.AffineExpr) -> ir.AffineExpr:
        parts = self.channels // self.block
        group = ir.AffineExpr.get_floor_div(block, parts) if parts > 1 else block
        return group * self.depth + channel

    def _unpadded(self, result: ir.Value) -> ir.Value:
        return result  # blocks divide groups

    def _image(self) -> tuple[ir.Value, bool]:
        return _joined(self.image), False

    def _pack_filter(self) -> ir.Value:
        parts = self.channels // self.block
        split = [self.groups, parts, self.block, *self.window, self.depth]
        kind = ir.RankedTensorType.get(split, self.source)
        blocked = tensor.ExpandShapeOp(kind, self.filter, reassociation([[0], [1, 2], [3], [4], [5]]), [], split).result
        order = [0, 1, 3, 4, 5, 2]
        start = empty([split[axis] for axis in order], self.source)
        made = linalg.transpose(blocked, outs=[start], permutation=order)
        packed = ir.RankedTensorType.get([self.blocks, *self.window, self.depth, self.block], self.source)
        return tensor.CollapseShapeOp(packed, made.results[0], reassociation([[0, 1], [2], [3], [4], [5]])).result

    def build(self) -> ir.Value:
        result = super().build()
        kind = ir.RankedTensorType(self.init.type)
        if kind == result.type:
            return result
        sizes = sizes_of(self.init)
        static = [_static(size) for size in sizes]
        dynamic = [size for size in sizes if not isinstance(size, int)]
        return tensor.ExpandShapeOp(kind, result, reassociation([[0], [1], [2], [3, 4]]), dynamic, static).result

    def _add_init(self, result: ir.Value) -> ir.Value:
        return result if starts_at_zero(self.init) else self._add(result, _joined(self.init))


_REWRITES = {"linalg.conv_2d_nhwc_hwcf": _Rewrite, "linalg.conv_2d_nhwgc_gfhwc": _GroupedRewrite}


def _joined(value: ir.Value) -> ir.Value:
    """``value`` with its last two dimensions in one."""
    kind = ir.RankedTensorType(value.type)
    shape = [*kind.shape[:3], kind.shape[3] * kind.shape[4]]
    joined = ir.RankedTensorType.get(shape, kind.element_type)
    return tensor.CollapseShapeOp(joined, value, reassociation([[0], [1], [2], [3, 4]])).result


def _pair(op: ir.Operation, name: str) -> tuple[int, int]:
    first, second = ir.DenseIntElementsAttr(op.attributes[name])
    return int(first), int(second)


def _static(size: Size) -> int:
    return size if isinstance(size, int) else _DYNAMIC
