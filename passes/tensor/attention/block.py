"""The operations of a cone for one block of rows: the same bodies on the part of each operand that the block needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg

from stepwell.passes.tensor.attention.cone import (
    RESHAPES,
    Cone,
    fill_of,
    maps_of,
    operand_labels,
    uses_old_value,
)
from stepwell.passes.tensor.attention.labels import KEYS, ROWS, Index, Joined, Kept, Label, Labels, Loop, Part, is_kept
from stepwell.passes.tensor.attention.sources import Sources
from stepwell.passes.tensor.build import Size, empty, extract_slice, index, inline_body, size_of
from stepwell.passes.tensor.structured import input_count

#: Changes an argument at the head of the copy of a body.
Change = Callable[[ir.Value], ir.Value]


class Block:
    """Builds what a block needs at the insertion point, each value once.

    Args:
        cone: what to build from.
        sources: where its operands are read.
        at: indices of the loops around the block.
        first, count: the first of its rows, and how many there are.
        keys: how many keys they see, None for all.
        key: the first of these keys.
    """

    def __init__(
        self,
        cone: Cone,
        sources: Sources,
        at: Sequence[Size],
        first: Size,
        count: Size,
        keys: Size | None,
        key: Size = 0,
    ) -> None:
        self.cone = cone
        self._sources = sources
        self._at = at
        self._first = first
        self._count = count
        self._keys = keys
        self._key = key
        self._values: dict[ir.Value, ir.Value] = {}

    @property
    def rows(self) -> Size:
        """How many rows it has."""
        return self._count

    def among(self, key: Size, keys: Size) -> Block:
        """The same rows with ``keys`` keys from ``key`` on; what stands here is taken from here."""
        block = Block(self.cone, self._sources, self._at, self._first, self._count, keys, key)
        block._values = dict(self._values)
        return block

    def value(self, value: ir.Value) -> ir.Value:
        """The part that the block needs of a value of the cone, without the axes at a single index."""
        if value not in self._values:
            op = value.owner.operation
            self._values[value] = self.value(op.operands[0]) if op.name in RESHAPES else self.build(op)
        return self._values[value]

    def set(self, value: ir.Value, part: ir.Value) -> None:
        """Take ``part`` for what the block needs of ``value``."""
        self._values[value] = part

    def build(
        self,
        op: ir.Operation,
        instead: Mapping[int, ir.Value] = {},
        change: Mapping[int, Change] = {},
        into: ir.Value | None = None,
        onto: ir.Value | None = None,
    ) -> ir.Value:
        """``op`` for the block.

        Args:
            op: the operation.
            instead: parts to use for some of its inputs.
            change: what to do to arguments of its body.
            into: where the result goes; a new tensor without.
            onto: the result to go on from, for a reduction.
        """
        inputs = list(op.operands)[: input_count(op)]
        dims, maps = self.cone.dims(op), maps_of(op)
        kept = [dim for dim, label in enumerate(dims) if is_kept(label)]
        made_maps = [_kept_map(v, m, dims, kept) for v, m in zip([*inputs, op.results[0]], maps, strict=True)]
        changes, parts = dict(change), []
        for number, value in enumerate(inputs):
            source = self._sources.get((op.results[0], number))
            if source is None:
                parts.append(instead[number] if number in instead else self.value(value))
                continue
            parts.append(self._slice(source.value, source.labels))
            results = list(made_maps[number].results)
            made_maps[number] = ir.AffineMap.get(len(kept), 0, [results[axis] for axis in source.order])
            if source.bits:
                changes[number] = _bit
        with op.location:
            out = onto or into or self._place(op, parts, made_maps, [dims[dim] for dim in kept])
            start = fill_of(op.operands[len(inputs)]) if uses_old_value(op) and onto is None else None
            out = linalg.fill(start, outs=[out]) if start is not None else out
            made = generic(parts, out, made_maps, [_kind(maps[-1], dim) for dim in kept])
            block = made.regions[0].blocks.append(*elements([*parts, out]), arg_locs=[op.location] * (len(parts) + 1))
            with ir.InsertionPoint(block):
                self._copy_body(op, block, dims, kept, changes)
        return made.results[0]

    def _place(
        self, op: ir.Operation, parts: list[ir.Value], maps: list[ir.AffineMap], labels: list[Label]
    ) -> ir.Value:
        """Where the result goes: an input that nothing else needs element by element, or a new tensor."""
        old = op.operands[len(parts)]
        element = ir.RankedTensorType(old.type).element_type
        if not uses_old_value(op):
            for number, (part, map_) in enumerate(zip(parts, maps, strict=False)):
                same = map_ == maps[-1] and ir.RankedTensorType(part.type).element_type == element
                if same and self.cone.holds(op.operands[number]):
                    return part
        axes = [axis for axis, label in enumerate(self.cone.labels[op.results[0]]) if is_kept(label)]
        dims = [ir.AffineDimExpr(result).position for result in maps[-1].results]
        sizes = [
            self._extent(labels[dim]) or _extent(dim, parts, maps) or size_of(old, axis)
            for dim, axis in zip(dims, axes, strict=True)
        ]
        return empty(sizes, element)

    def _extent(self, label: Label) -> Size | None:
        return self._count if label == ROWS else self._keys if label == KEYS else None

    def _slice(self, value: ir.Value, labels: Labels) -> ir.Value:
        if all(label is None or (label == KEYS and self._keys is None) for label in labels):
            return value
        offsets, sizes = self.place(value, labels)
        return extract_slice(value, offsets, sizes, [axis for axis, label in enumerate(labels) if is_kept(label)])

    def place(self, value: ir.Value, labels: Labels) -> tuple[list[Size], list[Size]]:
        """Offsets and sizes of the part of ``value`` that ``labels`` stand for."""
        offsets: list[Size] = []
        sizes: list[Size] = []
        for axis, label in enumerate(labels):
            if label == KEYS and self._keys is not None:
                offsets.append(self._key)
                sizes.append(self._keys)
            elif label is None or label == KEYS:
                offsets.append(0)
                sizes.append(size_of(value, axis))
            elif label == ROWS:
                offsets.append(self._first)
                sizes.append(self._count)
            else:
                assert not isinstance(label, Kept)
                offsets.append(self.index(label))
                sizes.append(1)
        return offsets, sizes

    def index(self, label: Index) -> Size:
        """The index that ``label`` stands for in this block."""
        if isinstance(label, Loop):
            return self._at[label.number]
        if isinstance(label, Joined):
            outer = arith.muli(index(self.index(label.outer)), index(label.size))
            return arith.addi(outer, index(self.index(label.inner)))
        if isinstance(label, Part):
            part = arith.divui(index(self.index(label.of)), index(label.divisor))
            return part if label.modulus is None else arith.remui(part, index(label.modulus))
        return 0

    def _copy_body(
        self, op: ir.Operation, block: ir.Block, dims: Labels, kept: list[int], change: Mapping[int, Change]
    ) -> None:
        arguments = [
            change[position](argument) if position in change else argument
            for position, argument in enumerate(block.arguments)
        ]

        def loop_index(dim: int) -> ir.Value:
            return self._loop_index(dims[dim], kept.index(dim) if dim in kept else 0)

        linalg.YieldOp(inline_body(op.regions[0].blocks[0], arguments, loop_index))

    def _loop_index(self, label: Label, position: int) -> ir.Value:
        if label is None or label in (KEYS, ROWS):
            first = self._first if label == ROWS else self._key if label == KEYS else 0
            number: ir.Value = linalg.IndexOp(position).result
            return number if first == 0 else arith.addi(number, index(first))
        assert not isinstance(label, Kept)
        return index(self.index(label))


def _bit(byte: ir.Value) -> ir.Value:
    return arith.cmpi(arith.CmpIPredicate.ne, byte, arith.constant(byte.type, 0))


def _kept_map(value: ir.Value, indexing: ir.AffineMap, dims: Labels, kept: list[int]) -> ir.AffineMap:
    labels = operand_labels(value, indexing, dims)
    results = [result for result, label in zip(indexing.results, labels, strict=True) if is_kept(label)]
    positions = [kept.index(ir.AffineDimExpr(result).position) for result in results]
    return ir.AffineMap.get(len(kept), 0, [ir.AffineDimExpr.get(position) for position in positions])


def _kind(out: ir.AffineMap, dim: int) -> str:
    return "parallel" if ir.AffineDimExpr.get(dim) in list(out.results) else "reduction"


def _extent(dim: int, parts: list[ir.Value], maps: list[ir.AffineMap]) -> Size | None:
    """The size of a loop, static if that of any operand is; None where no operand knows."""
    places = [
        (part, axis)
        for part, map_ in zip(parts, maps, strict=False)
        for axis, result in enumerate(map_.results)
        if ir.AffineDimExpr(result).position == dim
    ]
    static = [place for place in places if not ir.RankedTensorType(place[0].type).is_dynamic_dim(place[1])]
    return size_of(*(static or places)[0]) if places else None


def elements(values: Sequence[ir.Value]) -> list[ir.Type]:
    """The element type of each value."""
    return [ir.RankedTensorType(value.type).element_type for value in values]


def generic(
    parts: Sequence[ir.Value], out: ir.Value, maps: Sequence[ir.AffineMap], kinds: Sequence[str]
) -> linalg.GenericOp:
    """A ``linalg.generic`` without its body."""
    return linalg.GenericOp(
        [out.type],
        list(parts),
        [out],
        ir.ArrayAttr.get([ir.AffineMapAttr.get(map_) for map_ in maps]),
        ir.ArrayAttr.get([ir.Attribute.parse(f"#linalg.iterator_type<{kind}>") for kind in kinds]),
    )
