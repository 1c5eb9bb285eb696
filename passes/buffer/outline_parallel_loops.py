"""outline-parallel-loops: every parallel loop becomes a call of the runtime's stepwell_parallel_for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, func, llvm, scf

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.argument_record import load_record, memory_type, store_record
from stepwell.passes.buffer.outlining import Captures, captures, replace_uses
from stepwell.passes.buffer.parallel import body_operations, bounds
from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location
from stepwell.support.walk import named

RUN = "stepwell_parallel_for"


@dataclass
class OutlineParallelLoops(Pass):
    """Turn each ``scf.parallel`` into a function for one iteration, and a call that runs it on the runtime's threads.

    Three private functions stand for a loop: ``X`` takes what the loop uses from above, puts it into a record on its
    stack and calls ``stepwell_parallel_for(0, n, 1, X_chunk, record)``; ``X_chunk`` runs a range of iterations;
    ``X_block`` is one iteration, never inlined, so that its code is the same whatever range it is part of. Loops
    that differ in the offsets of their views alone share the three.
    """

    name: ClassVar[str] = "outline-parallel-loops"
    summary: ClassVar[str] = "turn parallel loops into calls of the runtime's thread pool"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        known: dict[str, str] = {}
        count = 0
        for function in [child.operation for child in op.regions[0].blocks[0].operations]:
            if function.name != "func.func":
                continue
            name = ir.StringAttr(function.attributes["sym_name"]).value
            for number, loop in enumerate(named(function, "scf.parallel")):  # inner loops first
                _outline(loop, function, f"{name}_parallel_{number}", known)
                count += 1
        if count:
            with op.context, ir.Location.unknown(), ir.InsertionPoint.at_block_begin(op.regions[0].blocks[0]):
                i64, pointer = _i64(), llvm.PointerType.get()
                func.FuncOp(RUN, ([i64, i64, i64, pointer, pointer], []), visibility="private")
        context.note(self.name, loops=count, functions=len(known))


def _outline(loop: ir.Operation, function: ir.Operation, name: str, known: dict[str, str]) -> None:
    used = captures(loop)
    _check(used, loop)
    with ir.InsertionPoint(loop), loop.location:
        call = func.CallOp([], name, used.arguments)
    with ir.InsertionPoint(function), loop.location:
        launch = _function(name, used, [], lambda values: _launch(used, loop, name, values))
        _chunk_function(f"{name}_chunk", f"{name}_block", used)
        block = _function(f"{name}_block", used, [ir.IndexType.get()], lambda values: _block(used, loop, values))
    loop.erase()
    text = block.operation.get_asm(assume_verified=True, use_local_scope=True).replace(f"@{name}_block(", "@(", 1)
    first = known.setdefault(text, name)
    if first != name:
        call.operation.attributes["callee"] = ir.FlatSymbolRefAttr.get(first, function.context)
        _erase_three(launch.operation)


def _check(used: Captures, loop: ir.Operation) -> None:
    for value in used.arguments:
        if memory_type(value.type) is None:
            raise PassError(
                f"a parallel loop uses a value of type {value.type}, which can't be handed to another thread",
                where=describe_location(loop.location),
                hint="compute it inside of the loop, or pass it through memory",
            )


def _function(
    name: str, used: Captures, before: Sequence[ir.Type], fill: Callable[[list[ir.Value]], None]
) -> func.FuncOp:
    kinds = [*before, *(value.type for value in used.arguments)]
    made = func.FuncOp(name, (kinds, []), visibility="private")
    made.attributes["llvm.no_inline"] = ir.UnitAttr.get()
    with ir.InsertionPoint(made.add_entry_block()):
        fill(list(made.arguments))
        func.ReturnOp([])
    return made


def _launch(used: Captures, loop: ir.Operation, name: str, values: list[ir.Value]) -> None:
    inside = used.rebuild(values)
    total = _index(1)
    for count in _counts(loop, inside):
        total = arith.muli(total, count)
    record = store_record(values)
    kind = ir.FunctionType.get([_i64(), _i64(), llvm.PointerType.get()], [])
    body = func.ConstantOp(kind, ir.FlatSymbolRefAttr.get(f"{name}_chunk")).result
    pointer = ir.Operation.create(
        "builtin.unrealized_conversion_cast", results=[llvm.PointerType.get()], operands=[body]
    ).result
    first, one = (arith.constant(_i64(), value) for value in (0, 1))
    func.CallOp([], RUN, [first, arith.index_cast(_i64(), total), one, pointer, record])


def _chunk_function(name: str, block: str, used: Captures) -> None:
    made = func.FuncOp(name, ([_i64(), _i64(), llvm.PointerType.get()], []), visibility="private")
    with ir.InsertionPoint(made.add_entry_block()):
        low, high, record = made.arguments
        index = ir.IndexType.get()
        values = load_record(record, [value.type for value in used.arguments])
        loop = scf.ForOp(arith.index_cast(index, low), arith.index_cast(index, high), _index(1))
        with ir.InsertionPoint(loop.body):
            func.CallOp([], block, [loop.induction_variable, *values])
            scf.YieldOp([])
        func.ReturnOp([])


def _block(used: Captures, loop: ir.Operation, values: list[ir.Value]) -> None:
    """The body of ``loop``, moved here; the first of ``values`` is the number of the iteration."""
    number, *passed = values
    inside = used.rebuild(passed)
    counts = _counts(loop, inside)
    lowers, _, steps = bounds(loop)
    places: list[ir.Value] = []
    for count in reversed(counts[1:]):
        places.insert(0, arith.remui(number, count))
        number = arith.divui(number, count)
    places.insert(0, number)
    for argument, place, lower, step in zip(loop.regions[0].blocks[0].arguments, places, lowers, steps, strict=True):
        argument.replace_all_uses_with(arith.addi(inside[lower], arith.muli(place, inside[step])))
    end = func.ReturnOp([]).operation
    for op in body_operations(loop):
        op.move_before(end)
    replace_uses((use for use in used.uses if use[0] != loop), inside)
    end.erase()


def _counts(loop: ir.Operation, inside: dict[ir.Value, ir.Value]) -> list[ir.Value]:
    """The number of iterations of each dimension."""
    zero = _index(0)
    return [
        arith.ceildivui(arith.maxsi(arith.subi(inside[upper], inside[lower]), zero), inside[step])
        for lower, upper, step in zip(*bounds(loop), strict=True)
    ]


def _erase_three(launch: ir.Operation) -> None:
    """Erase a function and the two that follow it."""
    following = [op.operation for op in launch.block.operations]
    start = following.index(launch)
    for op in following[start : start + 3]:
        op.erase()


def _index(value: int) -> ir.Value:
    return arith.constant(ir.IndexType.get(), value)


def _i64() -> ir.Type:
    return ir.IntegerType.get_signless(64)
