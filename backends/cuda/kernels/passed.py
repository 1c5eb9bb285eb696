"""What the host passes to kernels: tensor maps, addresses, sizes."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, builtin, llvm, memref, nvgpu

from stepwell.backends.cuda.kernels.window import Window
from stepwell.passes.buffer.plan_launches import CONTENTS
from stepwell.passes.tensor import index as ix
from stepwell.passes.tensor.index import Index

_ROW_BYTES = 128


def narrow(size: Index) -> ir.Value:
    """A size in 32 bits."""
    return arith.index_cast(ir.IntegerType.get_signless(32), ix.value(size))


def wide(size: Index) -> ir.Value:
    """A size in 64 bits."""
    return arith.index_cast(ir.IntegerType.get_signless(64), ix.value(size))


def address(buffer: ir.Value) -> ir.Value:
    """Where a buffer begins."""
    number = memref.extract_aligned_pointer_as_index(buffer)
    return llvm.inttoptr(ir.Type.parse("!llvm.ptr"), wide(number))


def scratch(count: int, element: ir.Type) -> ir.Value:
    """Memory for the time of the launch."""
    return memref.AllocOp(ir.MemRefType.get([count], element), [], []).result


def flags(count: int) -> ir.Value:
    """So many i32 of the launch's own, zero before the first run; the kernel leaves them so at each run's end."""
    i32 = ir.IntegerType.get_signless(32)
    made = memref.AllocOp(ir.MemRefType.get([count], i32), [], [])
    zeros = ir.DenseElementsAttr.get_splat(ir.RankedTensorType.get([count], i32), ir.IntegerAttr.get(i32, 0))
    made.operation.attributes[CONTENTS] = zeros
    return made.result


def matrices_map(
    buffer: ir.Value, sizes: tuple[Index, Index, Index], height: int, *, rounded: bool = False
) -> ir.Value:
    """The tensor map of a buffer as matrices of rows, with boxes of ``height`` rows by 128 bytes.

    Args:
        rounded: whether the copy engine rounds f32 to tf32 as it loads; tensor cores would cut bits off.
    """
    strides = [ix.multiply(sizes[1], sizes[2]), sizes[2], 1]
    return _round(tensor_map(buffer, sizes, strides, (1, height, _width(buffer))), rounded)


def taps_map(
    buffer: ir.Value, window: Window, columns: Index, height: int, *, by_column: bool, rounded: bool = False
) -> ir.Value:
    """The tensor map of a filter as a matrix for each tap, with boxes of ``height`` rows of memory by 128 bytes.

    Args:
        by_column: whether columns of the matrices are contiguous, those of all taps in a row.
    """
    taps, channels = window.taps, window.channels
    if not by_column:
        return matrices_map(buffer, (taps, channels, columns), height, rounded=rounded)
    strides = [channels, taps * channels, 1]
    return _round(tensor_map(buffer, (taps, columns, channels), strides, (1, height, _width(buffer))), rounded)


def images_map(buffer: ir.Value, window: Window, pixels: int, *, rounded: bool = False) -> ir.Value:
    """The tensor map of a buffer as images that a window moves over, with columns of ``pixels`` by 128 bytes."""
    sizes = [ix.sizes_of(buffer)[0], *window.image, window.channels]
    made = _round(tensor_map(buffer, sizes, [*window.steps, 1], (pixels, _width(buffer))), rounded)
    lower, upper = window.corners
    parts = {"lower": lower, "upper": upper, "strides": window.strides}
    _descriptor(made).attributes["stepwell.window"] = ir.DictAttr.get(
        {name: ir.DenseI64ArrayAttr.get(list(pair)) for name, pair in parts.items()}
    )
    return made


def tensor_map(
    buffer: ir.Value, sizes: Sequence[Index], strides: Sequence[Index], box: Sequence[int], offset: int = 0
) -> ir.Value:
    """The tensor map of a part of a buffer, with the 128-byte swizzle; strides and offset in elements."""
    element = ir.MemRefType(buffer.type).element_type
    source = memref.cast(ir.UnrankedMemRefType.get(element, None), _part(buffer, sizes, strides, offset))
    kind = ir.Type.parse(
        f"!nvgpu.tensormap.descriptor<tensor = memref<{'x'.join(map(str, box))}x{element}, 3>, "
        "swizzle = swizzle_128b, l2promo = l2promo_128b, oob = zero, interleave = none>"
    )
    made = nvgpu.TmaCreateDescriptorOp(kind, source, [ix.value(size) for size in box]).result
    return builtin.unrealized_conversion_cast([ir.Type.parse("!llvm.ptr")], [made])


def _width(buffer: ir.Value) -> int:
    """Elements of 128 bytes."""
    return int(_ROW_BYTES * 8 // ir.MemRefType(buffer.type).element_type.width)


def _round(made: ir.Value, rounded: bool) -> ir.Value:
    """The tensor map ``made``, by which f32 are ``rounded`` to tf32."""
    if rounded:
        _descriptor(made).attributes["stepwell.rounded"] = ir.UnitAttr.get()
    return made


def _descriptor(made: ir.Value) -> ir.Operation:
    return made.owner.operation.operands[0].owner.operation


def _part(buffer: ir.Value, sizes: Sequence[Index], strides: Sequence[Index], offset: int) -> ir.Value:
    dynamic = ir.ShapedType.get_dynamic_size()

    def static(values: Sequence[Index]) -> list[int]:
        return [value if isinstance(value, int) else dynamic for value in values]

    layout = ir.StridedLayoutAttr.get(offset, static(strides))
    kind = ir.MemRefType.get(static(sizes), ir.MemRefType(buffer.type).element_type, layout)
    return memref.ReinterpretCastOp(
        kind,
        buffer,
        [],
        [size for size in sizes if not isinstance(size, int)],
        [stride for stride in strides if not isinstance(stride, int)],
        [offset],
        static(sizes),
        static(strides),
    ).result
