"""outline-kernels: each kernel as a function of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import func, tensor

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.entry import entries, return_op
from stepwell.passes.tensor.attention.cone import RESHAPES
from stepwell.passes.tensor.build import Size, copy_operation, index, sizes_of
from stepwell.passes.tensor.kernels.copies import store_returned
from stepwell.passes.tensor.kernels.fills import is_fill
from stepwell.passes.tensor.kernels.followed import outside_of
from stepwell.passes.tensor.kernels.grouping import Group, group_operations, makers
from stepwell.passes.tensor.kernels.scattered import keep_originals
from stepwell.passes.tensor.result_sizes import result_sizes

_STARTS = ("arith.constant", "tensor.empty", "tensor.dim")


@dataclass
class OutlineKernels(Pass):
    """Move what one kernel computes into a private function marked ``stepwell.kernel = "<family>"``, and call that.

    A function takes what its operations read, then a destination for each result, which it only takes the shape of.
    Groups that do the same call the same function. Entries keep calls, shapes and views. Numbers that fill a tensor are
    set where a kernel starts from them.

    Options:
        attention: whether a softmax between two products of bf16 or f16 is one kernel.
        bare_products: whether products stand alone, but for the rounding of their sums, as libraries take them.
    """

    name: ClassVar[str] = "outline-kernels"
    summary: ClassVar[str] = "move what one kernel computes into a function of its own"
    anchor: ClassVar[str] = "builtin.module"

    attention: bool = False
    bare_products: bool = False

    def run(self, op: ir.Operation, context: PassContext) -> None:
        families: dict[str, int] = {}
        known: dict[str, str] = {}
        for entry in entries(op):
            return_op(entry)
            block = entry.operation.regions[0].blocks[0]
            keep_originals(block)
            store_returned(entry)
            found = group_operations(block, attention=self.attention, bare_products=self.bare_products)
            groups = _sort(block, found)
            first = sum(families.values())
            # What is copied must still be there, not a call of the kernel that others get it from.
            for number, group in sorted(enumerate(groups, first), key=lambda one: not one[1].copied):
                _outline(group, f"{group.family}_{number}", op, known)
                families[group.family] = families.get(group.family, 0) + 1
        context.note(self.name, **families)


def _sort(block: ir.Block, groups: Sequence[Group]) -> list[Group]:
    """Put the operations of a group together, each behind what it reads; gives the groups in that order."""
    owner = {op: group for group in groups for op in group.ops}
    ops = [view.operation for view in block.operations]
    placed: list[Group] = []
    done: set[ir.Operation] = set()

    def place(op: ir.Operation) -> None:
        if op in done:
            return
        group = owner.get(op)
        members = [op] if group is None else group.ops
        done.update(members)
        for before in (before for member in members for before in makers(member)):
            place(before)
        for member in members:
            member.move_before(ops[-1])
        if group is not None:
            placed.append(group)

    for op in ops[:-1]:
        place(op)
    return placed


def _outline(group: Group, name: str, module: ir.Operation, known: dict[str, str]) -> None:
    """Make a function of ``group``, unless one of the ``known`` ones, by their texts, does the same; call that."""
    ops = _with_starts(group)
    captured = _captured(ops)
    results = [result for op in group.ops for result in op.results if _escapes(result, group.ops)]
    last = group.ops[-1]
    with ir.InsertionPoint(last), last.location:
        destinations = [_destination(result, group.ops) for result in results]
        inputs = [*captured, *destinations]
        kind = ir.FunctionType.get([value.type for value in inputs], [value.type for value in results])
        call = func.CallOp(kind.results, ir.FlatSymbolRefAttr.get(name), inputs)
    with ir.InsertionPoint(module.regions[0].blocks[0]), group.root.location:
        function = func.FuncOp(name, kind, visibility="private")
        function.operation.attributes["stepwell.kernel"] = ir.StringAttr.get(group.family)
        block = function.add_entry_block()
    values = dict(zip(captured, block.arguments, strict=False))
    with ir.InsertionPoint(block), group.root.location:
        for op in ops:
            copy_operation(op, values)
        func.ReturnOp([values[result] for result in results])
    text = _text(function)
    if text in known:
        function.operation.erase()
        call.operation.attributes["callee"] = ir.FlatSymbolRefAttr.get(known[text])
    else:
        known[text] = name
    for result, made in zip(results, call.results, strict=True):
        result.replace_all_uses_with(made)
    for op in reversed(group.ops):
        op.erase()


def _text(function: func.FuncOp) -> str:
    """What ``function`` does, without its name."""
    named: str = function.operation.get_asm(enable_debug_info=False, use_local_scope=True)
    return named.replace(f"@{function.name.value}(", "@(", 1)


def _with_starts(group: Group) -> list[ir.Operation]:
    """The operations with the constants, fills and empty tensors that they start from in front of them.

    Rows are read through reshapes, so that a tensor that is seen in several shapes is read once.
    """
    found: list[ir.Operation] = []

    def add(op: ir.Operation) -> None:
        if op in found:
            return
        for value in outside_of(op):
            owner = value.owner
            if isinstance(owner, ir.Block):
                continue
            maker = owner.operation
            seen = group.family == "rows" and maker.name in RESHAPES
            if seen or maker in group.copied or _is_start(maker):
                add(maker)
        found.append(op)

    for op in group.ops:
        add(op)
    return found


def _is_start(op: ir.Operation) -> bool:
    """Whether a kernel makes what ``op`` does by itself: it makes no tensor, or reads no memory."""
    if op.name in RESHAPES:
        maker = op.operands[0].owner
        return not isinstance(maker, ir.Block) and _is_start(maker.operation)
    return op.name in _STARTS or is_fill(op) or _is_scalar(op)


def _is_scalar(op: ir.Operation) -> bool:
    """Whether ``op`` computes one number, maybe from an element of a tensor."""
    computed = op.name == "tensor.extract" or op.name.startswith(("arith.", "math."))
    return computed and not any(isinstance(value.type, ir.ShapedType) for value in op.results)


def _captured(ops: Sequence[ir.Operation]) -> list[ir.Value]:
    """What ``ops`` use and none of them makes."""
    made = {result for op in ops for result in op.results}
    found: list[ir.Value] = []
    for op in ops:
        for value in outside_of(op):
            if value not in made and value not in found:
                found.append(value)
    return found


def _escapes(result: ir.Value, ops: Sequence[ir.Operation]) -> bool:
    return any(use.owner.operation not in ops for use in result.uses)


def _destination(result: ir.Value, ops: Sequence[ir.Operation]) -> ir.Value:
    """An empty tensor of the shape that ``result`` of one of ``ops`` has."""
    kind = ir.RankedTensorType(result.type)
    sizes = [index(size) if kind.is_dynamic_dim(axis) else size for axis, size in enumerate(_sizes(result, ops))]
    return tensor.EmptyOp(sizes, kind.element_type).result


def _sizes(value: ir.Value, ops: Sequence[ir.Operation]) -> list[Size]:
    """The sizes of ``value``, by way of what ``ops`` start from: they are known before a kernel runs."""
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.operation not in ops:
        return sizes_of(value)
    kind = ir.RankedTensorType(value.type)
    if kind.has_static_shape:
        return [int(size) for size in kind.shape]
    number = ir.OpResult(value).result_number
    found = result_sizes(owner.operation, number, lambda taken: _sizes(taken, ops), lambda outside: outside)
    return [size if kind.is_dynamic_dim(axis) else int(kind.shape[axis]) for axis, size in enumerate(found)]
