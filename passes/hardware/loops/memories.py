"""Arguments and allocations of a function as memories, and accesses to them through views."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod

from torch_mlir import ir

from stepwell.passes.hardware.entry import names_of
from stepwell.passes.hardware.loops.affine_index import NotAffineError, affine_of, row_major
from stepwell.passes.hardware.loops.joined import joined_index
from stepwell.support.errors import UnsupportedError
from stepwell.support.locations import describe_location
from stepwell.support.loops.affine import Affine
from stepwell.support.loops.nest import Memory, Partition
from stepwell.support.walk import named, outer_first

BANKS, WIDTH, CONSTANT, COPIES = "stepwell.banks", "stepwell.bits", "stepwell.constant", "stepwell.copies"
_NOTES = (BANKS, WIDTH, CONSTANT, COPIES)
_ALLOCATIONS = ("memref.alloc", "memref.alloca")


class JoinError(Exception):
    """Indices of a memory are affine if its dimensions are joined."""

    def __init__(self, memory: str) -> None:
        super().__init__(memory)
        self.memory = memory


class ReadMemories:
    """Memories by the values that stand for them; ``joined`` ones have one dimension."""

    def __init__(self, parameters: set[str], joined: frozenset[str]) -> None:
        self.parameters = parameters
        self.joined = joined
        self.all: list[Memory] = []
        self.values: list[ir.Value] = []

    def __getitem__(self, name: str) -> Memory:
        return next(memory for memory in self.all if memory.name == name)

    def __iter__(self) -> Iterator[tuple[ir.Value, Memory]]:
        return iter(zip(self.values, self.all, strict=True))

    def add(self, value: ir.Value, name: str, role: str) -> None:
        """A memory, called ``name`` if no other one is."""
        notes = notes_of(value)
        while role != "parameter" and name in (*self.parameters, *(memory.name for memory in self.all)):
            name += f" ({role})"
        where = describe_location(value.location)
        kind = ir.MemRefType(value.type)
        if not kind.has_static_shape:
            raise UnsupportedError(f"no memory for {kind}: its shape is dynamic", where=where)
        if not isinstance(kind.element_type, ir.IntegerType):
            raise UnsupportedError(
                f"no memory for {kind}: pipelines compute with integers", where=where, hint="cast to integers before"
            )
        bits = kind.element_type.width
        if bits == 1 and role in ("input", "output"):
            raise UnsupportedError(
                f"no stream of booleans for {kind}", where=where, hint="cast to int8, inside for a result"
            )
        if WIDTH in notes:
            bits = min(bits, ir.IntegerAttr(notes[WIDTH]).value)
        if bits > 64:
            raise UnsupportedError(f"no memory for {kind}: integers have up to 64 bits", where=where)
        texts = [ir.StringAttr(text).value for text in ir.ArrayAttr(notes[BANKS])] if BANKS in notes else []
        # Whoever chose banks for a memory of joined dimensions noted one partition.
        shape = (prod(kind.shape),) if name in self.joined or (texts and len(texts) < kind.rank) else tuple(kind.shape)
        partitions = tuple(map(partition, texts)) or (Partition(),) * len(shape)
        self.values.append(value)
        sign = -1 if kind.element_type.width == 1 else 1
        contents = tuple(sign * int(n) for n in ir.DenseIntElementsAttr(notes[CONSTANT])) if CONSTANT in notes else ()
        copies = ir.IntegerAttr(notes[COPIES]).value if COPIES in notes else 1
        self.all.append(Memory(name, role, bits, shape, partitions, contents, copies))

    def access(
        self, op: ir.Operation, index: Callable[[ir.Value], Affine], sizes: tuple[int, ...]
    ) -> tuple[str, tuple[Affine, ...]]:
        """The memory that an ``affine.load`` or ``store`` accesses in loops of ``sizes`` iterations, and its indices.

        Raises:
            NotAffineError: an index is not affine.
            JoinError: it is where the memory's dimensions are joined.
        """
        first = 0 if op.name == "affine.load" else 1
        operands = [index(value) for value in list(op.operands)[first + 1 :]]
        value = op.operands[first]
        for known, memory in self:
            if known == value:
                results = list(ir.AffineMapAttr(op.attributes["map"]).value.results)
                shape = ir.MemRefType(value.type).shape
                whole = joined_index(results, operands, shape)
                is_joined = len(memory.shape) < len(results)
                if whole is not None and is_joined:
                    return memory.name, (whole,)
                try:
                    places = tuple(affine_of(result, operands, sizes) for result in results)
                except NotAffineError as failure:
                    if whole is None or failure.cut:
                        raise
                    raise JoinError(memory.name) from None
                return memory.name, (row_major(places, shape),) if is_joined else places
        raise UnsupportedError(
            f"no pipeline for '{op.name}': it goes through a view or a memory from elsewhere",
            where=describe_location(op.location),
            hint="index arguments and allocations of the function themselves",
        )


def partition(text: str) -> Partition:
    """The inverse of :func:`partition_text`."""
    kind, _, factor = text.partition(" ")
    return Partition(int(factor or 1), kind == "block")


def partition_text(p: Partition) -> str:
    """How a dimension's partition is written: ``whole``, ``cyclic 4``, ``block 2``."""
    return "whole" if p.factor == 1 else f"{'block' if p.block else 'cyclic'} {p.factor}"


RESHAPES = ("memref.collapse_shape", "memref.expand_shape")
"""What shows a memory, all of it, in another shape."""


def memory_behind(value: ir.Value) -> ir.Value:
    """The memory that ``value`` shows in another shape."""
    while isinstance(value, ir.OpResult) and value.owner.name in RESHAPES:
        value = value.owner.operands[0]
    return value


def read_memories(root: ir.Operation, joined: frozenset[str]) -> ReadMemories:
    """The memories of a function, or of a ``stream.loops``: what is returned, or an argument that is written first,
    is the output."""
    block = root.regions[0].blocks[0]
    names = names_of(root.opview, "arg_attrs")
    returned = [memory_behind(value) for op in named(root, "func.return") for value in op.operands]
    written = {op.operands[1] for op in named(root, "affine.store")}
    parameters = {entry["stepwell.parameter"] for entry in names if "stepwell.parameter" in entry}
    found = ReadMemories(parameters, joined)
    for n, argument in enumerate(block.arguments):
        if not isinstance(argument.type, ir.MemRefType):
            raise UnsupportedError(
                f"no memory for argument {n} of type {argument.type}",
                where=describe_location(root.location),
                hint="arguments are memrefs of integers",
            )
        marks = names[n] if n < len(names) else {}
        if CONSTANT in notes_of(argument):
            found.add(argument, f"constant {n}", "constant")
        elif "stepwell.parameter" in marks:
            found.add(argument, marks["stepwell.parameter"], "parameter")
        elif argument in written:
            _check_written_first(root, argument)
            found.add(argument, marks.get("stepwell.output", f"arg{n}"), "output")
        else:
            found.add(argument, marks.get("stepwell.input", f"arg{n}"), "input")
    for n, op in enumerate(named(root, "memref.get_global")):
        found.add(op.results[0], f"constant {n}", "constant")
    for n, op in enumerate(named(root, *_ALLOCATIONS)):
        value = op.results[0]
        found.add(value, f"local {n}", "output" if value in returned else "local")
    return found


def notes_of(value: ir.Value) -> dict[str, ir.Attribute]:
    """What passes have noted on an argument of a function, or on an allocation."""
    if not isinstance(value, ir.BlockArgument):
        attributes = value.owner.attributes
        found = {name: attributes[name] for name in _NOTES if name in attributes}
        if value.owner.operation.name == "memref.get_global":
            found[CONSTANT] = _global(value.owner.operation).attributes["initial_value"]
        return found
    entries = _entries(value.owner.owner, "arg_attrs")
    if value.arg_number >= len(entries):
        return {}
    found = {entry.name: entry.attr for entry in ir.DictAttr(entries[value.arg_number])}
    return {name: found[name] for name in _NOTES if name in found}


def note(value: ir.Value, name: str, attribute: ir.Attribute) -> None:
    """Set such a note."""
    if not isinstance(value, ir.BlockArgument):
        value.owner.attributes[name] = attribute
        return
    function = value.owner.owner
    entries = _entries(function, "arg_attrs") or [ir.DictAttr.get({}) for _ in value.owner.arguments]
    found = {entry.name: entry.attr for entry in ir.DictAttr(entries[value.arg_number])}
    entries[value.arg_number] = ir.DictAttr.get({**found, name: attribute})
    function.attributes["arg_attrs"] = ir.ArrayAttr.get(entries)


def _global(reader: ir.Operation) -> ir.Operation:
    """The ``memref.global`` that ``reader`` names."""
    wanted = ir.FlatSymbolRefAttr(reader.attributes["name"]).value
    module = reader.parent
    while module.operation.name != "builtin.module":
        module = module.operation.parent
    found = named(module.operation, "memref.global")
    return next(op for op in found if ir.StringAttr(op.attributes["sym_name"]).value == wanted)


def _entries(root: ir.Operation, name: str) -> list[ir.Attribute]:
    return list(ir.ArrayAttr(root.attributes[name])) if name in root.attributes else []


def _check_written_first(root: ir.Operation, argument: ir.Value) -> None:
    """A result holds nothing before it is written to."""
    first = next(
        op for op in outer_first(root) if op.name in ("affine.load", "affine.store") and argument in op.operands
    )
    if first.name == "affine.load":
        raise UnsupportedError(
            "an argument is read before it is written to: it would be input and result at once",
            where=describe_location(first.location),
            hint="copy it to another argument, and work there",
        )
