"""The tensor cores: ``mma.sync`` of a warp, ``wgmma`` of a warpgroup."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from torch_mlir import ir

from stepwell.backends.cuda.emulate.accesses import close_group
from stepwell.backends.cuda.emulate.call import Call, bits
from stepwell.backends.cuda.emulate.engine import swizzled
from stepwell.backends.cuda.emulate.lanes import WARP, Active, Array, each, one
from stepwell.backends.cuda.emulate.machine import Unit
from stepwell.backends.cuda.emulate.program import Builder, Maker, Step
from stepwell.support.errors import ExecutionError

WARPGROUP = 128

_ELEMENTS: dict[str, Any] = {
    "bf16": ml_dtypes.bfloat16, "f16": np.float16, "tf32": np.float32, "s8": np.int8,
    "e4m3": ml_dtypes.float8_e4m3fn, "e5m2": ml_dtypes.float8_e5m2,
}  # fmt: skip

_LANES = np.arange(WARP)
_GROUP, _IN_GROUP = _LANES // 4, _LANES % 4


def _numbers(rows: Array, element: str) -> Array:
    """Bytes as numbers to multiply: float64, or int64."""
    values = np.ascontiguousarray(rows).view(_ELEMENTS[element])
    if element == "tf32":
        values = (values.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)
    return np.asarray(values.astype(np.int64 if element == "s8" else np.float64))


def _left(words: list[Array], element: str) -> Array:
    """16 rows of each warp from four words a lane."""
    parts = [_numbers(word.reshape(-1, WARP, 1), element) for word in words]
    count = parts[0].shape[-1]
    made = np.zeros((len(parts[0]), 16, 8 * count), parts[0].dtype)
    for number, part in enumerate(parts):
        for inner in range(count):
            made[:, _GROUP + 8 * (number % 2), _IN_GROUP * count + inner + 4 * count * (number // 2)] = part[..., inner]
    return made


def _right(words: list[Array], element: str) -> Array:
    """8 columns of each warp from two words a lane."""
    parts = [_numbers(word.reshape(-1, WARP, 1), element) for word in words]
    count = parts[0].shape[-1]
    made = np.zeros((len(parts[0]), 8 * count, 8), parts[0].dtype)
    for number, part in enumerate(parts):
        for inner in range(count):
            made[:, _IN_GROUP * count + inner + 4 * count * number, _GROUP] = part[..., inner]
    return made


def multiply(call: Call) -> tuple[Array, ...]:
    """``mma.sync`` of 16 rows and 8 columns."""
    warps = call.active.warps("mma.sync")
    element = call.found[1]
    words = [bits(call.own(number)) for number in range(6)]
    product = _left(words[:4], element) @ _right(words[4:], element)
    made = []
    for number in range(4):
        old = call.own(6 + number).reshape(len(warps), WARP)
        place = product[:, _GROUP + 8 * (number // 2), _IN_GROUP * 2 + number % 2]
        made.append(call.spread((place + old).astype(old.dtype).reshape(-1)))
    return tuple(made)


# -- warpgroups -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Descriptor:
    """A matrix in shared memory with the 128-byte swizzle: where it starts, and two distances."""

    start: int
    across: int
    down: int

    @staticmethod
    def of(number: int) -> Descriptor:
        """From its bits.

        Raises:
            ExecutionError: it asks for another layout.
        """
        if (number >> 62) & 3 != 1:
            raise ExecutionError("a matrix descriptor without the 128-byte swizzle is not emulated")
        return Descriptor((number & 0x3FFF) << 4, (number >> 16 & 0x3FFF) << 4, (number >> 32 & 0x3FFF) << 4)

    def places(self, rows: int, depth: int, size: int, *, by_depth: bool) -> Array:
        """Addresses of a matrix of ``rows`` by ``depth`` elements; ``by_depth`` where rows are contiguous."""
        row, deep = np.arange(rows)[:, None], np.arange(depth)[None]
        if by_depth:
            inside = row // 64 * self.across + deep // 8 * self.down + deep % 8 * 128 + row % 64 * size
        else:
            inside = row // 8 * self.down + row % 8 * 128 + deep * size
        return np.asarray(swizzled(self.start + inside))


@dataclass(frozen=True)
class Wgmma:
    """A product of a warpgroup: 64 rows by ``columns``, ``depth`` deep.

    Attributes:
        fresh: whether sums begin anew.
        left_by_depth, right_by_depth: whether rows of the left matrix, columns of the right one, are contiguous.
    """

    element: str
    columns: int
    depth: int
    fresh: bool
    left_by_depth: bool
    right_by_depth: bool

    def run(self, unit: Unit, active: Active, sums: list[Any], left: Any, right: Any) -> tuple[Array, ...]:
        """The sums after it; ``left`` is a descriptor or a list of words.

        Raises:
            ExecutionError: not a whole warpgroup comes to it.
        """
        if unit.count != WARPGROUP or not active.every:
            raise ExecutionError("'wgmma' is for a whole warpgroup, and some of its threads do not come to it")
        if isinstance(left, list):
            rows = _left([bits(each(word, unit.count)) for word in left], self.element).reshape(64, self.depth)
        else:
            rows = self._matrix(unit, active, left, 64, by_depth=self.left_by_depth)
        product = rows @ self._matrix(unit, active, right, self.columns, by_depth=self.right_by_depth).T
        thread = np.arange(WARPGROUP)
        row, column = 16 * (thread // WARP) + thread % WARP // 4, thread % 4 * 2
        made = []
        for number in range(self.columns // 2):
            part = product[row + 8 * (number // 2 % 2), column + 8 * (number // 4) + number % 2]
            dtype = np.int32 if self.element == "s8" else np.float32
            made.append((part if self.fresh else part + each(sums[number], unit.count)).astype(dtype))
        return tuple(made)

    def _matrix(self, unit: Unit, active: Active, descriptor: Any, rows: int, *, by_depth: bool) -> Array:
        size = np.dtype(_ELEMENTS[self.element]).itemsize
        found = Descriptor.of(one(descriptor, active, "wgmma") & (1 << 64) - 1)
        places = found.places(rows, self.depth, size, by_depth=by_depth)
        unit.products[-1].append((int(places.min()), int(places.max()) + size))
        content = unit.block.shared.read(places.reshape(-1), size)
        return _numbers(content, self.element).reshape(rows, self.depth)


def multiply_by_text(call: Call) -> tuple[Array, ...]:
    """``wgmma.mma_async`` given as text."""
    adds, columns, depth, element = int(call.found[1]), int(call.found[2]), int(call.found[3]), call.found[4]
    count, flags = columns // 2, call.found[5].split(", ")
    operands = call.operands[count:]
    left = operands[0] if len(operands) == 2 else list(operands[:-1])
    by_depth = [flag == "1" for flag in flags]
    product = Wgmma(element, columns, depth, not adds, len(flags) == 2 and by_depth[0], by_depth[-1])
    return product.run(call.unit, call.active, call.operands[:count], left, operands[-1])


def make_wgmma(op: ir.Operation, builder: Builder) -> Step:
    """``nvvm.wgmma.mma_async``."""
    shape = re.search(r"n = (\d+), k = (\d+)", str(op.attributes["shape"]))
    assert shape is not None
    element, scale, left_layout, right_layout = (
        _word(op.attributes[name]) for name in ("typeA", "scaleD", "layoutA", "layoutB")
    )
    product = Wgmma(element, int(shape[1]), int(shape[2]), scale == "zero", left_layout == "col", right_layout == "row")
    sums, left, right = builder.slots(list(op.operands))
    result = builder.slot(op.results[0])

    def run(unit: Unit, active: Active) -> None:
        slots = unit.slots
        unit.slots[result] = product.run(unit, active, list(slots[sums]), slots[left], slots[right])

    return run


def _word(attribute: ir.Attribute) -> str:
    """The word in ``#nvvm.something<word>``."""
    found = re.search(r"<\s*(\w+)\s*>", str(attribute))
    assert found is not None
    return found[1]


def commit(call: Call) -> None:
    """``wgmma.commit_group``."""
    close_group(call.unit.products)


def wait(call: Call) -> Any:
    """``wgmma.wait_group``; registers that pass through are as they were."""
    _finish(call.unit, int(call.found[1]))
    return passed(call)


def passed(call: Call) -> Any:
    """Registers that an instruction orders, and does not change."""
    return tuple(call.operands) if len(call.kinds) > 1 else call.operands[0] if call.kinds else None


def _finish(unit: Unit, pending: int) -> None:
    while len(unit.products) - 1 > pending:
        unit.products.pop(0)


def make_commit(op: ir.Operation, builder: Builder) -> Step:
    """``nvvm.wgmma.commit.group``."""

    def run(unit: Unit, active: Active) -> None:
        close_group(unit.products)

    return run


def make_wait(op: ir.Operation, builder: Builder) -> Step:
    """``nvvm.wgmma.wait.group``."""
    pending = int(ir.IntegerAttr(op.attributes["group"]).value)

    def run(unit: Unit, active: Active) -> None:
        _finish(unit, pending)

    return run


def make_fence(op: ir.Operation, builder: Builder) -> Step:
    """``nvvm.wgmma.fence``: products here are done where they stand."""

    def run(unit: Unit, active: Active) -> None:
        return None

    return run


MAKERS: dict[str, Maker] = {
    "nvvm.wgmma.commit.group.sync.aligned": make_commit,
    "nvvm.wgmma.fence.aligned": make_fence,
    "nvvm.wgmma.mma_async": make_wgmma,
    "nvvm.wgmma.wait.group.sync.aligned": make_wait,
}
