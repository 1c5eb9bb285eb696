"""declare-entries: note what each entry takes before lowering takes its arguments apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location

#: Order of the arguments of an entry; inputs and states come before these.
_TAIL = ("parameters", "arena", "context")
_ORDER = ("input", "state", *_TAIL)


@dataclass
class DeclareEntries(Pass):
    """Give every public function a C wrapper and note its arguments in the module attribute ``stepwell.entries``.

    An entry's note is a dictionary: ``inputs`` and ``states`` (how many), ``parameters`` and ``arena`` (bytes, absent
    where the entry takes none) and ``context`` (present where it takes one). External functions get a wrapper too.
    """

    name: ClassVar[str] = "declare-entries"
    summary: ClassVar[str] = "note the arguments of entry points and request their C wrappers"
    anchor: ClassVar[str] = "builtin.module"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        entries: dict[str, ir.Attribute] = {}
        with op.context, ir.Location.unknown():
            for function in op.regions[0].blocks[0].operations:
                if function.operation.name != "func.func":
                    continue
                external = not function.regions[0].blocks
                visibility = function.attributes.get("sym_visibility", None)
                public = visibility is None or ir.StringAttr(visibility).value == "public"
                if external or public:
                    function.attributes["llvm.emit_c_interface"] = ir.UnitAttr.get()
                if public and not external:
                    entries[ir.StringAttr(function.attributes["sym_name"]).value] = _note(function.operation)
            op.attributes["stepwell.entries"] = ir.DictAttr.get(entries)


def _note(function: ir.Operation) -> ir.DictAttr:
    """The note on one entry."""
    arguments = function.regions[0].blocks[0].arguments
    attributes = function.attributes["arg_attrs"] if "arg_attrs" in function.attributes else [{}] * len(arguments)
    counts = {"inputs": 0, "states": 0}
    note: dict[str, ir.Attribute] = {}
    reached = 0
    for argument, named in zip(arguments, attributes, strict=True):
        kind = next((kind for kind in _ORDER if f"stepwell.{kind}" in named), "input")
        where = f"argument {argument.arg_number} of @{ir.StringAttr(function.attributes['sym_name']).value}"
        if _ORDER.index(kind) < reached or kind in note:
            raise PassError(
                f"{where} ({kind}) stands behind an argument that must follow it",
                where=describe_location(function.location),
                hint=f"the order is {', '.join(_ORDER)}",
            )
        reached = _ORDER.index(kind)
        if not isinstance(argument.type, ir.MemRefType):
            raise PassError(
                f"{where} is no memref but {argument.type}",
                where=describe_location(function.location),
                hint="run bufferize first; scalars are memrefs of rank 0",
            )
        if kind in _TAIL:
            size = argument.type.shape[0] if argument.type.has_static_shape else 0
            note[kind] = _number(size)
        else:
            counts[f"{kind}s"] += 1
    return ir.DictAttr.get({**{name: _number(count) for name, count in counts.items()}, **note})


def _number(value: int) -> ir.Attribute:
    return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), value)
