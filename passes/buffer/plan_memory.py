"""plan-memory: one arena for all buffers of static size."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, func, memref

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.entry import arguments, entries, new_argument, set_arguments
from stepwell.passes.buffer.liveness import LOOPS, PARALLEL, Liveness
from stepwell.passes.buffer.offsets import ALIGNMENT, Request, assign_offsets, peak_in_use
from stepwell.passes.buffer.types import element_bytes
from stepwell.passes.buffer.views import plain_type


@dataclass
class PlanMemory(Pass):
    """Place every buffer of static size in one arena, an argument of each entry, by when it is in use.

    Options:
        stack_limit: buffers inside loops up to this many bytes become stack allocations ahead of the loops.
        thread_limit: the same in a parallel loop, where each iteration has its own on its thread's stack.
        stack_total: the most bytes of stack that a function, or the iteration of a parallel loop, takes this way.

    Buffers that leave the function, a loop's iteration or a parallel region, and those of dynamic size, stay as
    they are; so do larger ones in parallel loops, for which the runtime's heap has a place for each thread.
    """

    name: ClassVar[str] = "plan-memory"
    summary: ClassVar[str] = "pack buffers of static size into one arena"
    anchor: ClassVar[str] = "builtin.module"

    stack_limit: int = 4096
    thread_limit: int = 16384
    stack_total: int = 65536

    def run(self, op: ir.Operation, context: PassContext) -> None:
        facts = {}
        for entry in entries(op):
            facts[entry.name.value] = self._plan(entry)
        context.note(self.name, **facts)

    def _plan(self, entry: func.FuncOp) -> dict[str, int]:
        liveness = Liveness(entry.operation)
        stack = 0
        on_stack: list[tuple[ir.Operation, ir.Block]] = []
        on_threads: Counter[ir.Block] = Counter()
        planned: list[tuple[ir.Operation, Request]] = []
        for alloc in liveness.operations("memref.alloc"):
            type_ = ir.MemRefType(alloc.results[0].type)
            size = _static_bytes(type_)
            interval = liveness.interval(alloc.results[0]) if size is not None else None
            if size is None or interval is None:
                continue
            around = list(liveness.enclosing(alloc))
            parallel = next((op for op in around if op.name in PARALLEL), None)
            if parallel is not None:
                body = parallel.regions[0].blocks[0]
                if size <= self.thread_limit and on_threads[body] + size <= self.stack_total:
                    on_threads[body] += size
                    on_stack.append((alloc, body))
                continue
            small = size <= self.stack_limit and stack + size <= self.stack_total
            if small and any(op.name in LOOPS for op in around):
                stack += size
                on_stack.append((alloc, entry.operation.regions[0].blocks[0]))
            else:
                planned.append((alloc, Request(size, interval, max(ALIGNMENT, _alignment(alloc)))))
        requests = [request for _, request in planned]
        offsets, peak = assign_offsets(requests)
        for alloc, block in on_stack:
            _to_stack(alloc, block)
        if planned:
            _to_arena(entry, [alloc for alloc, _ in planned], offsets, peak)
        return {
            "buffers": len(planned),
            "peak_bytes": peak,
            "sum_bytes": sum(request.size for request in requests),
            "least_bytes": peak_in_use(requests),
            "stack_bytes": stack,
        }


def _static_bytes(type_: ir.MemRefType) -> int | None:
    """Bytes of a buffer in plain memory with a static shape and the identity layout, else None."""
    if not type_.has_static_shape or type_.memory_space is not None or type_ != plain_type(type_):
        return None
    return int(prod(type_.shape)) * element_bytes(type_.element_type)


def _alignment(alloc: ir.Operation) -> int:
    return ir.IntegerAttr(alloc.attributes["alignment"]).value if "alignment" in alloc.attributes else 1


def _to_stack(alloc: ir.Operation, block: ir.Block) -> None:
    with ir.InsertionPoint.at_block_begin(block), alloc.location:
        made = memref.AllocaOp(alloc.results[0].type, [], [], alignment=max(ALIGNMENT, _alignment(alloc)))
    _replace(alloc, made.memref)


def _to_arena(entry: func.FuncOp, allocs: list[ir.Operation], offsets: list[int], peak: int) -> None:
    arena = new_argument("arena", ir.MemRefType.get([peak], ir.IntegerType.get_signless(8)))
    value = set_arguments(entry, [*arguments(entry), arena])[-1]
    for alloc, offset in zip(allocs, offsets, strict=True):
        with ir.InsertionPoint(alloc), alloc.location:
            start = arith.ConstantOp(ir.IndexType.get(), offset).result
            view = memref.ViewOp(alloc.results[0].type, value, start, [])
        _replace(alloc, view.result)


def _replace(alloc: ir.Operation, value: ir.Value) -> None:
    for use in list(alloc.results[0].uses):
        if use.owner.operation.name == "memref.dealloc":
            use.owner.operation.erase()
    alloc.results[0].replace_all_uses_with(value)
    alloc.erase()
