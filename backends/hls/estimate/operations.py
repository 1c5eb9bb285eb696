"""The operations of a circuit, read from its text: what is computed from what, and how wide it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

_RESULT = re.compile(r"%([\w]+) = ([\w.]+) (.*)")
_NAMES = re.compile(r"%([\w]+)")
_WIDTH = re.compile(r"i(\d+)")
MULTIPLY = "comb.mul"
_KINDS = ("comb.", "seq.compreg", "hw.constant", "sv.read_inout", "sv.array_index_inout", "sv.verbatim.expr")
_MEMORY = re.compile(r"uarray<(\d+)xi(\d+)>")
_OUTPUT = re.compile(r"out (\w+) : i\d+")


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        name: of its result.
        kind: as CIRCT calls it: ``comb.add``, ``seq.compreg.ce``, ...
        operands: names of what it reads.
        width: bits of its result.
        needed: bits of the result that carry something: sign extension and constants leave fewer.
    """

    name: str
    kind: str
    operands: tuple[str, ...]
    width: int
    needed: int
    detail: str = ""


@dataclass(frozen=True)
class MemoryBlock:
    """A memory; ``block``, ``tables``: what was asked for; ``initialised``: its words come from a file."""

    depth: int
    width: int
    block: bool
    tables: bool
    initialised: bool

    @property
    def is_block(self) -> bool:
        """Whether it will be block RAM: it is asked for, or many words and too many bits for look-up tables."""
        return self.block or (self.depth > 64 and self.depth * self.width > 8192)


@dataclass
class Operations:
    """All operations of a module by the name of their result, in the order of its text.

    Attributes:
        outputs: what each output port carries.
    """

    all: dict[str, Operation] = field(default_factory=dict)
    memories: dict[str, MemoryBlock] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)


def read_operations(text: str) -> Operations:
    """The operations in a module as :meth:`Circuit.text` gives it; instances of other modules are left out."""
    found = Operations()
    wires: dict[str, str] = {}
    for line in text.splitlines():
        matched = _RESULT.match(line.strip())
        if matched is None:
            continue
        name, kind, rest = matched.groups()
        if kind == "sv.reg":
            _add_memory(found.memories, name, rest, text)
        elif kind == "hw.wire":
            wires[name] = _NAMES.findall(rest)[0]
        elif kind.startswith(_KINDS):
            found.all[name] = _operation(found.all, name, kind, rest)
    for name, operation in found.all.items():
        operands = tuple(_behind(wires, operand) for operand in operation.operands)
        found.all[name] = replace(operation, operands=operands)
    _, _, values = text.rpartition("hw.output ")
    carried = (_behind(wires, name) for name in _NAMES.findall(values))
    found.outputs = dict(zip(_OUTPUT.findall(text), carried, strict=True))
    return found


def _behind(wires: Mapping[str, str], name: str) -> str:
    """What ``name`` is connected to, if it is a wire."""
    while name in wires:
        name = wires[name]
    return name


def _add_memory(memories: dict[str, MemoryBlock], name: str, rest: str, text: str) -> None:
    matched = _MEMORY.search(rest)
    if matched is not None:
        initialised = f"sv.readmem %{name}," in text
        memories[name] = MemoryBlock(
            int(matched[1]), int(matched[2]), "block" in rest, "distributed" in rest, initialised
        )


def _operation(known: Mapping[str, Operation], name: str, kind: str, rest: str) -> Operation:
    if kind == "sv.verbatim.expr":
        kind = MULTIPLY  # the one expression that circuits write as SystemVerilog
    operands = tuple(_NAMES.findall(rest.partition(" : ")[0]))
    if kind == "hw.constant":
        value, _, kind_text = rest.partition(" : ")
        width = int(kind_text.removeprefix("i"))
        return Operation(name, kind, (), width, int(value).bit_length(), value)
    widths = [int(found) for found in _WIDTH.findall(rest.rpartition(" : ")[2])]
    if kind == "comb.extract":
        width = widths[-1]
    elif kind == "comb.concat":
        width = sum(widths)
    elif kind == "comb.icmp":
        width = 1
    else:
        width = widths[-1] if widths else 1
    detail = rest.split()[0] if kind == "comb.icmp" else ""
    return Operation(name, kind, operands, width, _needed(known, kind, operands, width), detail)


def _needed(known: Mapping[str, Operation], kind: str, operands: tuple[str, ...], width: int) -> int:
    if kind != "comb.concat":
        return width
    parts = [known.get(operand) for operand in operands]
    spare = 0
    for part in parts[:-1]:  # the first stands in the highest bits
        if part is None or part.kind not in ("comb.replicate", "comb.extract"):
            break
        spare += part.width
    return width - spare if parts[0] is not None and parts[0].kind == "comb.replicate" else width


def reads_of_memories(operations: Operations) -> dict[str, str]:
    """For each word that is read, the name of its memory."""
    slots = {o.name: o.operands[0] for o in operations.all.values() if o.kind == "sv.array_index_inout"}
    reads = (o for o in operations.all.values() if o.kind == "sv.read_inout")
    return {o.name: slots[o.operands[0]] for o in reads if o.operands[0] in slots}


def registered_memories(operations: Operations) -> set[str]:
    """Names of the memories behind whose every read there is a register and nothing else."""
    reads = reads_of_memories(operations)
    elsewhere = {
        reads[name]
        for o in operations.all.values()
        for name in (o.operands[1:] if o.kind.startswith("seq.compreg") else o.operands)
        if name in reads
    }
    return set(reads.values()) - elsewhere
