"""What operations of ``numeric`` that slide windows over images must satisfy."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.dialects.numeric_rules import check_holds, format_of, tensor_of
from stepwell.dialects.rules import Violation, check_number
from stepwell.support.fixed_point import Format
from stepwell.support.widths import dot_product_range
from stepwell.support.windows import Windows

_LOWEST = {"kernel": 1, "strides": 1, "padding": 0, "dilation": 1, "over": 0}


def read_windows(op: ir.Operation) -> Windows:
    """The windows that the attributes of an operation say; those of a convolution are as large as its weight's."""
    lists = {name: _numbers(op, name) for name in _LOWEST if name in op.attributes}
    if "kernel" not in lists:
        lists["kernel"] = tuple(ir.RankedTensorType(op.operands[1].type).shape[2:])
    lists.setdefault("dilation", (1,) * len(lists["kernel"]))
    return Windows(**lists)


def convolution(op: ir.Operation) -> None:
    """Exact sums of products."""
    roles = [(op.operands[0], "operand 'image'"), (op.operands[1], "operand 'weight'"), (op.results[0], "result")]
    image, weight, output = (format_of(value, role) for value, role in roles)
    shapes = [list(tensor_of(value, role).shape) for value, role in roles]
    if len({len(shape) for shape in shapes}) != 1 or len(shapes[0]) < 3:
        raise Violation("has tensors that are not all of batch, channels, and one or more sizes of an image")
    check_number(op, "groups", 1)
    groups = ir.IntegerAttr(op.attributes["groups"]).value
    (_, channels, *_), (outer, inner, *kernel), (_, made, *_) = shapes
    if min(channels, outer, inner, *kernel) < 1 or channels != groups * inner or outer % groups or made != outer:
        raise Violation(
            f"has {channels} channels in, {made} out, and a weight of {outer} by {inner} for {groups} groups: "
            "each group takes an equal part of the channels"
        )
    _check_sizes(op, shapes[0], shapes[2])
    if output.frac != image.frac + weight.frac:
        raise Violation(
            f"gives {output.frac} bits of fraction; products of {image.frac} and {weight.frac} have "
            f"{image.frac + weight.frac}"
        )
    length = inner * read_windows(op).taps
    check_holds(output, dot_product_range(length, image.range, weight.range), f"sum of {length} products")


def max_pool(op: ir.Operation) -> None:
    """The largest of each window."""
    before, after = _pooled(op)
    if before != after:
        raise Violation(f"makes {after} of {before}: it changes no number")
    windows = read_windows(op)
    spans = [d * (k - 1) + 1 for k, d in zip(windows.kernel, windows.dilation, strict=True)]
    if any(2 * p > span for p, span in zip(windows.padding, spans, strict=True)):
        raise Violation(f"has padding {list(windows.padding)}, which is more than half of its windows")


def sum_pool(op: ir.Operation) -> None:
    """Exact sums, of more fraction where they are divided."""
    before, after = _pooled(op)
    if after.frac < before.frac:
        raise Violation(f"gives {after.frac} bits of fraction for {before.frac}; it never has less")
    taps = read_windows(op).taps
    check_holds(after, dot_product_range(taps, before.range, (1, 1)), f"sum of {taps} numbers")


def _pooled(op: ir.Operation) -> tuple[Format, Format]:
    """The formats before and after."""
    sides = [(op.operands[0], "operand"), (op.results[0], "result")]
    shapes = [list(tensor_of(value, role).shape) for value, role in sides]
    if len(shapes[0]) != len(shapes[1]) or shapes[0][:2] != shapes[1][:2]:
        raise Violation("changes batch or channels of its operand")
    _check_sizes(op, *shapes)
    before, after = (format_of(value, role) for value, role in sides)
    return before, after


def _check_sizes(op: ir.Operation, image: list[int], output: list[int]) -> None:
    """Batch and sizes of the result follow from those of the image."""
    rank = len(image) - 2
    for name, lowest in _LOWEST.items():
        values = _numbers(op, name) if name in op.attributes else None
        if values is not None and (len(values) != rank or min(values, default=lowest) < lowest):
            raise Violation(f"has {name} {list(values)}; it is a number of at least {lowest} for each of {rank} sizes")
    if min(image[2:]) < 1:
        raise Violation("has an image whose sizes are not static")
    sizes = list(read_windows(op).sizes(image[2:]))
    if min(sizes) < 1:
        raise Violation(f"has windows that do not fit into an image of {image[2:]}")
    places = [(size - 1) * step for size, step in zip(sizes, read_windows(op).strides, strict=True)]
    if "over" in op.attributes and any(place >= size for place, size in zip(places, image[2:], strict=True)):
        raise Violation(f"has windows that begin behind an image of {image[2:]}")
    if output[0] != image[0] or output[2:] != sizes:
        raise Violation(f"gives images of {output[2:]}; there are {sizes} windows")


def _numbers(op: ir.Operation, name: str) -> tuple[int, ...]:
    return tuple(int(ir.IntegerAttr(item).value) for item in ir.ArrayAttr(op.attributes[name]))
