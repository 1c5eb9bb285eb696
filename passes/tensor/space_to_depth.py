"""space-to-depth: convolutions of few channels over blocks of pixels, whose channels lie side by side."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import linalg, tensor

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.tensor.build import Size, empty, insert_slice, reassociation, scalar, sizes_of
from stepwell.passes.tensor.kernels.windows import match_windows
from stepwell.passes.tensor.layout.rewrites import window_of
from stepwell.passes.tensor.layout.twins import LAST
from stepwell.support.walk import operations

_CONVOLUTION = "linalg.conv_2d_nhwc_hwcf"
_ELEMENTS = ("bf16", "f16")
_DYNAMIC = ir.ShapedType.get_dynamic_size()


@dataclass
class SpaceToDepth(Pass):
    """Rewrite ``conv_2d_nhwc_hwcf`` of bf16 or f16 whose pixels are no whole chunks.

    Blocks of ``stride`` by ``stride`` pixels become pixels, and the stride 1; channels are filled up with zeros to
    whole chunks, and so are the filters. Where the stride is the window's size, as for the patches of a vision
    transformer, what is left is a product.

    Options:
        chunk: elements that memory is read in.
    """

    name: ClassVar[str] = "space-to-depth"
    summary: ClassVar[str] = "convolutions of few channels over blocks of pixels"

    chunk: int = 8

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found = [one for candidate in operations(op) if (one := _read(candidate, self.chunk)) is not None]
        for convolution in found:
            with ir.InsertionPoint(convolution.op), convolution.op.location:
                result = convolution.rewrite()
            convolution.op.results[0].replace_all_uses_with(result)
            convolution.op.erase()
        context.note(self.name, rewritten=len(found))


@dataclass(frozen=True)
class _Convolution:
    """One to rewrite.

    Attributes:
        image: without its border; channels first where ``first``.
        before: rows and columns of the border above and on the left.
        stride: down and across.
        size: of the window.
        pixels: rows and columns of the result.
        channels: of the image, and with those that are filled up.
    """

    op: ir.Operation
    image: ir.Value
    first: bool
    before: tuple[int, int]
    stride: int
    size: tuple[int, int]
    pixels: tuple[int, int]
    channels: tuple[int, int]

    def rewrite(self) -> ir.Value:
        """The same from blocks."""
        init = self.op.operands[2]
        result: ir.Value = linalg.conv_2d_nhwc_hwcf(
            self._blocks(), self._filter(), outs=[init], strides=[1, 1], dilations=[1, 1]
        )
        return result

    @property
    def _window(self) -> list[int]:
        """Of blocks."""
        return [-(-size // self.stride) for size in self.size]

    def _blocks(self) -> ir.Value:
        """The image in blocks: ``[n, y, x, (c, i, j)]``."""
        s, padded = self.stride, self.channels[1]
        down, across = (pixels + size - 1 for pixels, size in zip(self.pixels, self._window, strict=True))
        batch = sizes_of(self.image)[0]
        order = [0, 3, 1, 2] if self.first else [0, 1, 2, 3]
        whole: list[Size] = [batch, down * s, across * s, padded]
        image = self._cut(down * s - self.before[0], across * s - self.before[1])
        filled = _zeros([whole[axis] for axis in order], image)
        offsets: list[Size] = [0, *self.before, 0]
        image = insert_slice(image, filled, [offsets[axis] for axis in order], sizes_of(image))
        if s == 1 and not self.first:
            return image
        split: list[Size] = [batch, padded, down, s, across, s] if self.first else [batch, down, s, across, s, padded]
        groups = [[0], [1], [2, 3], [4, 5]] if self.first else [[0], [1, 2], [3, 4], [5]]
        image = _expand(image, groups, split)
        turned = [0, 2, 4, 1, 3, 5] if self.first else [0, 1, 3, 5, 2, 4]
        return _collapse(_transpose(image, turned), [[0], [1], [2], [3, 4, 5]])

    def _cut(self, rows: int, columns: int) -> ir.Value:
        """The image without rows and columns behind the last window."""
        sizes = sizes_of(self.image)
        axes = (2, 3) if self.first else (1, 2)
        kept = list(sizes)
        for axis, most in zip(axes, (rows, columns), strict=True):
            size = sizes[axis]
            assert isinstance(size, int)
            kept[axis] = min(size, most)
        if kept == sizes:
            return self.image
        element = ir.RankedTensorType(self.image.type).element_type
        static = [_static(size) for size in kept]
        dynamic = [size for size in kept if not isinstance(size, int)]
        kind = ir.RankedTensorType.get(static, element)
        return tensor.ExtractSliceOp(kind, self.image, [], dynamic, [], [0] * 4, static, [1] * 4).result

    def _filter(self) -> ir.Value:
        """``[i, j, (c, i', j'), f]`` of blocks ``(i, j)``."""
        s, padded = self.stride, self.channels[1]
        weights = self.op.operands[1]
        filters = list(ir.RankedTensorType(weights.type).shape)[3]
        down, across = self._window
        filled = _zeros([down * s, across * s, padded, filters], weights)
        weights = insert_slice(weights, filled, [0] * 4, sizes_of(weights))
        if s == 1:
            return weights
        split = _expand(weights, [[0, 1], [2, 3], [4], [5]], [down, s, across, s, padded, filters])
        return _collapse(_transpose(split, [0, 2, 4, 1, 3, 5]), [[0], [1], [2, 3, 4], [5]])


def _read(op: ir.Operation, chunk: int) -> _Convolution | None:
    if op.name != _CONVOLUTION or set(window_of(op)["dilations"]) != {1}:
        return None
    windows = match_windows(op)
    strides = set(window_of(op)["strides"])
    weights, result = (ir.RankedTensorType(value.type) for value in (op.operands[1], op.results[0]))
    if windows is None or not windows.is_convolution or len(strides) != 1:
        return None
    if str(weights.element_type) not in _ELEMENTS:
        return None
    channels, (stride,) = int(weights.shape[2]), strides
    if channels % chunk == 0:
        return None
    padded = next(count for count in range(channels, channels + chunk) if count * stride * stride % chunk == 0)
    owner = windows.image.owner
    first = not isinstance(owner, ir.Block) and owner.operation.name == "linalg.transpose"
    first = first and tuple(ir.DenseI64ArrayAttr(owner.operation.attributes["permutation"])) == LAST
    return _Convolution(
        op,
        owner.operation.operands[0] if first else windows.image,
        first,
        windows.before,
        stride,
        (int(weights.shape[0]), int(weights.shape[1])),
        (int(result.shape[1]), int(result.shape[2])),
        (channels, padded),
    )


def _zeros(sizes: list[Size], like: ir.Value) -> ir.Value:
    element = ir.RankedTensorType(like.type).element_type
    made: ir.Value = linalg.fill(scalar(element, 0.0), outs=[empty(sizes, element)])
    return made


def _transpose(value: ir.Value, order: list[int]) -> ir.Value:
    sizes = sizes_of(value)
    start = empty([sizes[axis] for axis in order], ir.RankedTensorType(value.type).element_type)
    made: ir.Value = linalg.transpose(value, outs=[start], permutation=order).results[0]
    return made


def _expand(value: ir.Value, groups: list[list[int]], sizes: list[Size]) -> ir.Value:
    element = ir.RankedTensorType(value.type).element_type
    kind = ir.RankedTensorType.get([_static(size) for size in sizes], element)
    dynamic = [size for size in sizes if not isinstance(size, int)]
    static = [_static(size) for size in sizes]
    return tensor.ExpandShapeOp(kind, value, reassociation(groups), dynamic, static).result


def _collapse(value: ir.Value, groups: list[list[int]]) -> ir.Value:
    sizes = sizes_of(value)
    shape = [_product([sizes[axis] for axis in group]) for group in groups]
    kind = ir.RankedTensorType.get(shape, ir.RankedTensorType(value.type).element_type)
    return tensor.CollapseShapeOp(kind, value, reassociation(groups)).result


def _product(sizes: list[Size]) -> int:
    known = [size for size in sizes if isinstance(size, int)]
    return prod(known) if len(known) == len(sizes) else int(_DYNAMIC)


def _static(size: Size) -> int:
    return size if isinstance(size, int) else _DYNAMIC
