"""bufferize: from tensors to memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import func, memref

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.carried import settle_regions
from stepwell.passes.buffer.entry import Argument, arguments, functions, result_marks, return_op, state_name
from stepwell.passes.buffer.views import copy_of, is_whole_view, root_of
from stepwell.passes.pipeline import parse_element
from stepwell.passes.runner import run_element
from stepwell.passes.tensor.structured import loops_of
from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location
from stepwell.support.walk import named

_ONE_SHOT = (
    "one-shot-bufferize{bufferize-function-boundaries=true "
    "function-boundary-type-conversion=identity-layout-map allow-return-allocs-from-loops=true}"
)


@dataclass
class Bufferize(Pass):
    """Turn tensors into memrefs, in place wherever no other reader would notice (MLIR's one-shot bufferization).

    Inputs and parameters are never written. A state's new value ends in the memory of its argument: in place where
    the analysis proves it, else by one copy before the function returns. Every output is a buffer of its own,
    allocated in the entry block. Buffers that leave a branch or a loop are made to be owned by it.
    """

    name: ClassVar[str] = "bufferize"
    summary: ClassVar[str] = "turn tensors into buffers: states in place, inputs and parameters read-only"
    anchor: ClassVar[str] = "builtin.module"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        run_element(parse_element("convert-elementwise-to-linalg"), op, context)
        for function in functions(op):
            _check(function)
            _mark_writable(function)
            _split_fills(function.operation)
            _split_empty(function.operation)
        for text in ("eliminate-empty-tensors", "empty-tensor-to-alloc-tensor", _ONE_SHOT, "canonicalize", "cse"):
            run_element(parse_element(text), op, context)
        copies = {}
        for function in functions(op):
            settle_regions(function.operation)
            copies[function.name.value] = _settle_results(function)
        run_element(parse_element("canonicalize"), op, context)
        context.note(self.name, copies=copies)


def _check(function: func.FuncOp) -> None:
    return_op(function)
    for argument in arguments(function):
        if isinstance(argument.type, ir.UnrankedTensorType | ir.UnrankedMemRefType):
            raise PassError(
                f"argument '{argument.name}' of '{function.name.value}' has no rank",
                where=describe_location(function.operation.location),
                hint="shapes must be known up to their dynamic sizes before bufferization",
            )


def _mark_writable(function: func.FuncOp) -> None:
    marks = []
    for argument in arguments(function):
        mark = {named.name: named.attr for named in argument.attributes}
        if isinstance(argument.type, ir.RankedTensorType):
            mark["bufferization.writable"] = ir.BoolAttr.get(argument.kind == "state")
        marks.append(ir.DictAttr.get(mark))
    function.operation.attributes["arg_attrs"] = ir.ArrayAttr.get(marks)


def _split_fills(function: ir.Operation) -> None:
    """Give every operation that accumulates into a filled tensor a fill of its own, which beats copying one."""
    fills = [op for op in named(function, "linalg.fill") if len(op.results) == 1]
    for fill in fills:
        inits = [use for use in fill.results[0].uses if _init_argument(use) is not None or _is_inserted_into(use)]
        for use in inits:
            user = use.owner.operation
            argument = _init_argument(use)
            if argument is not None and not any(True for _ in argument.uses):
                user.operands[use.operand_number] = fill.operands[1]  # overwritten without being read
            else:
                user.operands[use.operand_number] = fill.clone(ir.InsertionPoint(user)).operation.results[0]
        if not any(True for _ in fill.results[0].uses):
            fill.erase()


def _split_empty(function: ir.Operation) -> None:
    """Give operations tensors of their own to write to, but where one works in place on what another wrote.

    Operations that share one only because their results are of one shape could not be moved past each other; the
    memory plan lets buffers share memory when all operations have their places.
    """
    order: dict[ir.Block, dict[ir.Operation, int]] = {}
    settled: list[tuple[ir.Operation, int, ir.Value]] = []  # an operation's hash changes with its operands
    for empty in named(function, "tensor.empty"):
        block = empty.block
        uses = [use for use in empty.results[0].uses if use.owner.operation.block == block]
        if len(uses) < 2:
            continue
        if block not in order:
            order[block] = {op.operation: number for number, op in enumerate(block.operations)}
        places: dict[ir.Operation, ir.Value] = {}
        for use in sorted(uses, key=lambda use: order[block][use.owner.operation]):
            user = use.owner.operation
            makers = _overwritten(user, use.operand_number, order[block])
            place = next((places[maker] for maker in makers if maker in places), None)
            if place is None:
                place = empty.clone(ir.InsertionPoint(user)).operation.results[0] if places else empty.results[0]
            places[user] = place
            settled.append((user, use.operand_number, place))
    for user, number, place in settled:
        user.operands[number] = place


def _overwritten(op: ir.Operation, output: int, order: dict[ir.Operation, int]) -> list[ir.Operation]:
    """What makes inputs of ``op`` that nobody reads behind it, and whose elements give those of operand ``output``."""
    if op.name != "linalg.generic" or not all(loop.parallel for loop in loops_of(op)):
        return []
    maps = [ir.AffineMapAttr(attribute).value for attribute in ir.ArrayAttr(op.attributes["indexing_maps"])]
    found = []
    for value, indexing in zip(list(op.operands)[:output], maps, strict=False):
        if isinstance(value, ir.OpResult) and indexing == maps[output]:
            readers = [use.owner.operation for use in value.uses]
            if all(reader in order and order[reader] <= order[op] for reader in readers):
                found.append(value.owner.operation)
    return found


def _is_inserted_into(use: ir.OpOperand) -> bool:
    """Whether this operand is what a slice is inserted into: an image that grows by a border."""
    return bool(use.owner.operation.name == "tensor.insert_slice" and use.operand_number == 1)


def _init_argument(use: ir.OpOperand) -> ir.Value | None:
    """What the body of a structured operation sees of this operand, if the operation starts from it."""
    user = use.owner.operation
    if not user.name.startswith("linalg.") or "operandSegmentSizes" not in user.attributes:
        return None
    inputs, _ = ir.DenseI32ArrayAttr(user.attributes["operandSegmentSizes"])
    if use.operand_number < inputs or len(user.regions) != 1:
        return None
    arguments = user.regions[0].blocks[0].arguments
    return arguments[use.operand_number] if len(arguments) == len(user.operands) else None


def _settle_results(function: func.FuncOp) -> int:
    """Give each output a buffer of its own and each state its new value; returns how many copies that took."""
    terminator = return_op(function)
    taken = arguments(function)
    states = {argument.name: argument for argument in taken if argument.kind == "state"}
    copies = 0
    returned: set[ir.Value] = set()
    pending: list[tuple[ir.Value, ir.Value]] = []
    with ir.InsertionPoint(terminator), terminator.location:
        # Outputs first: a state's argument may still hold what an output is a view of.
        for index, mark in enumerate(result_marks(function)):
            value = terminator.operands[index]
            if not isinstance(value.type, ir.MemRefType):
                continue
            name = state_name(mark)
            if name is None:
                root = root_of(value)
                if root in returned or not _is_own_buffer(value, root, terminator):
                    terminator.operands[index] = copy_of(value)
                    copies += 1
                returned.add(root)
            elif name not in states:
                raise PassError(
                    f"result {index} of '{function.name.value}' is the state '{name}', which is not an argument",
                    where=describe_location(function.operation.location),
                    hint=f"its states are {', '.join(states) or 'none'}",
                )
            elif value != states[name].value:
                pending.append((value, _value(states[name])))
        copies += _copy_all(pending, taken)
        for index, mark in enumerate(result_marks(function)):
            name = state_name(mark)
            if name is not None:
                terminator.operands[index] = _value(states[name])
    return copies


def _copy_all(pending: Sequence[tuple[ir.Value, ir.Value]], taken: Sequence[Argument]) -> int:
    """Copy each source to its target as if at once: sources that a target's write could change go through a copy."""
    safe = {argument.value for argument in taken if argument.kind != "state"}
    copies = 0
    sources = []
    for source, _ in pending:
        root = root_of(source)
        private = root in safe or (isinstance(root, ir.OpResult) and root.owner.operation.name in _FRESH)
        if not private:
            source = copy_of(source)
            copies += 1
        sources.append(source)
    for source, (_, target) in zip(sources, pending, strict=True):
        memref.copy(source, target)
    return copies + len(pending)


_FRESH = ("memref.alloc", "memref.get_global")


def _is_own_buffer(value: ir.Value, root: ir.Value, terminator: ir.Operation) -> bool:
    """Whether ``value`` is the whole of a buffer allocated in the entry block."""
    if not isinstance(root, ir.OpResult) or root.owner.operation.name != "memref.alloc":
        return False
    # A reshaped buffer of dynamic size has its sizes computed too late to be an output's.
    in_entry = root.owner.operation.block == terminator.block
    return in_entry and is_whole_view(value) and (value == root or ir.MemRefType(value.type).has_static_shape)


def _value(argument: Argument) -> ir.Value:
    assert argument.value is not None
    return argument.value
