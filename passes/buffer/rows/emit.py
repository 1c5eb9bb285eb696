"""Vector code for elementwise operations and reductions along a contiguous dimension."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, vector

from stepwell.passes.buffer.liveness import in_parallel
from stepwell.passes.buffer.rows.body import Body, load_vector
from stepwell.passes.buffer.rows.combiners import KINDS, by_pairs, neutral
from stepwell.passes.buffer.rows.loops import constant, loop, nested, parallel
from stepwell.passes.buffer.rows.operation import Access, RowOp
from stepwell.passes.schedules.rows import RowsSchedule

#: A reduction of everything is cut into at most so many parts, each a multiple of so many elements.
_MOST_PARTS, _PART = 64, 16384


#: Joins terms with the values that a reduction carries.
Join = Callable[[list[ir.Value], list[ir.Value]], list[ir.Value]]


class RowEmitter:
    """Emits ``row`` in front of its operation; ``inner`` is the dimension that vectors run along."""

    def __init__(self, row: RowOp, inner: int, schedule: RowsSchedule) -> None:
        self.row = row
        self.inner = inner
        self.lanes = schedule.vector
        self.unroll = schedule.unroll
        self.piece = schedule.block
        self.block = row.op.regions[0].blocks[0]
        self.sizes = [self._size(dim) for dim in range(len(row.sizes))]

    def elementwise(self) -> None:
        """Without a reduction."""
        outer = [dim for dim in self.row.parallel if dim != self.inner]

        def line(indices: list[ir.Value]) -> None:
            at = dict(zip(outer, indices, strict=True))
            self._line(at, constant(0), self.sizes[self.inner])

        if outer or in_parallel(self.row.op):
            self._around([self.sizes[dim] for dim in outer], line)
            return
        total = self.sizes[self.inner]

        def piece(indices: list[ir.Value]) -> None:
            end = arith.minsi(arith.addi(indices[0], constant(self.piece)), total)
            self._line({}, indices[0], end)

        parallel([total], piece, [self.piece])

    def reduce_along(self, combiner: ir.Operation) -> None:
        """A reduction along ``inner`` (and before it along the other reduced dimensions)."""
        (out,) = self.row.outputs
        outer = self.row.parallel
        others = sorted(self.row.reduced - {self.inner})
        size = self.row.sizes[self.inner]
        if not outer and not others and not in_parallel(self.row.op) and (size is None or size > _PART):
            self._reduce_parts(combiner)
            return

        def result(indices: list[ir.Value]) -> None:
            at = dict(zip(outer, indices, strict=True))
            whole = (constant(0), self.sizes[self.inner])
            self._add_to(out, at, self._total(others, at, combiner, whole), combiner)

        self._around([self.sizes[dim] for dim in outer], result)

    def _reduce_parts(self, combiner: ir.Operation) -> None:
        """One result of everything: parts whose number depends on the size alone, in parallel, and then their sum."""
        (out,) = self.row.outputs
        total = self.sizes[self.inner]
        share = arith.ceildivui(total, constant(_MOST_PARTS))
        share = arith.muli(arith.ceildivui(share, constant(_PART)), constant(_PART))
        count = arith.ceildivui(total, arith.maxui(share, constant(_PART)))
        parts = memref.alloca(ir.MemRefType.get([_MOST_PARTS], out.type.element_type), [], [])

        def part(indices: list[ir.Value]) -> None:
            start = arith.muli(indices[0], share)
            span = (start, arith.minui(arith.addi(start, share), total))
            memref.store(self._total([], {}, combiner, span), parts, indices)

        def join(index: ir.Value, _: list[ir.Value]) -> list[ir.Value]:
            self._add_to(out, {}, memref.load(parts, [index]), combiner)
            return []

        parallel([count], part)
        loop(constant(0), count, 1, [], join)

    def _add_to(self, out: Access, at: dict[int, ir.Value], value: ir.Value, combiner: ir.Operation) -> None:
        place = self._indices(out, at)
        memref.store(self._combine(combiner, memref.load(out.value, place), value), out.value, place)

    def _total(
        self, others: list[int], at: dict[int, ir.Value], combiner: ir.Operation, span: tuple[ir.Value, ir.Value]
    ) -> ir.Value:
        """The reduction of all that ``others`` and ``span`` along ``inner`` hold."""
        kind = ir.VectorType.get([self.lanes], self.row.outputs[0].type.element_type)
        start = self._splat(kind, neutral(combiner.name, kind.element_type))

        def join(values: list[ir.Value], sums: list[ir.Value]) -> list[ir.Value]:
            return [self._combine(combiner, sum_, value) for value, sum_ in zip(values, sums, strict=True)]

        sums = self._reduce(others, at, combiner, span, [start] * self.unroll, join)
        joined = by_pairs(sums, lambda left, right: self._combine(combiner, left, right))
        return vector.reduction(kind.element_type, ir.Attribute.parse(f"#vector.kind<{KINDS[combiner.name]}>"), joined)

    def reduce_across(self, combiner: ir.Operation) -> None:
        """A reduction of whole vectors: ``inner`` is parallel, each vector's sums stay in a register."""
        (out,) = self.row.outputs
        outer = [dim for dim in self.row.parallel if dim != self.inner]
        reduced = sorted(self.row.reduced)

        def strip(at: dict[int, ir.Value], mask: ir.Value | None, width: int) -> None:
            starts = [self._load(out, self._moved(at, part), mask) for part in range(width)]

            def steps(dims: list[int], at: dict[int, ir.Value], values: list[ir.Value]) -> list[ir.Value]:
                if dims:
                    return loop(
                        constant(0),
                        self.sizes[dims[0]],
                        1,
                        values,
                        lambda index, carried: steps(dims[1:], {**at, dims[0]: index}, carried),
                    )
                body = self._body(at, combiner)
                term = self._term(combiner)
                return [
                    self._combine(combiner, values[part], self._values(body, self._moved(at, part), mask, [term])[0])
                    for part in range(width)
                ]

            for part, value in enumerate(steps(reduced, at, starts)):
                self._store(value, out, self._moved(at, part), mask)

        def line(indices: list[ir.Value]) -> None:
            at = dict(zip(outer, indices, strict=True))
            self._strips(constant(0), self.sizes[self.inner], at, strip)

        if outer or in_parallel(self.row.op):
            self._around([self.sizes[dim] for dim in outer], line)
            return
        width = self.lanes * self.unroll
        total = self.sizes[self.inner]

        def piece(indices: list[ir.Value]) -> None:
            self._strips(indices[0], arith.minsi(arith.addi(indices[0], constant(width)), total), {}, strip)

        parallel([total], piece, [width])

    def _strips(
        self,
        start: ir.Value,
        end: ir.Value,
        at: dict[int, ir.Value],
        strip: Callable[[dict[int, ir.Value], ir.Value | None, int], None],
    ) -> None:
        for width in dict.fromkeys((self.unroll, 1)):
            step = self.lanes * width
            stop = _whole(start, end, step)

            def main(index: ir.Value, _: list[ir.Value], width: int = width) -> list[ir.Value]:
                strip({**at, self.inner: index}, None, width)
                return []

            loop(start, stop, step, [], main)
            start = stop

        def tail(index: ir.Value, _: list[ir.Value]) -> list[ir.Value]:
            strip({**at, self.inner: index}, self._mask(index, end), 1)
            return []

        loop(start, end, self.lanes, [], tail)

    def _line(self, at: dict[int, ir.Value], start: ir.Value, end: ir.Value) -> None:
        body = self._body(at)
        yielded = list(body.terminator.operands)

        def strip(here: dict[int, ir.Value], mask: ir.Value | None, width: int) -> None:
            for part in range(width):
                place = self._moved(here, part)
                values = self._values(body, place, mask, yielded)
                for out, value in zip(self.row.outputs, values, strict=True):
                    self._store(value, out, place, mask)

        self._strips(start, end, at, strip)

    def _reduce(
        self,
        dims: Sequence[int],
        at: dict[int, ir.Value],
        combiner: ir.Operation,
        span: tuple[ir.Value, ir.Value],
        carried: list[ir.Value],
        join: Join,
        single: Sequence[int] = (0,),
    ) -> list[ir.Value]:
        """``carried`` with ``unroll`` vectors of terms joined at a time, and then one, to the values at ``single``."""
        if dims:

            def outer(index: ir.Value, carried: list[ir.Value]) -> list[ir.Value]:
                return self._reduce(dims[1:], {**at, dims[0]: index}, combiner, span, carried, join, single)

            return loop(constant(0), self.sizes[dims[0]], 1, carried, outer)
        body, term = self._body(at, combiner), self._term(combiner)

        def value(index: ir.Value, part: int, mask: ir.Value | None = None) -> ir.Value:
            (new,) = self._values(body, self._moved({**at, self.inner: index}, part), mask, [term])
            if mask is None:
                return new
            return arith.select(mask, new, self._splat(new.type, neutral(combiner.name, new.type.element_type)))

        start, end = span
        step, parts = self.lanes * self.unroll, range(self.unroll)
        stop, last = _whole(start, end, step), _whole(start, end, self.lanes)
        carried = loop(start, stop, step, carried, lambda i, c: join([value(i, part) for part in parts], c))
        first = [carried[position] for position in single]
        first = loop(stop, last, self.lanes, first, lambda i, c: join([value(i, 0)], c))
        first = loop(last, end, self.lanes, first, lambda i, c: join([value(i, 0, self._mask(i, end))], c))
        return [first[single.index(n)] if n in single else old for n, old in enumerate(carried)]

    def _body(self, at: dict[int, ir.Value], *skip: ir.Operation) -> Body:
        """The body without ``skip``, with what does not depend on ``inner`` computed here."""
        body = Body(self.block, self.lanes, self.inner, skip)
        scalars = {}
        for position, access in enumerate(self.row.accesses):
            if self.inner not in access.dims and self._is_read(position):
                scalars[position] = memref.load(access.value, self._indices(access, at))
        body.fix(scalars, at)
        return body

    def _values(
        self, body: Body, at: dict[int, ir.Value], mask: ir.Value | None, wanted: list[ir.Value]
    ) -> list[ir.Value]:
        vectors = {
            position: self._load(access, at, mask)
            for position, access in enumerate(self.row.accesses)
            if self.inner in access.dims and self._is_read(position)
        }
        return body.emit(vectors, wanted, at[self.inner], mask)

    def _is_read(self, position: int) -> bool:
        reduction = position >= len(self.row.inputs) and bool(self.row.reduced)
        return not reduction and any(True for _ in self.block.arguments[position].uses)

    def _term(self, combiner: ir.Operation) -> ir.Value:
        accumulator = self.block.arguments[len(self.row.inputs)]
        left, right = combiner.operands
        return right if left == accumulator else left

    def _combine(self, combiner: ir.Operation, left: ir.Value, right: ir.Value) -> ir.Value:
        attributes = {name: combiner.attributes[name] for name in combiner.attributes}
        return ir.Operation.create(combiner.name, [left.type], [left, right], attributes).results[0]

    def _around(self, uppers: list[ir.Value], body: Callable[[list[ir.Value]], None]) -> None:
        (nested if in_parallel(self.row.op) else parallel)(uppers, body)

    def _moved(self, at: dict[int, ir.Value], part: int) -> dict[int, ir.Value]:
        if part == 0:
            return at
        return {**at, self.inner: arith.addi(at[self.inner], constant(part * self.lanes))}

    def _mask(self, index: ir.Value, end: ir.Value) -> ir.Value:
        kind = ir.VectorType.get([self.lanes], ir.IntegerType.get_signless(1))
        return vector.create_mask(kind, [arith.subi(end, index)])

    def _splat(self, kind: ir.Type, element: ir.Attribute) -> ir.Value:
        return arith.constant(kind, ir.DenseElementsAttr.get_splat(kind, element))

    def _load(self, access: Access, at: dict[int, ir.Value], mask: ir.Value | None) -> ir.Value:
        kind = ir.VectorType.get([self.lanes], access.type.element_type)
        return load_vector(kind, access.value, self._indices(access, at), mask)

    def _store(self, value: ir.Value, access: Access, at: dict[int, ir.Value], mask: ir.Value | None) -> None:
        if mask is None:
            vector.store(value, access.value, self._indices(access, at))
        else:
            vector.maskedstore(access.value, self._indices(access, at), mask, value)

    def _indices(self, access: Access, at: dict[int, ir.Value]) -> list[ir.Value]:
        return [constant(0) if dim is None else at[dim] for dim in access.dims]

    def _size(self, dim: int) -> ir.Value:
        static = self.row.sizes[dim]
        if static is not None:
            return constant(static)
        for access in self.row.accesses:
            if dim in access.dims:
                return memref.dim(access.value, constant(access.dims.index(dim)))
        raise AssertionError("every dimension indexes an operand")


def _whole(start: ir.Value, end: ir.Value, step: int) -> ir.Value:
    """Where the last whole step from ``start`` on ends."""
    count = arith.divui(arith.subi(end, start), constant(step))
    return arith.addi(start, arith.muli(count, constant(step)))
