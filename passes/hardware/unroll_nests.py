"""unroll-nests: several iterations of a nest's loops at once, so that as many multipliers work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.entry import functions
from stepwell.passes.hardware.loops.affine_index import trip
from stepwell.passes.hardware.loops.tools import (
    ASSOCIATIVE,
    LOAD,
    LOOP,
    accesses,
    axes_of,
    body_of,
    chain,
    induction,
    memory_of,
    place_of,
    top_loops,
    written_in,
)
from stepwell.passes.schedule import Unroll, UnrollAndJam, apply_schedule
from stepwell.support.errors import UsageError
from stepwell.support.walk import inside


@dataclass
class UnrollNests(Pass):
    """Unroll one loop that adds up and one that does not of every nest, and fuse the copies of the loops inside. Where
    none adds up, two others.

    A loop with others inside is left alone where the order of its iterations makes a difference. Of each kind it takes
    the loop whose iterations go to different banks of most memories, the innermost of these;
    the factor is the largest divisor of its iterations up to what is asked for.

    Attributes:
        factors: iterations at once of the loop that adds up, and of the other.
    """

    name: ClassVar[str] = "unroll-nests"
    summary: ClassVar[str] = "several iterations of loops at once: multipliers by inputs and by outputs"
    anchor: ClassVar[str] = "builtin.module"

    factors: tuple[int, ...] = (1, 1)

    def __post_init__(self) -> None:
        if len(self.factors) != 2 or min(self.factors) < 1:
            raise UsageError(
                "option 'factors' of pass 'unroll-nests' takes two positive numbers", hint="write factors=4,4"
            )

    def run(self, op: ir.Operation, context: PassContext) -> None:
        for function in functions(op):
            for nest, loops in [pair for loop in top_loops(function.operation) for pair in _chains(loop)]:
                parallel = [loop for loop in loops if _is_parallel(loop)]
                adding = [loop for loop in loops if loop not in parallel]
                other = _best(parallel, nest)
                chosen = [
                    (_best(adding or [loop for loop in parallel if loop != other], nest), self.factors[0]),
                    (other, self.factors[1]),
                ]
                for loop, wanted in [(loop, wanted) for loop, wanted in chosen if loop is not None]:
                    _, _, size = trip(loop) or (0, 1, 1)  # of a loop without constant bounds one at a time
                    factor = max(n for n in range(1, wanted + 1) if size % n == 0)
                    if factor > 1 and loop == loops[-1]:
                        apply_schedule(loop, [Unroll(factor)])
                    elif factor > 1 and _may_jam(loop):
                        apply_schedule(loop, [UnrollAndJam(factor)])


def _chains(loop: ir.Operation) -> list[tuple[ir.Operation, list[ir.Operation]]]:
    """The nests in ``loop`` with their loops: itself, or those in a body that has several."""
    loops = chain(loop)
    several = [op for op in body_of(loops[-1]) if op.name == LOOP]
    return [pair for op in several for pair in _chains(op)] if several else [(loop, loops)]


def _may_jam(loop: ir.Operation) -> bool:
    """Whether iterations of ``loop`` may run side by side through the loops inside: they hand nothing on to each other,
    and all that is written, they write to elements of their own, or they add to elements in any order."""
    fixed = all(trip(op) is not None for op in inside(loop) if op.name == LOOP)
    return (
        fixed
        and not loop.results
        and all(_has_own_elements(memory, loop) or _is_added_to(memory, loop) for memory in written_in([loop]))
    )


def _has_own_elements(memory: ir.Value, loop: ir.Operation) -> bool:
    """Whether all accesses have one index in some dimension: with the loop's variable, without those of inner loops."""
    variable = induction(loop)
    inner = {induction(op) for op in inside(loop) if op.name == LOOP}
    places = [place_of(access) for access in accesses(loop) if memory_of(access) == memory]
    for d in range(ir.MemRefType(memory.type).rank):
        terms = {place[d] if place is not None else None for place in places}
        term = terms.pop()
        values = {value for value, _ in term[0]} if term is not None and not terms else set()
        if variable in values and not values & inner:
            return True
    return False


def _is_added_to(memory: ir.Value, loop: ir.Operation) -> bool:
    """Whether all that happens is that an element is read, something associative done, and the result stored there."""
    found = [access for access in accesses(loop) if memory_of(access) == memory]
    if len(found) != 2 or found[0].name != LOAD or place_of(found[0]) is None:
        return False
    load, store = found
    if place_of(load) != place_of(store):
        return False
    value = store.operands[0]
    maker = value.owner.operation if isinstance(value, ir.OpResult) else None
    reads_once = len(list(load.results[0].uses)) == 1 and len(list(value.uses)) == 1
    return maker is not None and maker.name in ASSOCIATIVE and load.results[0] in maker.operands and reads_once


def _is_parallel(loop: ir.Operation) -> bool:
    """Whether its iterations hand nothing on and write to different elements, side by side."""
    return not loop.results and all(_has_own_elements(memory, loop) for memory in written_in([loop]))


def _best(loops: list[ir.Operation], nest: ir.Operation) -> ir.Operation | None:
    """The loop with the fewest accesses in which it is only a part of an index, the innermost of these."""

    def mixed(loop: ir.Operation) -> int:
        return sum(not axes_of(access, induction(loop))[1] for access in accesses(nest))

    return min(reversed(loops), key=mixed, default=None)
