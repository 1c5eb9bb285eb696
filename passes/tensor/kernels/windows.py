"""Operations that move a window over an image with channels last: convolutions and pooling, and borders around it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch_mlir import ir
from torch_mlir.dialects import linalg

from stepwell.passes.buffer.contraction.numbers import multiplies_and_adds
from stepwell.passes.tensor.kernels.fills import is_fill
from stepwell.passes.tensor.structured import input_count, is_structured, loops_of

_DYNAMIC = ir.ShapedType.get_dynamic_size()


@dataclass(frozen=True)
class Windows:
    """Element ``(n, y * stride + i * dilation - before, x ..., channels)`` of an image meets tap ``(i, j)``.

    Attributes:
        op: the operation.
        image: without its border.
        made: what puts a border of one number around the image, and splits channels then; empty without a border.
        filler: that number.
        before: rows and columns of the border above and on the left.
        strides, dilations: down and across.
        batch: the dimension of images.
        pixels: the dimensions of the result's rows and columns.
        taps: those of the window.
        channels: those of a pixel, which the image has last.
        maps: of all operands: the dimension of each axis; of the image none.
    """

    op: ir.Operation
    image: ir.Value
    made: tuple[ir.Operation, ...]
    filler: ir.Value | None
    before: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    batch: int
    pixels: tuple[int, int]
    taps: tuple[int, int]
    channels: tuple[int, ...]
    maps: tuple[tuple[int, ...], ...]

    @property
    def is_convolution(self) -> bool:
        """Whether channels are added up: products of a whole pixel and a matrix for each tap."""
        return (
            len(self.maps) == 3
            and multiplies_and_adds(self.op)
            and not loops_of(self.op)[self.channels[-1]].parallel
            and (self.filler is None or is_zero(self.filler))
        )


def match_windows(op: ir.Operation) -> Windows | None:
    """The windows that ``op`` reduces; None where the first operand is no image with channels last of static size."""
    if not is_structured(op) or len(op.results) != 1 or input_count(op) != 2:
        return None
    maps = [ir.AffineMapAttr(attribute).value for attribute in linalg.get_indexing_maps(op)]
    sums = [_sum(expression) for expression in maps[0].results]
    others = [_dims(map_) for map_ in maps[1:]]
    if len(sums) not in (4, 5) or None in sums or None in others:
        return None
    places = [found for found in sums if found is not None]
    if any(len(place) != 1 for place in (places[0], *places[3:])) or any(len(place) != 2 for place in places[1:3]):
        return None
    (batch,), *_ = places
    channels = tuple(dim for place in places[3:] for dim in place)
    result = others[-1] or ()
    axes = [_axis(place, result) for place in places[1:3]]
    if axes[0] is None or axes[1] is None or result[:3] != (batch, axes[0].pixel, axes[1].pixel):
        return None
    loops = loops_of(op)
    down, across = axes[0], axes[1]
    if any(loops[dim].size is None for dim in (down.pixel, across.pixel, down.tap, across.tap, *channels)):
        return None
    border = _border(op.operands[0])
    kind = ir.RankedTensorType((border.source if border else op.operands[0]).type)
    if any(kind.is_dynamic_dim(axis) for axis in range(1, kind.rank)):
        return None
    return Windows(
        op,
        border.source if border else op.operands[0],
        border.made if border else (),
        border.filler if border else None,
        border.before if border else (0, 0),
        (down.stride, across.stride),
        (down.dilation, across.dilation),
        batch,
        (down.pixel, across.pixel),
        (down.tap, across.tap),
        channels,
        ((), *(dims for dims in others if dims is not None)),
    )


def is_border(op: ir.Operation) -> bool:
    """Whether ``op`` puts a border around an image that all its users move windows over."""
    if _border_of(op) is None:
        return False
    uses = list(op.results[0].uses)
    splits = [use.owner.operation for use in uses if use.owner.operation.name == "tensor.expand_shape"]
    uses += [use for split in splits for use in split.results[0].uses]
    readers = [use for use in uses if use.owner.operation not in splits]
    return all(
        use.operand_number == 0 and (found := match_windows(use.owner.operation)) is not None and op in found.made
        for use in readers
    )


def is_zero(value: ir.Value) -> bool:
    """Whether ``value`` is the constant zero."""
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.operation.name != "arith.constant":
        return False
    number = owner.operation.attributes["value"]
    return isinstance(number, ir.FloatAttr | ir.IntegerAttr) and number.value == 0


@dataclass(frozen=True)
class _Axis:
    pixel: int
    stride: int
    tap: int
    dilation: int


def _axis(place: dict[int, int], result: tuple[int, ...]) -> _Axis | None:
    """Which of the two dimensions of an axis is the result's."""
    pixels = [dim for dim in place if dim in result]
    taps = [dim for dim in place if dim not in result]
    if len(pixels) != 1 or len(taps) != 1:
        return None
    return _Axis(pixels[0], place[pixels[0]], taps[0], place[taps[0]])


def _sum(expression: ir.AffineExpr) -> dict[int, int] | None:
    """Dimensions and what they are multiplied by in a sum of them; None for anything else."""
    if isinstance(expression, ir.AffineDimExpr):
        return {expression.position: 1}
    if isinstance(expression, ir.AffineMulExpr):
        factor, dim = sorted((expression.lhs, expression.rhs), key=lambda one: isinstance(one, ir.AffineDimExpr))
        if isinstance(factor, ir.AffineConstantExpr) and isinstance(dim, ir.AffineDimExpr) and factor.value > 0:
            return {dim.position: int(factor.value)}
        return None
    if not isinstance(expression, ir.AffineAddExpr):
        return None
    first, second = _sum(expression.lhs), _sum(expression.rhs)
    return None if first is None or second is None or set(first) & set(second) else first | second


def _dims(map_: ir.AffineMap) -> tuple[int, ...] | None:
    dims = [ir.AffineDimExpr(e).position if isinstance(e, ir.AffineDimExpr) else None for e in map_.results]
    return tuple(dim for dim in dims if dim is not None) if None not in dims else None


@dataclass(frozen=True)
class _Border:
    made: tuple[ir.Operation, ...]
    source: ir.Value
    filler: ir.Value
    before: tuple[int, int]


def _border(image: ir.Value) -> _Border | None:
    """The border around ``image``, behind a split of its channels too."""
    owner = image.owner
    if isinstance(owner, ir.Block):
        return None
    op = owner.operation
    if op.name != "tensor.expand_shape":
        return _border_of(op)
    groups = [[int(axis.value) for axis in group] for group in op.attributes["reassociation"]]
    found = _border(op.operands[0]) if groups == [[0], [1], [2], [3, 4]] else None
    return None if found is None else replace(found, made=(*found.made, op))


def _border_of(op: ir.Operation) -> _Border | None:
    """The border that ``op`` makes: rows and columns of one number around an image with channels last."""
    if op.name != "tensor.insert_slice" or isinstance(op.operands[1].owner, ir.Block):
        return None
    start = op.operands[1].owner.operation
    parts = [list(ir.DenseI64ArrayAttr(op.attributes[f"static_{name}"])) for name in ("offsets", "sizes", "strides")]
    offsets, sizes, strides = parts
    whole, source = (ir.RankedTensorType(value.type) for value in (op.results[0], op.operands[0]))
    if not is_fill(start) or _DYNAMIC in offsets or set(strides) != {1} or whole.rank < 4 or whole.rank != source.rank:
        return None
    around = [axis for axis in range(whole.rank) if axis not in (1, 2)]
    if any(offsets[axis] or list(whole.shape)[axis] != list(source.shape)[axis] for axis in around):
        return None
    if _DYNAMIC in sizes[1:]:
        return None
    return _Border((op,), op.operands[0], start.operands[0], (offsets[1], offsets[2]))
