"""A convolution on buffers, with what is done to its result before anybody else reads it."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir

from stepwell.passes.buffer.views import VIEWS, erase_unused, root_of


@dataclass
class Site:
    """What one loop nest replaces.

    Attributes:
        op: the convolution or pooling.
        fill: what its result starts from.
        epilogue: an elementwise operation on the result, or None.
        copy: a copy of the final result into part of a larger buffer, or None.
        target: where the final result is stored, None where ``copy`` is all that wants it.
        position: the operation that the nest stands in front of.
    """

    op: ir.Operation
    fill: ir.Operation
    epilogue: ir.Operation | None = None
    copy: ir.Operation | None = None
    target: ir.Value | None = None
    position: ir.Operation | None = None

    @property
    def result(self) -> ir.Value:
        """The buffer that ``op`` writes."""
        return self.op.operands[len(self.op.operands) - 1]

    def erase(self) -> None:
        """Remove the operations that the nest stands for, and views and buffers that nobody uses any more."""
        written = {root_of(self.result)}
        if self.epilogue is not None:
            written.add(root_of(_output(self.epilogue)))
        for op in (self.copy, self.epilogue, self.op, self.fill):
            if op is not None:
                op.erase()
        for value in written:
            erase_unused(value)


def find_site(op: ir.Operation) -> Site | None:
    """The site of ``op``; None where its result starts from anything but a fill."""
    result = op.operands[len(op.operands) - 1]
    before = [user for user, _ in accesses(root_of(result), op.block) if user.is_before_in_block(op)]
    last = [user for user in before if not any(user.is_before_in_block(other) for other in before)]
    if len(last) != 1 or last[0].name != "linalg.fill" or last[0].operands[1] != result:
        return None
    site = Site(op, last[0], target=result, position=op)
    if is_made_in(root_of(result), op.block):  # else readers outside of the block may want the result itself
        _take_epilogue(site)
        _take_copy(site)
    return site


def accesses(value: ir.Value, block: ir.Block) -> list[tuple[ir.Operation, ir.Value]]:
    """Every access to ``value`` or a view of it within ``block``: the operation there that holds it, and the view.

    What is outside of the block is left out: it runs before or after all of the block.
    """
    found: list[tuple[ir.Operation, ir.Value]] = []
    for use in value.uses:
        user = use.owner.operation
        if user.name in VIEWS:
            found += accesses(user.results[0], block)
        elif user.name != "memref.dim" and (holder := _lift(user, block)) is not None:
            found.append((holder, value))
    return found


def is_made_in(value: ir.Value, block: ir.Block) -> bool:
    """Whether ``value`` is a result or an argument of ``block``: all that reads it lies within."""
    owner = value.owner
    return bool((owner if isinstance(owner, ir.Block) else owner.operation.block) == block)


def is_unchanged(value: ir.Value, after: ir.Operation, until: ir.Operation) -> bool:
    """Whether no operation behind ``after``, up to and with ``until``, may write the buffer of ``value``."""
    return all(
        _only_reads(user, view)
        for user, view in accesses(root_of(value), after.block)
        if after.is_before_in_block(user) and not until.is_before_in_block(user)
    )


def _take_epilogue(site: Site) -> None:
    """An elementwise operation that is the first, or overwrites its operand, or is the only one to read the result."""
    later = [
        access for access in accesses(root_of(site.result), site.op.block) if site.op.is_before_in_block(access[0])
    ]
    if not later:
        return
    epilogue, operand = next(a for a in later if not any(b[0].is_before_in_block(a[0]) for b in later))
    if not _is_elementwise(epilogue, operand, ir.MemRefType(site.result.type).shape[-1]) or not _may_move(
        site, epilogue
    ):
        return
    output = _output(epilogue)
    if root_of(output) in {root_of(value) for value in list(site.op.operands)[:-1]}:
        return
    if output != operand and (root_of(output) == root_of(operand) or any(user != epilogue for user, _ in later)):
        return
    site.epilogue, site.target, site.position = epilogue, output, epilogue


def _take_copy(site: Site) -> None:
    """The first access to the final result, where it copies all of it into part of another buffer."""
    assert site.target is not None and site.position is not None
    block = site.op.block
    later = [access for access in accesses(root_of(site.target), block) if site.position.is_before_in_block(access[0])]
    if not later:
        return
    copy, source = next(a for a in later if not any(b[0].is_before_in_block(a[0]) for b in later))
    if copy.name != "memref.copy" or copy.operands[0] != source or not _covers(site.target, source):
        return
    into = copy.operands[1]
    if root_of(into) in {root_of(value) for value in _sources(site)} or not _has_lanes(into):
        return
    if not _may_move(site, copy):
        return
    site.copy, site.position = copy, copy
    owner = site.target.owner
    if len(later) > 1 or isinstance(owner, ir.Block) or owner.operation.name != "memref.alloc":
        return
    if is_made_in(site.target, block):
        site.target = None


def _covers(target: ir.Value, source: ir.Value) -> bool:
    """Whether ``source`` is ``target``, as it is or with its channels in one dimension."""
    if source == target:
        return len(ir.MemRefType(source.type).shape) == 4
    owner = source.owner
    return (
        not isinstance(owner, ir.Block)
        and owner.operation.name == "memref.collapse_shape"
        and owner.operation.operands[0] == target
        and len(ir.MemRefType(source.type).shape) == 4
    )


def _sources(site: Site) -> list[ir.Value]:
    found = list(site.op.operands)[:-1]
    if site.epilogue is not None:
        found += list(site.epilogue.operands)[:-1]
    return [value for value in found if isinstance(value.type, ir.MemRefType)]


def _may_move(site: Site, to: ir.Operation) -> bool:
    """Whether nothing between ``op`` and ``to`` may write what the site reads, or read what it writes."""
    roots = {root_of(value) for value in _sources(site)} - {root_of(site.result)}
    for root in roots:
        for user, value in accesses(root, site.op.block):
            between = site.op.is_before_in_block(user) and user.is_before_in_block(to)
            if between and not (site.epilogue is not None and user == site.epilogue) and not _only_reads(user, value):
                return False
    return True


def _only_reads(op: ir.Operation, value: ir.Value) -> bool:
    if op.name == "memref.copy":
        return bool(op.operands[1] != value)
    return op.name.startswith("linalg.") and value not in _outputs(op)


def _lift(op: ir.Operation, block: ir.Block) -> ir.Operation | None:
    """The operation of ``block`` that is or holds ``op``, None where ``op`` is outside."""
    while op.block != block:
        if op.parent is None or op.parent.operation.parent is None:  # a module has no block
            return None
        op = op.parent.operation
    return op


def _is_elementwise(op: ir.Operation, operand: ir.Value, block: int) -> bool:
    """Whether ``op`` computes one value for each element of ``operand`` from numbers that a vector may hold.

    Channels of a group are in ``block`` lanes, whatever groups ``op`` sees.
    """
    if op.name != "linalg.generic" or len(op.results):
        return False
    maps = [ir.AffineMapAttr(attribute).value for attribute in ir.ArrayAttr(op.attributes["indexing_maps"])]
    rank = maps[0].n_dims
    identity = ir.AffineMap.get_identity(rank)
    inputs, outputs = ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"])
    if outputs != 1 or rank != ir.MemRefType(operand.type).rank or maps[-1] != identity:
        return False
    if any(m != identity for m, value in zip(maps, op.operands, strict=True) if value == operand):
        return False
    body = op.regions[0].blocks[0]
    # What the output held before must not matter.
    if any(True for _ in body.arguments[inputs].uses) or operand not in list(op.operands)[:inputs]:
        return False
    kinds = [str(kind) for kind in ir.ArrayAttr(op.attributes["iterator_types"])]
    if set(kinds) != {"#linalg.iterator_type<parallel>"}:
        return False
    regrouped = rank == 5 and ir.MemRefType(operand.type).shape[-1] != block
    for m, value in zip(maps, op.operands, strict=True):
        if not isinstance(value.type, ir.MemRefType):
            continue
        kind = ir.MemRefType(value.type)
        if not _is_lane_access(m, kind, rank - 1) or (regrouped and not _is_channel_access(m, kind, rank - 1)):
            return False
    return all(_is_vectorisable(inner.operation) for inner in body.operations)


def _is_channel_access(indexing: ir.AffineMap, kind: ir.MemRefType, lane: int) -> bool:
    """Whether channels lie one behind the other across groups, or are not asked for."""
    positions = [r.position if isinstance(r, ir.AffineDimExpr) else None for r in indexing.results]
    if not {lane - 1, lane} & set(positions):
        return True
    strides, _ = kind.get_strides_and_offset()
    return positions[-2:] == [lane - 1, lane] and strides[-2] == kind.shape[-1]


def _is_lane_access(indexing: ir.AffineMap, kind: ir.MemRefType, lane: int) -> bool:
    strides, _ = kind.get_strides_and_offset()
    for axis, result in enumerate(indexing.results):
        if isinstance(result, ir.AffineConstantExpr):
            continue
        if not isinstance(result, ir.AffineDimExpr):
            return False
        if result.position == lane and (axis != kind.rank - 1 or strides[-1] != 1):
            return False
    return True


def _is_vectorisable(op: ir.Operation) -> bool:
    dialect = op.name.partition(".")[0]
    if op.name == "linalg.yield":
        return True
    values = [*op.operands, *op.results]
    return dialect in ("arith", "math") and all(
        isinstance(value.type, ir.FloatType | ir.IntegerType) for value in values
    )


def _has_lanes(value: ir.Value) -> bool:
    """Whether ``value`` is an image of four dimensions with contiguous channels."""
    kind = ir.MemRefType(value.type)
    strides, _ = kind.get_strides_and_offset()
    return bool(kind.rank == 4 and strides[-1] == 1)


def _outputs(op: ir.Operation) -> list[ir.Value]:
    if "operandSegmentSizes" in op.attributes:
        inputs, _ = ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"])
        return list(op.operands)[inputs:]
    return list(op.operands)[-1:]


def _output(op: ir.Operation) -> ir.Value:
    return op.operands[len(op.operands) - 1]
