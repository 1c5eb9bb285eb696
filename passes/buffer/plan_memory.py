"""plan-memory: arenas for all buffers whose sizes are known when a call begins."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, func, memref

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.dynamic_arena import Wanted, declare, formula_text, place_slots, replace, share_slots
from stepwell.passes.buffer.entry import arguments, entries, new_argument, set_arguments
from stepwell.passes.buffer.entry_sizes import EntrySizes
from stepwell.passes.buffer.liveness import LOOPS, PARALLEL, Interval, Liveness
from stepwell.passes.buffer.offsets import ALIGNMENT, Request, assign_offsets, peak_in_use
from stepwell.passes.buffer.size_formula import Formula
from stepwell.passes.buffer.types import element_bytes
from stepwell.passes.buffer.views import plain_type


@dataclass
class PlanMemory(Pass):
    """Place every buffer of static size in one arena, an argument of each entry, by when it is in use.

    Options:
        stack_limit: buffers inside loops up to this many bytes become stack allocations ahead of the loops.
        thread_limit: the same in a parallel loop, where each iteration has its own on its thread's stack.
        stack_total: the most bytes of stack that a function, or the iteration of a parallel loop, takes this way.
        dynamic: buffers whose sizes follow from those of the entry's arguments get an arena too, which the entry asks
            its context for: ``@stepwell_arena(%context, bytes)``, the bytes and each offset a formula.

    Buffers that leave the function, a loop's iteration or a parallel region, and those whose size depends on data,
    stay as they are; so do larger ones in parallel loops, for which the runtime's heap has a place for each thread.
    """

    name: ClassVar[str] = "plan-memory"
    summary: ClassVar[str] = "pack buffers of known size into arenas"
    anchor: ClassVar[str] = "builtin.module"

    stack_limit: int = 4096
    thread_limit: int = 16384
    stack_total: int = 65536
    dynamic: bool = False

    def run(self, op: ir.Operation, context: PassContext) -> None:
        facts = {}
        for entry in entries(op):
            plan = _Plan(self, entry)
            plan.collect()
            if plan.dynamic:
                declare(op)
            facts[entry.name.value] = plan.apply()
        context.note(self.name, **facts)


class _Plan:
    """The buffers of one entry, sorted by where they go."""

    def __init__(self, options: PlanMemory, entry: func.FuncOp) -> None:
        self.options = options
        self.entry = entry
        self.liveness = Liveness(entry.operation)
        self.sizes = EntrySizes(entry.operation, [argument.name for argument in arguments(entry)])
        self.stack = 0
        self.on_stack: list[tuple[ir.Operation, ir.Block]] = []
        self.on_threads: Counter[ir.Block] = Counter()
        self.planned: list[tuple[ir.Operation, Request]] = []
        self.dynamic: list[Wanted] = []
        self.left: Counter[str] = Counter()  # on the heap

    def collect(self) -> None:
        for alloc in self.liveness.operations("memref.alloc"):
            type_ = ir.MemRefType(alloc.results[0].type)
            if type_.memory_space is not None or type_ != plain_type(type_):
                continue
            interval = self.liveness.interval(alloc.results[0])
            if interval is None:
                continue
            around = list(self.liveness.enclosing(alloc))
            parallel = next((op for op in around if op.name in PARALLEL), None)
            if not type_.has_static_shape:
                self._take_dynamic(alloc, type_, interval, parallel is not None)
                continue
            size = int(prod(type_.shape)) * element_bytes(type_.element_type)
            if parallel is not None:
                self._take_private(alloc, size, parallel.regions[0].blocks[0])
            elif any(op.name in LOOPS for op in around) and self._fits_on_stack(size):
                self.stack += size
                self.on_stack.append((alloc, self.entry.operation.regions[0].blocks[0]))
            else:
                self.planned.append((alloc, Request(size, interval, max(ALIGNMENT, _alignment(alloc)))))

    def apply(self) -> dict[str, Any]:
        """Put everything in its place; gives what is to be reported."""
        slots = share_slots(self.dynamic, len(self.sizes.names))
        if slots:  # first: the others take away the operation that marks the start
            mark = new_argument("context", _bytes())
            context = set_arguments(self.entry, [*arguments(self.entry), mark])[-1]
            place_slots(self.entry, slots, self.sizes, context)
        requests = [request for _, request in self.planned]
        offsets, peak = assign_offsets(requests)
        for alloc, block in self.on_stack:
            _to_stack(alloc, block)
        if self.planned:
            _to_arena(self.entry, [alloc for alloc, _ in self.planned], offsets, peak)
        facts: dict[str, Any] = {
            "buffers": len(self.planned),
            "peak_bytes": peak,
            "sum_bytes": sum(request.size for request in requests),
            "least_bytes": peak_in_use(requests),
            "stack_bytes": self.stack,
        }
        if slots:
            names = self.sizes.names
            facts |= {"dynamic_buffers": len(self.dynamic), "dynamic_bytes": formula_text(slots, names)}
        return {**facts, **self.left}

    def _take_private(self, alloc: ir.Operation, size: int, body: ir.Block) -> None:
        """A buffer of one iteration of a parallel loop, whose body is ``body``."""
        if size <= self.options.thread_limit and self.on_threads[body] + size <= self.options.stack_total:
            self.on_threads[body] += size
            self.on_stack.append((alloc, body))
        else:
            self.left["heap_in_parallel_loops"] += 1

    def _take_dynamic(self, alloc: ir.Operation, type_: ir.MemRefType, interval: Interval, private: bool) -> None:
        sizes = [self.sizes.formula(operand) for operand in alloc.operands]
        if private:
            self.left["heap_in_parallel_loops"] += 1
        elif any(size is None for size in sizes) or _alignment(alloc) > ALIGNMENT:
            self.left["heap_by_data"] += 1
        elif self.options.dynamic:
            fixed = [type_.shape[dim] for dim in range(type_.rank) if not type_.is_dynamic_dim(dim)]
            total = Formula.constant(int(prod(fixed)) * element_bytes(type_.element_type))
            for size in sizes:
                assert size is not None
                total *= size
            self.dynamic.append(Wanted(alloc, total, interval))

    def _fits_on_stack(self, size: int) -> bool:
        return size <= self.options.stack_limit and self.stack + size <= self.options.stack_total


def _bytes() -> ir.MemRefType:
    return ir.MemRefType.get([ir.ShapedType.get_dynamic_size()], ir.IntegerType.get_signless(8))


def _alignment(alloc: ir.Operation) -> int:
    return ir.IntegerAttr(alloc.attributes["alignment"]).value if "alignment" in alloc.attributes else 1


def _to_stack(alloc: ir.Operation, block: ir.Block) -> None:
    with ir.InsertionPoint.at_block_begin(block), alloc.location:
        made = memref.AllocaOp(alloc.results[0].type, [], [], alignment=max(ALIGNMENT, _alignment(alloc)))
    replace(alloc, made.memref)


def _to_arena(entry: func.FuncOp, allocs: list[ir.Operation], offsets: list[int], peak: int) -> None:
    arena = new_argument("arena", ir.MemRefType.get([peak], ir.IntegerType.get_signless(8)))
    value = set_arguments(entry, [*arguments(entry), arena])[-1]
    for alloc, offset in zip(allocs, offsets, strict=True):
        with ir.InsertionPoint(alloc), alloc.location:
            start = arith.ConstantOp(ir.IndexType.get(), offset).result
            view = memref.ViewOp(alloc.results[0].type, value, start, [])
        replace(alloc, view.result)
