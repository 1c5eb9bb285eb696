"""Schedules: short programs of the transform dialect, built from dataclasses and run on one operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects.transform import interpreter

from stepwell.support.diagnostics import shorten
from stepwell.support.walk import operations

#: Marks the operation that a schedule runs on, for as long as it runs.
TARGET = "stepwell.target"


@dataclass(frozen=True)
class Tile:
    """Loops around an operation, one for each size that is not 0.

    Attributes:
        sizes: a tile size for each dimension of the iteration space.
        interchange: the order of the loops, outermost first, as positions; empty keeps the order.
        parallel: ``scf.forall`` instead of a nest of ``scf.for``.
        fuse: pull the operation's producers into the loops.
    """

    sizes: tuple[int, ...]
    interchange: tuple[int, ...] = ()
    parallel: bool = False
    fuse: bool = False

    def text(self, target: str, name: str) -> tuple[str, str]:
        """The step as transform IR and the handle of the inner operation."""
        loops = 1 if self.parallel else sum(size != 0 for size in self.sizes)
        types = ", ".join([_ANY] * (loops + 1))
        if self.fuse:
            # With scf.forall the operation has one loop handle, like without it has one for each size.
            how = "structured.fuse"
            options = f"tile_sizes {list(self.sizes)}"
            options += f" interchange {list(self.interchange)}" if self.interchange else ""
            options += " {use_forall}" if self.parallel else ""
        elif self.parallel:
            how, options = "structured.tile_using_forall", f"tile_sizes {list(self.sizes)}"
        else:
            how, options = "structured.tile_using_for", f"tile_sizes {list(self.sizes)}"
            options += f" interchange = {list(self.interchange)}" if self.interchange else ""
        return (
            f"%{name}, %{name}_loops:{loops} = transform.{how} {target} {options} : ({_ANY}) -> ({types})",
            f"%{name}",
        )


@dataclass(frozen=True)
class Vectorize:
    """Vector operations instead of a structured operation; ``sizes`` with masks, or the static shape if empty."""

    sizes: tuple[int, ...] = ()

    def text(self, target: str, name: str) -> tuple[str, str]:
        """The step as transform IR; there is no operation left to go on with."""
        sizes = f" vector_sizes {list(self.sizes)}" if self.sizes else ""
        return f"transform.structured.vectorize {target}{sizes} : {_ANY}", ""


@dataclass(frozen=True)
class Unroll:
    """``factor`` iterations of a loop in one; what is left over runs behind it."""

    factor: int

    def text(self, target: str, name: str) -> tuple[str, str]:
        """The step as transform IR; the loop may be gone afterwards."""
        return f"transform.loop.unroll {target} {{factor = {self.factor} : i64}} : {_ANY}", ""


@dataclass(frozen=True)
class UnrollAndJam:
    """``factor`` iterations of a loop in one, the loops inside them as one, too."""

    factor: int

    def text(self, target: str, name: str) -> tuple[str, str]:
        """The step as transform IR; the loop may be gone afterwards."""
        return f"transform.loop.unroll_and_jam {target} {{factor = {self.factor} : i64}} : {_ANY}", ""


@dataclass(frozen=True)
class Pad:
    """Operands of a structured operation padded.

    Attributes:
        values: for each operand what it is padded with.
        dims: how many dimensions the operation has.
        multiples: by dimension what its size becomes a multiple of, 0 for any; empty pads to the static bound that
            tiling gave each dimension.
        copies: pad operands that have the size already, too, so that they are copied.
    """

    values: tuple[str, ...]
    dims: int
    multiples: tuple[int, ...] = ()
    copies: bool = False

    def text(self, target: str, name: str) -> tuple[str, str]:
        """The step as transform IR and the handle of the operation on padded operands."""
        values = f"padding_values = [{', '.join(self.values)}]"
        handles = f"%{name}, %{name}_pads"
        if self.multiples:
            how = (
                f"pad_tiling_interface {target} to padding_sizes {list(self.multiples)} pad_to_multiple_of {{{values}}}"
            )
            return f"{handles} = transform.structured.{how} : ({_ANY}) -> ({_ANY}, {_ANY})", f"%{name}"
        kept = ", ".join("1" if self.copies else "0" for _ in self.values)
        dims = f"padding_dimensions = {list(range(self.dims))}"
        options = f'{values}, {dims}, nofold_flags = [{kept}], copy_back_op = "none"'
        return (
            f"{handles}, %{name}_copies = transform.structured.pad {target} {{{options}}} : "
            f"({_ANY}) -> ({_ANY}, {_ANY}, {_ANY})",
            f"%{name}",
        )


@dataclass(frozen=True)
class HoistPad:
    """A ``tensor.pad`` moved out of ``loops`` loops, together with the part of them that it needs."""

    loops: int

    def text(self, target: str, name: str) -> tuple[str, str]:
        """The step as transform IR and the handle of what stands for the padded operand."""
        return (
            f"%{name} = transform.structured.hoist_pad {target} by {self.loops} loops : ({_ANY}) -> {_ANY}",
            f"%{name}",
        )


@dataclass(frozen=True)
class ToLoops:
    """A nest of ``scf.for`` instead of a structured operation on buffers."""

    def text(self, target: str, name: str) -> tuple[str, str]:
        """The step as transform IR; there is no operation left to go on with."""
        return f"%{name} = transform.structured.convert_to_loops {target} : ({_ANY}) -> {_ANY}", ""


Step = Tile | Vectorize | Unroll | UnrollAndJam | Pad | HoistPad | ToLoops

_ANY = "!transform.any_op"


def apply_schedule(op: ir.Operation, steps: Sequence[Step]) -> str | None:
    """Run ``steps`` on ``op``, each on what the one before it left.

    Returns:
        None when all went well, else why not, in one line. What earlier steps did then stays done.
    """
    lines, handle = (
        [f"%target = transform.structured.match attributes {{{TARGET}}} in %root : ({_ANY}) -> {_ANY}"],
        "%target",
    )
    for index, step in enumerate(steps):
        line, handle = step.text(handle, f"step{index}")
        lines.append(line)
    root = _function_around(op)
    op.attributes[TARGET] = ir.UnitAttr.get()
    try:
        return run_sequence(root, lines)
    finally:
        _unmark(root)


def apply_patterns(root: ir.Operation, patterns: Sequence[str]) -> None:
    """Apply ``transform.apply_patterns`` ops, by name without that prefix, greedily to each function in ``root``."""
    body = "\n".join(f"transform.apply_patterns.{pattern}" for pattern in patterns)
    lines = [
        f'%functions = transform.structured.match ops{{["func.func"]}} in %root : ({_ANY}) -> {_ANY}',
        f"transform.apply_patterns to %functions {{\n{body}\n}} : {_ANY}",
    ]
    reason = run_sequence(root, lines)
    assert reason is None, reason


def run_sequence(root: ir.Operation, lines: Sequence[str]) -> str | None:
    """Run transform operations on ``root``, which they see as ``%root``; returns why they failed, if they did."""
    text = "\n".join(lines)
    program = ir.Module.parse(
        "module attributes {transform.with_named_sequence} {\n"
        f"transform.named_sequence @schedule(%root: {_ANY}) {{\n{text}\ntransform.yield\n}}\n}}",
        root.context,
    )
    try:
        interpreter.apply_named_sequence(root, program.body.operations[0].operation, program.operation)
    except ValueError as failure:
        return shorten(str(failure).replace("\n", " "))
    return None


def _function_around(op: ir.Operation) -> ir.Operation:
    while op.parent is not None and op.name != "func.func":
        op = op.parent.operation
    return op


def _unmark(root: ir.Operation) -> None:
    for op in operations(root):
        if TARGET in op.attributes:
            del op.attributes[TARGET]
