"""outline-loops: every outermost loop nest of an entry becomes a function, so that code generation stays linear."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import func

from stepwell.passes.base import Pass, PassContext

_NESTS = frozenset({"scf.for", "scf.while", "scf.if", "scf.parallel", "scf.forall", "affine.for", "affine.parallel"})

# Operations that are repeated in the function instead of passed to it: constants, and views that cost nothing.
_REPEATED = frozenset(
    {
        "arith.constant",
        "memref.view",
        "memref.subview",
        "memref.cast",
        "memref.reinterpret_cast",
        "memref.collapse_shape",
        "memref.expand_shape",
        "memref.get_global",
    }
)


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
    repeated: list[ir.Operation] = []
    passed: list[ir.Value] = []
    seen: set[ir.Value] = set()
    for value in _captured(nest):
        _classify(value, seen, repeated, passed)
    views = [op for op in repeated if op.name == "memref.view"]
    offsets = [view.operands[1] for view in views]
    kinds = [value.type for value in (*passed, *offsets)]
    with ir.InsertionPoint(entry), nest.location:
        function = func.FuncOp(name, (kinds, [result.type for result in nest.results]), visibility="private")
        function.attributes["llvm.no_inline"] = ir.UnitAttr.get()
        block = function.add_entry_block()
    with ir.InsertionPoint(nest), nest.location:
        call = func.CallOp([result.type for result in nest.results], name, [*passed, *offsets])
    arguments = list(block.arguments)
    inside = dict(zip(passed, arguments, strict=False))
    offset_of = dict(zip(views, arguments[len(passed) :], strict=True))
    with ir.InsertionPoint(block), nest.location:
        for original in repeated:
            copy = original.clone()
            for index, operand in enumerate(original.operands):
                offset = index == 1 and original in offset_of
                copy.operands[index] = offset_of[original] if offset else inside[operand]
            inside.update(zip(original.results, copy.results, strict=True))
        placeholder = func.ReturnOp([]).operation
    nest.move_before(placeholder)
    for user in _operations(nest):
        for index, operand in enumerate(user.operands):
            if operand in inside:
                user.operands[index] = inside[operand]
    for result, replacement in zip(nest.results, call.operation.results, strict=True):
        result.replace_all_uses_with(replacement)
    placeholder.erase()
    with ir.InsertionPoint(block), nest.location:
        func.ReturnOp(list(nest.results))
    return call, function


def _classify(value: ir.Value, seen: set[ir.Value], repeated: list[ir.Operation], passed: list[ir.Value]) -> None:
    """Sort what ``value`` is made of into operations to repeat, operands first, and values to pass."""
    if value in seen:
        return
    seen.add(value)
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.operation.name not in _REPEATED:
        passed.append(value)
        return
    operation = owner.operation
    for index, operand in enumerate(operation.operands):
        if operation.name != "memref.view" or index != 1:
            _classify(operand, seen, repeated, passed)
    repeated.append(operation)


def _captured(nest: ir.Operation) -> Iterator[ir.Value]:
    """Values that ``nest`` uses and that are defined outside of it, in order of use."""
    defined: set[ir.Value] = set()
    for op in _operations(nest):
        defined.update(op.results)
        for region in op.regions:
            for block in region.blocks:
                defined.update(block.arguments)
    for op in _operations(nest):
        for operand in op.operands:
            if operand not in defined:
                yield operand


def _operations(root: ir.Operation) -> Iterator[ir.Operation]:
    yield root
    for region in root.regions:
        for block in region.blocks:
            for child in block.operations:
                yield from _operations(child.operation)
