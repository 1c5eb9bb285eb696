"""tile: loops over blocks of structured operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes import registry
from stepwell.passes.base import Pass, PassContext, make_pass
from stepwell.passes.pipeline import parse_element
from stepwell.passes.runner import run_element
from stepwell.passes.schedule import Tile as Step
from stepwell.passes.schedule import apply_schedule
from stepwell.passes.tensor.structured import Loop, crossed_dims, loops_of, structured_ops
from stepwell.support.errors import UsageError
from stepwell.support.walk import named

_LOOPS = ("for", "forall")


@dataclass
class Tile(Pass):
    """Split the iteration space of structured operations into blocks, at one or several levels.

    Options:
        sizes: a block size for each dimension, 0 for none: ``8,32``; levels from the outside in are separated by a
            slash: ``64,64,0/8,16,0``. Dimensions beyond the list are not tiled.
        interchange: the order of each level's loops as positions of dimensions: ``1,0,2/0,1,2``. Operations with
            another number of dimensions are left alone.
        loop: ``for`` or ``forall`` for each level: ``forall/for``; one alone is for the first level, ``for`` inside.
            A forall takes parallel dimensions only; sizes of others count as 0 in it. It has no order: the
            interchange of its level stays empty, as in ``/1,0``.
        ops: names of the operations to tile; none means all but ``linalg.fill`` and ``linalg.copy``.
        fuse: pull producers of an operation into its outermost loops.
        across: instead of ``sizes``, one block size for those dimensions of elementwise operations that run along
            memory in one operand and across it in another, as in a transpose; other operations are left alone.
        cache: ``across`` also leaves alone what these dimensions span if it has at most so many bytes.

    A dimension that a block covers whole gets no loop; one that blocks do not divide gets blocks bounded by a
    minimum.

    Of a ``stream.graph`` a block is what its components compute at once: rows, columns and depth of products.
    """

    name: ClassVar[str] = "tile"
    summary: ClassVar[str] = "loops over blocks of structured operations"

    sizes: str = ""
    interchange: str = ""
    loop: str = "for"
    ops: tuple[str, ...] = ()
    fuse: bool = False
    across: int = 0
    cache: int = 32768

    def __post_init__(self) -> None:
        levels = self._levels()
        if self.across and (levels or self.across < 0):
            raise UsageError("option 'across' of pass 'tile' takes a positive integer, and no 'sizes' beside it")

    def run(self, op: ir.Operation, context: PassContext) -> None:
        if named(op, "stream.graph"):
            self._components(op, context)
            return
        tiled, refused = 0, 0
        for target in structured_ops(op):
            steps = self._steps(target) if self._wants(target) else []
            if steps:
                failed = apply_schedule(target, steps) is not None
                tiled, refused = tiled + (not failed), refused + failed
        if tiled:
            for text in ("canonicalize", "cse"):
                run_element(parse_element(text), op, context)
        earlier = context.report.get(self.name, {})
        context.note(self.name, tiled=earlier.get("tiled", 0) + tiled, refused=earlier.get("refused", 0) + refused)

    def _components(self, op: ir.Operation, context: PassContext) -> None:
        """Components are the target's: the pass that knows them is asked for by its name."""
        if "/" in self.sizes or self != Tile(sizes=self.sizes):
            raise UsageError(
                "of hardware components, pass 'tile' takes one level of 'sizes' and nothing else",
                hint="write tile{sizes=1,2,4}: rows, columns and depth of what is computed at once",
            )
        make_pass(registry.lookup("balance"), {"tile": self.sizes}).run(op, context)

    def _wants(self, op: ir.Operation) -> bool:
        if not any(isinstance(result.type, ir.RankedTensorType) for result in op.results):
            return False
        return op.name in self.ops if self.ops else op.name not in ("linalg.fill", "linalg.copy")

    def _steps(self, op: ir.Operation) -> list[Step]:
        loops = loops_of(op)
        if not self.across:
            return _steps(loops, self._levels(), self.fuse)
        crossed = crossed_dims(op, self.cache)
        sizes = tuple(self.across if dim in crossed else 0 for dim in range(len(loops)))
        steps = _steps(loops, [_Level(sizes, (), self.loop == "forall")], self.fuse)
        # With one of them left there are few enough rows to be walked in any order.
        return steps if sum(size > 0 for step in steps for size in step.sizes) > 1 else []

    def _levels(self) -> list[_Level]:
        """The levels that the options ask for, from the outside in."""
        sizes, orders = _parse(self.sizes, "sizes"), _parse(self.interchange, "interchange")
        if len(orders) > len(sizes):
            raise UsageError(
                f"tile has {len(orders)} levels of interchange and {len(sizes)} of sizes",
                hint="give sizes for every level, as in sizes=64,64,0/8,16,0",
            )
        kinds = [kind.strip() for kind in self.loop.split("/")]
        for kind in kinds:
            if kind not in _LOOPS:
                raise UsageError(f"option 'loop' of pass 'tile' takes for or forall, not '{kind}'")
        levels = []
        for depth, size in enumerate(sizes):
            order = orders[depth] if depth < len(orders) else ()
            parallel = depth < len(kinds) and kinds[depth] == "forall"
            if parallel and order != tuple(range(len(order))):
                raise UsageError(
                    "tile can't interchange a forall: its iterations have no order",
                    hint="leave its level empty, as in loop=forall/for interchange=/1,0,2",
                )
            levels.append(_Level(size, order, parallel))
        return levels


@dataclass(frozen=True)
class _Level:
    sizes: tuple[int, ...]
    order: tuple[int, ...]
    parallel: bool


def _parse(text: str, option: str) -> list[tuple[int, ...]]:
    try:
        levels = [tuple(int(part) for part in level.split(",") if part.strip()) for level in text.split("/")]
    except ValueError:
        raise UsageError(
            f"option '{option}' of pass 'tile' takes integers, not '{text}'",
            hint="commas between dimensions, slashes between levels: 64,64,0/8,16,0",
        ) from None
    if any(number < 0 for level in levels for number in level):
        raise UsageError(f"option '{option}' of pass 'tile' takes no negative numbers, not '{text}'")
    return levels if text.strip() else []


def _steps(loops: list[Loop], levels: list[_Level], fuse: bool) -> list[Step]:
    """The schedule for one operation; empty where there is nothing to do or an order does not fit."""
    bounds = [loop.size for loop in loops]
    if 0 in bounds:
        return []  # nothing to iterate over; upstream tiling crashes on it
    steps: list[Step] = []
    for level in levels:
        if level.order and sorted(level.order) != list(range(len(loops))):
            return []
        sizes = [*level.sizes, *[0] * len(loops)][: len(loops)]
        for dim, loop in enumerate(loops):
            bound = bounds[dim]
            if (bound is not None and bound <= sizes[dim]) or (level.parallel and not loop.parallel):
                sizes[dim] = 0
            elif sizes[dim]:
                bounds[dim] = sizes[dim]
        if any(sizes):
            order = () if level.parallel else level.order
            steps.append(Step(tuple(sizes), order, parallel=level.parallel, fuse=fuse and not steps))
    return steps
