"""fuse: elementwise operations into the operations that use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import bufferization

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.contraction.roles import contraction_maps
from stepwell.passes.pipeline import parse_element
from stepwell.passes.runner import run_element
from stepwell.passes.tensor.build import empty, sizes_of
from stepwell.passes.tensor.kernels.views import factor_of
from stepwell.passes.tensor.structured import input_count, is_structured, loops_of, structured_ops, used_dims
from stepwell.support.walk import inside, operations

_RESHAPES = ("tensor.collapse_shape", "tensor.expand_shape")


@dataclass
class Fuse(Pass):
    """Compute elementwise operations where their results are used, so that no tensor is stored between them.

    Options:
        reductions: also fuse into operations that reduce, unless they would compute a value again for each iteration
            of a dimension that it does not depend on (as a matrix product would).
        copies: a result used more than once is computed again at each use if its body has at most this many
            operations, none of them expensive (``math``, division), and it reads at most one tensor of its own
            shape; 0 keeps such results stored.
        fold_reshapes: move reshapes out of the way of a fusion.
        narrow: keep what operands of products are widened from stored as it is, for products that widen them.
        results: keep what is done to the result of one product apart from what is done to another one's: each can be
            the end of its product then.
    """

    name: ClassVar[str] = "fuse"
    summary: ClassVar[str] = "fuse elementwise operations into their users"

    reductions: bool = True
    copies: int = 1
    fold_reshapes: bool = True
    narrow: bool = False
    results: bool = False

    def run(self, op: ir.Operation, context: PassContext) -> None:
        before = len(structured_ops(op))
        run_element(parse_element("convert-elementwise-to-linalg"), op, context)
        for inner in structured_ops(op):
            if _is_elementwise(inner) and _goes_on(inner) and _ends_in_more_loops(inner):
                _start_as_input(inner)
        for inner in reversed(structured_ops(op)):
            if _is_elementwise(inner):
                self._copy_per_use(inner)
        # A second use keeps the upstream pass from fusing an operation.
        pinned = _repeated_by_reductions(op) if self.reductions else _feeding_reductions(op)
        pinned += [] if self.fold_reshapes else _feeding_reshapes(op)
        pinned += _widened_for_products(op) if self.narrow else []
        pinned += _ends_of_products(op) if self.results else []
        for producer in pinned:
            _pin(producer)
        for text in ("linalg-fuse-elementwise-ops", "canonicalize", "cse"):
            run_element(parse_element(text), op, context)
        for inner in operations(op) if pinned else []:
            if inner.name == "bufferization.dealloc_tensor":
                inner.erase()
        context.note(self.name, operations_before=before, operations_after=len(structured_ops(op)))

    def _copy_per_use(self, producer: ir.Operation) -> None:
        uses = list(producer.results[0].uses)
        if len(uses) < 2 or not _is_cheap(producer, self.copies):
            return
        if not all(use.owner.operation.name == "linalg.generic" for use in uses):
            return
        for use in uses[1:]:
            user = use.owner.operation
            user.operands[use.operand_number] = producer.clone(ir.InsertionPoint(user)).operation.results[0]


def _is_elementwise(op: ir.Operation) -> bool:
    if op.name != "linalg.generic" or len(op.results) != 1:
        return False
    return all(loop.parallel for loop in loops_of(op))


def _goes_on(op: ir.Operation) -> bool:
    """Whether the body reads what its result starts from."""
    return any(True for _ in op.regions[0].blocks[0].arguments[input_count(op)].uses)


def _ends_in_more_loops(op: ir.Operation) -> bool:
    """Whether an operation that it could be fused into, by way of others or not, has more loops."""
    users = [use.owner.operation for use in op.results[0].uses]
    count = len(loops_of(op))
    return any(
        len(loops_of(user)) > count or (_is_elementwise(user) and _ends_in_more_loops(user))
        for user in users
        if user.name == "linalg.generic"
    )


def _start_as_input(op: ir.Operation) -> None:
    """Read the start of an elementwise result as an input.

    Fused into a user with more loops it would be read again after it was written: a sum without anything to sum over,
    such as one of a single number, would grow from turn to turn.
    """
    inputs, start = input_count(op), op.operands[input_count(op)]
    element = ir.ShapedType(start.type).element_type
    with ir.InsertionPoint(op), op.location:
        attributes = dict(op.attributes.items())
        maps = list(ir.ArrayAttr(attributes["indexing_maps"]))
        attributes["indexing_maps"] = ir.ArrayAttr.get([*maps, maps[-1]])
        attributes["operandSegmentSizes"] = ir.DenseI32ArrayAttr.get([inputs + 1, 1])
        new = ir.Operation.create(
            op.name,
            results=[op.results[0].type],
            operands=[*op.operands, empty(sizes_of(start), element)],
            attributes=attributes,
            regions=1,
        )
    block = op.regions[0].blocks[0]
    block.append_to(new.regions[0])
    block.add_argument(element, op.location)
    op.results[0].replace_all_uses_with(new.results[0])
    op.erase()


def _is_cheap(producer: ir.Operation, limit: int) -> bool:
    shape = ir.ShapedType(producer.results[0].type).rank
    inputs = list(producer.operands)[: input_count(producer)]
    ranks = [ir.ShapedType(v.type).rank for v in inputs if isinstance(v.type, ir.ShapedType)]
    if ranks.count(shape) > 1:
        return False
    *body, _ = [op.operation for op in producer.regions[0].blocks[0].operations]
    expensive = any(op.name.startswith("math.") or "div" in op.name or op.name == "tensor.extract" for op in body)
    return len(body) <= limit and not expensive


def _feeding_reductions(root: ir.Operation) -> list[ir.Operation]:
    """Elementwise producers of an operand of an operation that reduces."""
    reductions = [op for op in structured_ops(root) if not all(loop.parallel for loop in loops_of(op))]
    return _producers(reductions)


def _repeated_by_reductions(root: ir.Operation) -> list[ir.Operation]:
    """Elementwise producers of what an operation that reduces reads again for every turn of a parallel loop."""
    operands: list[ir.Value] = []
    for op in structured_ops(root):
        loops = loops_of(op)
        if all(loop.parallel for loop in loops):
            continue
        parallel = {dim for dim, loop in enumerate(loops) if loop.parallel}
        for operand, used in zip(op.operands, used_dims(op), strict=False):
            if not parallel <= used:
                operands.append(operand)
    return _producers_of(operands)


def _feeding_reshapes(root: ir.Operation) -> list[ir.Operation]:
    return _producers([op for op in operations(root) if op.name in _RESHAPES])


def _widened_for_products(root: ir.Operation) -> list[ir.Operation]:
    """Elementwise producers of narrow floats that products read widened, in another order or times a constant."""
    products = [op for op in structured_ops(root) if contraction_maps(op) is not None]
    sources = [_widened_from(operand) for op in products for operand in list(op.operands)[: input_count(op)]]
    return _producers_of([source for source in sources if source is not None])


def _widened_from(value: ir.Value) -> ir.Value | None:
    """What ``value`` is a widened form of, moved or scaled as well; None where nothing is widened."""
    widens = False
    while isinstance(value, ir.OpResult):
        op = value.owner.operation
        if op.name == "linalg.generic":
            if input_count(op) != 1 or not _is_elementwise(op) or factor_of(op.regions[0].blocks[0]) is None:
                break
            widens |= any(inner.name == "arith.extf" for inner in inside(op))
        elif op.name not in (*_RESHAPES, "linalg.transpose"):
            break
        value = op.operands[0]
    return value if widens else None


def _ends_of_products(root: ir.Operation) -> list[ir.Operation]:
    """Elementwise operations that end chains behind different products and meet in another one."""
    found: list[ir.Operation] = []
    for join in structured_ops(root):
        behind = [_reduction_behind(value) if _is_elementwise(join) else None for value in join.operands]
        if len({reduction for reduction in behind if reduction is not None}) > 1:
            found += [v.owner.operation for v, op in zip(join.operands, behind, strict=True) if op is not None]
    return found


def _reduction_behind(value: ir.Value) -> ir.Operation | None:
    """The reduction whose result a chain of elementwise operations turns into ``value``, with no other user."""
    chain = 0
    while isinstance(value, ir.OpResult) and len({use.owner.operation for use in value.uses}) == 1:
        op = value.owner.operation
        if not is_structured(op):
            return None
        if not all(loop.parallel for loop in loops_of(op)):
            return op if chain else None
        kind = ir.ShapedType(value.type)
        alike = [v for v in op.operands[: input_count(op)] if isinstance(v.type, ir.ShapedType)]
        alike = [v for v in alike if ir.ShapedType(v.type).rank == kind.rank and isinstance(v, ir.OpResult)]
        inner = [v for v in alike if is_structured(v.owner.operation)]
        if not _is_elementwise(op) or len(inner) != 1:
            return None
        value, chain = inner[0], chain + 1
    return None


def _producers(users: list[ir.Operation]) -> list[ir.Operation]:
    return _producers_of([operand for user in users for operand in user.operands])


def _producers_of(operands: list[ir.Value]) -> list[ir.Operation]:
    """The elementwise operations that make ``operands``, behind reshapes too."""
    found: list[ir.Operation] = []
    for operand in operands:
        value = operand
        while isinstance(value, ir.OpResult) and value.owner.operation.name in _RESHAPES:
            value = value.owner.operation.operands[0]
        if isinstance(value, ir.OpResult):
            producer = value.owner.operation
            if _is_elementwise(producer) and producer not in found:
                found.append(producer)
    return found


def _pin(producer: ir.Operation) -> None:
    terminator = list(producer.block.operations)[-1].operation
    with ir.InsertionPoint(terminator), producer.location:
        bufferization.DeallocTensorOp(producer.results[0])
