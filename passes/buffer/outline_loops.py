"""outline-loops: every outermost loop nest of an entry becomes a function, so that code generation stays linear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import func

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.outlining import captures, replace_uses

_NESTS = frozenset({"scf.for", "scf.while", "scf.if", "scf.parallel", "scf.forall", "affine.for", "affine.parallel"})


@dataclass
class OutlineLoops(Pass):
    """Move every outermost loop nest of a public function into a private function that is never inlined.

    LLVM's loop passes take time that grows faster than the size of a function; a model is hundreds of loop nests in a
    row. Arguments of a new function are what the nest uses from above and the offsets of its views; constants and
    views are repeated inside of it. Nests that differ in their offsets alone share one function: the layers of a
    model are compiled once.
    """

    name: ClassVar[str] = "outline-loops"
    summary: ClassVar[str] = "move every outermost loop nest of an entry into a function of its own"
    anchor: ClassVar[str] = "builtin.module"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        entries = [child for child in op.regions[0].blocks[0].operations if _is_entry(child)]
        count, known = 0, dict[str, str]()
        for entry in entries:
            name = ir.StringAttr(entry.attributes["sym_name"]).value
            nests = [
                nested.operation
                for block in entry.regions[0].blocks
                for nested in block.operations
                if nested.operation.name in _NESTS
            ]
            for number, nest in enumerate(nests):
                call, function = _outline(nest, entry.operation, f"{name}_nest_{number}")
                _share(call, function, known)
            count += len(nests)
        context.note(self.name, nests=count, functions=len(known))


def _is_entry(op: ir.OpView) -> bool:
    if op.operation.name != "func.func" or not op.regions[0].blocks:
        return False
    visibility = op.attributes.get("sym_visibility", None)
    return visibility is None or ir.StringAttr(visibility).value == "public"


def _share(call: func.CallOp, function: func.FuncOp, known: dict[str, str]) -> None:
    """Call the function known for the same text, if there is one, instead of the one just made."""
    name = function.name.value
    text = function.operation.get_asm(assume_verified=True, use_local_scope=True).replace(f"@{name}(", "@(", 1)
    first = known.setdefault(text, name)
    if first != name:
        call.operation.attributes["callee"] = ir.FlatSymbolRefAttr.get(first, call.operation.context)
        function.operation.erase()


def _outline(nest: ir.Operation, entry: ir.Operation, name: str) -> tuple[func.CallOp, func.FuncOp]:
    used = captures(nest)
    kinds = [value.type for value in used.arguments]
    with ir.InsertionPoint(entry), nest.location:
        function = func.FuncOp(name, (kinds, [result.type for result in nest.results]), visibility="private")
        function.attributes["llvm.no_inline"] = ir.UnitAttr.get()
        block = function.add_entry_block()
    with ir.InsertionPoint(nest), nest.location:
        call = func.CallOp([result.type for result in nest.results], name, used.arguments)
    with ir.InsertionPoint(block), nest.location:
        inside = used.rebuild(list(block.arguments))
        placeholder = func.ReturnOp([]).operation
    nest.move_before(placeholder)
    replace_uses(used.uses, inside)
    for result, replacement in zip(nest.results, call.operation.results, strict=True):
        result.replace_all_uses_with(replacement)
    placeholder.erase()
    with ir.InsertionPoint(block), nest.location:
        func.ReturnOp(list(nest.results))
    return call, function
