"""Takes operations of an entry at the buffer level out into modules of their own, to be compiled and timed alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

from torch_mlir import ir
from torch_mlir.dialects import func

from stepwell.passes.buffer.contraction.epilogue import find_epilogue
from stepwell.passes.buffer.contraction.fill import fill_before
from stepwell.passes.buffer.contraction.roles import match_contraction
from stepwell.passes.buffer.convolution.channelwise import is_channelwise
from stepwell.passes.buffer.convolution.dense import is_packed_convolution
from stepwell.passes.buffer.convolution.site import find_site
from stepwell.passes.buffer.rows.body import vectorizable
from stepwell.passes.buffer.rows.operation import inner_dimension, match_row_op
from stepwell.passes.buffer.types import element_bytes
from stepwell.passes.buffer.views import VIEWS, plain_type
from stepwell.passes.schedules.base import shape
from stepwell.support.locations import node_names
from stepwell.support.walk import operations

_COPIED = VIEWS | {"arith.constant"}
_IGNORED = frozenset({"memref.dim", "memref.dealloc"})


@dataclass(frozen=True)
class Piece:
    """Operations that become one nest.

    Attributes:
        text: a module whose ``main`` does them, on buffers that are its arguments.
        nodes: the FX nodes that they come from.
        bytes: of all arguments.
    """

    text: str
    nodes: frozenset[str]
    bytes: int


def contraction_pieces(entry: ir.Operation) -> list[Piece]:
    """The contractions, convolutions and poolings of ``entry``, with what is done to their results in the same nest.

    ``entry`` is a copy that may be changed, as it is behind pass ``bufferize``.
    """
    groups = []
    for block in entry.regions[0].blocks:
        for op in [view.operation for view in block.operations]:
            contraction = match_contraction(op)
            if is_packed_convolution(op) or is_channelwise(op):
                site = find_site(op)
                if site is not None:
                    groups.append([site.fill, op, site.epilogue, site.copy])
            elif contraction is not None and 0 not in contraction.sizes:
                epilogue = find_epilogue(contraction)
                groups.append([fill_before(op, contraction.out), op, epilogue.op if epilogue else None])
    return _pieces([op for op in group if op is not None] for group in groups)


def row_pieces(entry: ir.Operation) -> list[Piece]:
    """The elementwise operations and reductions of ``entry``, alone or in a loop over rows that several share.

    ``entry`` is as it is behind pass ``fuse-rows``.
    """
    found = [view.operation for block in entry.regions[0].blocks for view in block.operations]
    return _pieces([op] for op in found if op.name in ("linalg.generic", "scf.parallel") and _is_rows(op))


def _is_rows(op: ir.Operation) -> bool:
    inner = [each for each in operations(op) if each.name.startswith("linalg.") and each.name != "linalg.yield"]
    generics = [each for each in inner if each.name == "linalg.generic"]
    return bool(generics) and all(_is_row(each) for each in generics)


def _is_row(generic: ir.Operation) -> bool:
    row = match_row_op(generic)
    if row is None or not row.sizes:
        return row is not None  # of one element, as a sum starts
    inner = inner_dimension(row)
    return inner is not None and vectorizable(row, inner)


def _pieces(groups: Iterable[Sequence[ir.Operation]]) -> list[Piece]:
    pieces = (_piece(list(group)) for group in groups)
    return [piece for piece in pieces if piece is not None]


def _piece(group: list[ir.Operation]) -> Piece | None:
    """The group as a module; None where sizes are dynamic or it needs more than buffers and constants."""
    block = group[0].block
    needed: set[ir.Operation] = set(group)
    roots: dict[ir.Value, None] = {}
    pending = [value for op in group for value in _captured(op)]
    while pending:
        value = pending.pop()
        owner = value.owner
        copied = not isinstance(owner, ir.Block) and owner.operation.name in _COPIED
        if copied:
            needed.add(owner.operation)
            pending += owner.operation.operands
        elif not isinstance(value.type, ir.MemRefType) or None in shape(value):
            return None
        else:
            roots.setdefault(value)
    private = [root for root in roots if _is_private(root, needed)]
    needed.update(root.owner.operation for root in private)
    arguments = [root for root in roots if root not in private]
    if any(not _is_plain(root) for root in arguments) or any(op.block != block for op in needed):
        return None
    ordered = [view.operation for view in block.operations if view.operation in needed]
    nodes = frozenset(name for op in group for each in operations(op) for name in node_names(each.location))
    return Piece(_module(ordered, arguments), nodes, sum(_bytes(root) for root in arguments))


def _module(ordered: Sequence[ir.Operation], arguments: Sequence[ir.Value]) -> str:
    with ordered[0].context, ir.Location.unknown():
        module = ir.Module.create()
        with ir.InsertionPoint(module.body):
            main = func.FuncOp("main", ([root.type for root in arguments], []))
        entry = main.add_entry_block()
        inside = dict(zip(arguments, entry.arguments, strict=True))
        with ir.InsertionPoint(entry):
            for op in ordered:
                copy = op.clone().operation
                for user in operations(copy):
                    for index, operand in enumerate(user.operands):
                        if operand in inside:
                            user.operands[index] = inside[operand]
                inside.update(zip(op.results, copy.results, strict=True))
            func.ReturnOp([])
        return str(module.operation.get_asm())


def _captured(op: ir.Operation) -> list[ir.Value]:
    """What ``op`` and the operations in it use from outside."""
    inside = list(operations(op))
    defined = {result for each in inside for result in each.results}
    for each in inside:
        defined.update(argument for region in each.regions for block in region for argument in block.arguments)
    return [operand for each in inside for operand in each.operands if operand not in defined]


def _is_private(root: ir.Value, needed: set[ir.Operation]) -> bool:
    """Whether ``root`` is memory that nobody outside of the group looks at."""
    owner = root.owner
    if isinstance(owner, ir.Block) or owner.operation.name != "memref.alloc":
        return False
    inside = {each for op in needed for each in operations(op)}
    pending = [root]
    while pending:
        for use in pending.pop().uses:
            user = use.owner.operation
            if user.name in VIEWS:
                pending += user.results
            elif user.name not in _IGNORED and user not in inside:
                return False
    return True


def _is_plain(root: ir.Value) -> bool:
    kind = ir.MemRefType(root.type)
    element = kind.element_type
    return kind == plain_type(kind) and isinstance(element, ir.FloatType | ir.IntegerType)


def _bytes(root: ir.Value) -> int:
    kind = ir.MemRefType(root.type)
    return int(prod(kind.shape)) * element_bytes(kind.element_type)
