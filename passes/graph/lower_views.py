"""lower-views: torch views to collapses and expansions of tensor dimensions that hold at every size."""

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.graph.reshapes import collapse, expand
from stepwell.passes.graph.torch_values import (
    DYNAMIC,
    constant_int,
    definition,
    from_tensor,
    list_elements,
    tensor_type,
    to_index,
    to_tensor,
)
from stepwell.support.walk import operations


@dataclass
class LowerViews(Pass):
    """Lower ``aten.flatten.using_ints`` and ``aten.unflatten.int``, and the ``aten.view`` that have dynamic sizes.

    Upstream's lowering of ``aten.view`` pairs dimensions by their static sizes and casts dynamic ones to what it
    needs, which is wrong at run time when the pairing was. Here a view that names no axes becomes one collapse of all
    dimensions and one expansion, which is right for every view, and leading and trailing dimensions of equal
    static size, or of the same size operation, stay out of it.
    """

    name: ClassVar[str] = "lower-views"
    summary: ClassVar[str] = "torch views with dynamic sizes to tensor.collapse_shape and tensor.expand_shape"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found = [inner for inner in operations(op) if inner.name in _LOWERINGS]
        for view in found:
            _LOWERINGS[view.name](view)


def _lower_flatten(op: ir.Operation) -> None:
    first, last = constant_int(op.operands[1]), constant_int(op.operands[2])
    shape = _shape(op.operands[0])
    if shape is None or first is None or last is None or not shape:
        return
    first, last = first % len(shape), last % len(shape)
    groups = [[a] for a in range(first)] + [list(range(first, last + 1))] + [[a] for a in range(last + 1, len(shape))]
    with ir.InsertionPoint(op), op.location:
        _replace(op, collapse(to_tensor(op.operands[0]), groups))


def _lower_unflatten(op: ir.Operation) -> None:
    axis, sizes = constant_int(op.operands[1]), list_elements(op.operands[2])
    shape, result = _shape(op.operands[0]), _shape(op.results[0])
    if shape is None or result is None or axis is None or sizes is None:
        return
    axis %= len(shape)
    groups = [[a] for a in range(axis)] + [list(range(axis, axis + len(sizes)))]
    groups += [[a + len(sizes) - 1] for a in range(axis + 1, len(shape))]
    with ir.InsertionPoint(op), op.location:
        kept: list[ir.Value | None] = [None] * (len(shape) - axis - 1)
        values = [None] * axis + [_size(size) for size in sizes] + kept
        _replace(op, expand(to_tensor(op.operands[0]), groups, values, result))


def _lower_view(op: ir.Operation) -> None:
    sizes = list_elements(op.operands[1])
    shape, result = _shape(op.operands[0]), _shape(op.results[0])
    if shape and result and 0 in shape + result and DYNAMIC not in result:
        # Nothing to move, and upstream divides by the sizes.
        with ir.InsertionPoint(op), op.location:
            _replace(op, ir.Operation.create("tensor.empty", results=[tensor_type(op.results[0])]).result)
        return
    if not shape or not result or sizes is None or DYNAMIC not in shape + result:
        return
    front = _equal_ends(op.operands[0], shape, result, sizes, backward=False)
    back = _equal_ends(op.operands[0], shape, result, sizes, backward=True)
    # The middle keeps at least one dimension on both sides.
    front = min(front, len(shape) - 1, len(result) - 1)
    back = min(back, len(shape) - 1 - front, len(result) - 1 - front)
    inner = [[a] for a in range(front)] + [list(range(front, len(shape) - back))]
    inner += [[a] for a in range(len(shape) - back, len(shape))]
    outer = [[a] for a in range(front)] + [list(range(front, len(result) - back))]
    outer += [[a] for a in range(len(result) - back, len(result))]
    with ir.InsertionPoint(op), op.location:
        middle = [_size(size) if front <= a < len(result) - back else None for a, size in enumerate(sizes)]
        _replace(op, expand(collapse(to_tensor(op.operands[0]), inner), outer, middle, result))


_LOWERINGS = {
    "torch.aten.flatten.using_ints": _lower_flatten,
    "torch.aten.unflatten.int": _lower_unflatten,
    "torch.aten.view": _lower_view,
}


def _equal_ends(source: ir.Value, shape: list[int], result: list[int], sizes: list[ir.Value], *, backward: bool) -> int:
    """How many dimensions at one end are certainly the same in input and result."""
    count = 0
    for k in range(min(len(shape), len(result))):
        i, j = (len(shape) - 1 - k, len(result) - 1 - k) if backward else (k, k)
        same = shape[i] == result[j] != DYNAMIC or _is_size_of(sizes[j], source, i)
        if not same:
            break
        count += 1
    return count


def _is_size_of(size: ir.Value, tensor: ir.Value, axis: int) -> bool:
    op = definition(size)
    return (
        op is not None
        and op.name == "torch.aten.size.int"
        and (bool(op.operands[0] == tensor) and constant_int(op.operands[1]) == axis)
    )


def _size(value: ir.Value) -> ir.Value | None:
    """A size as an index; None where torch infers it (-1)."""
    return None if constant_int(value) == -1 else to_index(value)


def _shape(value: ir.Value) -> list[int] | None:
    tensor = tensor_type(value)
    return None if tensor is None else list(tensor.shape)


def _replace(op: ir.Operation, value: ir.Value) -> None:
    wanted = tensor_type(op.results[0])
    assert wanted is not None
    if value.type != wanted:
        value = ir.Operation.create("tensor.cast", results=[wanted], operands=[value]).result
    op.results[0].replace_all_uses_with(from_tensor(value, op.results[0].type))
    op.erase()
