"""Images with channels last, kept beside the values with channels second that they stand for."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import linalg

from stepwell.passes.tensor.build import Size, empty, sizes_of

#: Axis of the channels-second tensor (N, C, H, W) that becomes each axis of its twin (N, H, W, C), and back.
LAST = (0, 2, 3, 1)
FIRST = (0, 3, 1, 2)


class Twins:
    """Which values have a twin; twins of fills and broadcasts are made when somebody asks."""

    def __init__(self) -> None:
        self._known: dict[ir.Value, ir.Value] = {}

    def __contains__(self, value: ir.Value) -> bool:
        return value in self._known

    def set(self, value: ir.Value, twin: ir.Value) -> None:
        """Make ``twin`` the channels-last form of ``value``."""
        self._known[value] = twin

    def find(self, value: ir.Value) -> ir.Value | None:
        """The twin of ``value`` if it is known or costs nothing."""
        if value not in self._known:
            made = _made_of_nothing(value)
            if made is None:
                return None
            self._known[value] = made
        return self._known[value]

    def make(self, value: ir.Value) -> ir.Value:
        """The twin of ``value``, by a transpose at the insertion point where there is no other way."""
        found = self.find(value)
        if found is None:
            found = self._known[value] = transpose(value, LAST)
        return found


def is_image(value: ir.Value) -> bool:
    """Whether ``value`` is a tensor of four dimensions."""
    return isinstance(value.type, ir.RankedTensorType) and ir.RankedTensorType(value.type).rank == 4


def transpose(value: ir.Value, order: tuple[int, ...]) -> ir.Value:
    """``linalg.transpose`` of ``value``: axis ``i`` of the result is axis ``order[i]`` of ``value``."""
    sizes = sizes_of(value)
    element = ir.RankedTensorType(value.type).element_type
    start = empty([sizes[axis] for axis in order], element)
    made: ir.Value = linalg.transpose(value, outs=[start], permutation=list(order)).results[0]
    return made


def permuted_sizes(value: ir.Value) -> list[Size]:
    """The sizes of the twin of ``value``."""
    sizes = sizes_of(value)
    return [sizes[axis] for axis in LAST]


def _made_of_nothing(value: ir.Value) -> ir.Value | None:
    """A twin of an uninitialised, filled or broadcast tensor, beside the operation that made it."""
    if not isinstance(value, ir.OpResult) or not is_image(value):
        return None
    op = value.owner.operation
    element = ir.RankedTensorType(value.type).element_type
    with ir.InsertionPoint(op), op.location:
        if op.name == "tensor.empty":
            dynamic = iter(op.operands)
            shape = ir.RankedTensorType(value.type).shape
            sizes: list[Size] = [
                next(dynamic) if size == ir.ShapedType.get_dynamic_size() else int(size) for size in shape
            ]
            return empty([sizes[axis] for axis in LAST], element)
        if op.name not in ("linalg.fill", "linalg.broadcast"):
            return None
        start = _made_of_nothing(op.operands[1])
        if start is None:
            return None
        made: ir.Value
        if op.name == "linalg.fill":
            made = linalg.fill(op.operands[0], outs=[start])
            return made
        added = set(ir.DenseI64ArrayAttr(op.attributes["dimensions"]))
        kept = [axis for axis in LAST if axis not in added]
        if kept != sorted(kept):
            return None
        dimensions = [position for position, axis in enumerate(LAST) if axis in added]
        made = linalg.broadcast(op.operands[0], outs=[start], dimensions=dimensions).results[0]
        return made
