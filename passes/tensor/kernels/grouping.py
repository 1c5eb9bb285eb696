"""Operations that become one kernel: a product with what is done to its result at once, or what shares rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch_mlir import ir
from torch_mlir.dialects import linalg

from stepwell.passes.tensor.attention.cone import RESHAPES
from stepwell.passes.tensor.kernels.attention import is_dense, match_attention
from stepwell.passes.tensor.kernels.contraction import match_contraction
from stepwell.passes.tensor.kernels.fills import is_fill
from stepwell.passes.tensor.kernels.gathered import BY_ELEMENT, gathered
from stepwell.passes.tensor.kernels.rows import Rows, joined, rows_of
from stepwell.passes.tensor.kernels.scattered import match_scatter
from stepwell.passes.tensor.kernels.windows import is_border, match_windows
from stepwell.passes.tensor.structured import input_count, is_structured, loops_of
from stepwell.support.walk import inside, outer_first

#: What the host does itself: numbers, shapes, and other views of the same memory.
_HOST_DIALECTS = ("arith", "math", "index", "affine", "ub")
_HOST = (
    "cf.assert",
    "func.call",
    "tensor.empty",
    "tensor.dim",
    "tensor.extract",
    "tensor.expand_shape",
    "tensor.collapse_shape",
    "tensor.cast",
    "func.return",
)


@dataclass
class Group:
    """Operations of one kernel in program order.

    Attributes:
        family: ``attention`` for a softmax between two products, ``product`` for matrix products with what follows them
            at once, ``windows`` for convolutions and pooling over images with channels last likewise, ``rows`` for
            elementwise operations and reductions that walk the same rows, ``points`` for what can be computed an
            element at a time, ``scatter`` for what is written to computed places, ``sequential`` for other loops that
            carry whole tensors.
        ops: the operations.
        rows: what the operations of family ``rows`` walk.
        copied: operations that the kernel does for itself, although others need them too.
    """

    family: str
    ops: list[ir.Operation] = field(default_factory=list)
    rows: Rows | None = None
    copied: list[ir.Operation] = field(default_factory=list)

    @property
    def root(self) -> ir.Operation:
        """The operation that the kernel is shaped by."""
        return self.ops[0]


def group_operations(block: ir.Block, *, attention: bool = False, bare_products: bool = False) -> list[Group]:
    """The kernels of a block; there is an order in which they can run.

    Args:
        attention: whether attention is one of them.
        bare_products: whether a product has nothing behind it but the rounding of its sums.
    """
    grouping = _Grouping([view.operation for view in block.operations], bare_products)
    if attention:
        for op in grouping.ops:
            grouping.attend(op)
    products = [op for op in grouping.ops if match_contraction(op) or match_windows(op)]
    behind = {op for product in products for op in _epilogue(product, {})}
    for op in reversed(grouping.ops):
        if op not in behind and not is_border(op):
            grouping.gather(op)
    for op in grouping.ops:
        grouping.visit(op)
    return grouping.groups


class _Grouping:
    """Groups under construction; ``owner`` is the group of an operation, where it has one."""

    def __init__(self, ops: Sequence[ir.Operation], bare_products: bool) -> None:
        self.ops = list(ops)
        self._bare_products = bare_products
        self.groups: list[Group] = []
        self._place = {op: position for position, op in enumerate(ops)}
        self.owner: dict[ir.Operation, Group] = {}

    def attend(self, op: ir.Operation) -> None:
        """Make a group of the attention that ends in the product ``op``, if it is one."""
        found = match_attention(op)
        if found is None or not is_dense(found) or any(one in self.owner for one in found.ops):
            return
        copied: set[ir.Operation] = set()
        while others := {one for one in found.ops[:-1] if one not in copied and _is_shared(one, found.ops, copied)}:
            copied |= others
        group = Group("attention", copied=[one for one in found.ops if one in copied])
        self._give(group, [one for one in found.ops if one not in copied])

    def gather(self, op: ir.Operation) -> None:
        """Make a group of ``op`` and the parts and joins of tensors that are made for it alone, if there are any."""
        found = [] if op in self.owner else gathered(op, self._place, self.owner)
        if found:
            self._give(Group("points"), found)

    def visit(self, op: ir.Operation) -> None:
        """Give ``op`` to a group, its own if need be."""
        if op in self.owner or _is_host(op) or is_fill(op) or is_border(op) or self._is_copied(op):
            return
        if match_contraction(op) is not None:
            behind = _epilogue(op, self.owner)
            if self._bare_products:
                behind = [one for one in behind[:1] if is_rounding(one)]
            self._give(Group("product"), [op, *behind])
            return
        windows = match_windows(op)
        if windows is not None:
            self._give(Group("windows", copied=list(windows.made)), [op, *_epilogue(op, self.owner)])
            return
        rows = rows_of(op)
        if rows is None:
            self._give(Group(_family(op)), [op])
            return
        for maker, reshapes in self._makers(op):
            group = self.owner.get(maker)
            if group is None or group.rows is None:
                continue
            common = joined(group.rows, rows)
            if common is not None and not self._between(group, op, reshapes):
                group.rows = common
                self._give(group, [*reshapes, op])
                return
        self._give(Group("rows", rows=rows), [op])

    def _is_copied(self, op: ir.Operation) -> bool:
        """Whether everybody who uses ``op`` does it for himself."""
        users = [use.owner.operation for result in op.results for use in result.uses]
        return bool(users) and all(
            op in self.owner[user].copied if user in self.owner else user.name in RESHAPES and self._is_copied(user)
            for user in users
        )

    def _give(self, group: Group, ops: Sequence[ir.Operation]) -> None:
        if not group.ops:
            self.groups.append(group)
        group.ops += [op for op in ops if op not in self.owner]
        self.owner.update({op: group for op in ops if op not in self.owner})

    def _makers(self, op: ir.Operation) -> list[tuple[ir.Operation, list[ir.Operation]]]:
        """What makes the operands of ``op``, the last first, with the reshapes on the way."""
        found = []
        for value in list(op.operands)[: input_count(op)]:
            reshapes: list[ir.Operation] = []
            owner = value.owner
            while not isinstance(owner, ir.Block) and owner.operation.name in RESHAPES:
                reshapes.insert(0, owner.operation)
                owner = owner.operation.operands[0].owner
            if not isinstance(owner, ir.Block) and isinstance(value.type, ir.RankedTensorType):
                found.append((owner.operation, reshapes))
        return sorted(found, key=lambda one: -self._place.get(one[0], -1))

    def _between(self, group: Group, op: ir.Operation, reshapes: Sequence[ir.Operation]) -> bool:
        """Whether something outside ``group`` stands between it and ``op``: they can't be one kernel then."""
        mine = {*group.ops, *reshapes}
        seen: set[ir.Operation] = set()
        rest = [before for before in makers(op) if before not in mine]
        while rest:
            one = rest.pop()
            if one in seen:
                continue
            seen.add(one)
            members = self.owner[one].ops if one in self.owner else [one]
            seen.update(members)
            for before in (before for member in members for before in makers(member)):
                if self.owner.get(before) is group:
                    return True
                rest.append(before)
        return False


def _is_host(op: ir.Operation) -> bool:
    return op.name in _HOST or op.name.partition(".")[0] in _HOST_DIALECTS


def _is_shared(op: ir.Operation, ops: Sequence[ir.Operation], copied: set[ir.Operation]) -> bool:
    users = [use.owner.operation for result in op.results for use in result.uses]
    return any(user not in ops or user in copied for user in users)


def makers(op: ir.Operation) -> list[ir.Operation]:
    """The operations of the block that make what ``op`` and what is inside it use."""
    block = op.block
    owners = [value.owner for inner in outer_first(op) for value in inner.operands]
    found = [owner.operation for owner in owners if not isinstance(owner, ir.Block)]
    return [maker for maker in found if maker.block == block]


def _family(op: ir.Operation) -> str:
    """Of an operation that walks no rows."""
    if match_scatter(op) is not None:
        return "scatter"
    return "points" if _has_elements(op) else "sequential"


def _has_elements(op: ir.Operation) -> bool:
    """Whether each element of what ``op`` gives can be computed by itself."""
    if not is_structured(op):
        return op.name in BY_ELEMENT
    return not any(inner.name in ("scf.for", "scf.while") for inner in inside(op))


def _epilogue(root: ir.Operation, taken: dict[ir.Operation, Group]) -> list[ir.Operation]:
    """Elementwise operations behind ``root``, each the only user of the one before and over the same elements.

    One that another kernel has ``taken``, whose product it uses as well, is none.
    """
    found: list[ir.Operation] = []
    last = root
    while (following := _next(last)) is not None and following not in taken:
        found.append(following)
        last = following
    return found


def is_rounding(op: ir.Operation) -> bool:
    """Whether all that an elementwise operation does is to round its one input to fewer bits."""
    body = [inner.operation.name for inner in op.regions[0].blocks[0].operations]
    return body == ["arith.truncf", "linalg.yield"]


def _next(op: ir.Operation) -> ir.Operation | None:
    uses = list(op.results[0].uses)
    if len(uses) != 1:
        return None
    user = uses[0].owner.operation
    if user.name != "linalg.generic" or not is_structured(user) or len(user.results) != 1:
        return None
    if uses[0].operand_number >= input_count(user) or user.block != op.block:
        return None
    if not all(loop.parallel for loop in loops_of(user)):
        return None
    maps = [ir.AffineMapAttr(attribute).value for attribute in linalg.get_indexing_maps(user)]
    same = maps[uses[0].operand_number] == maps[-1] and _is_identity(maps[-1])
    return user if same else None


def _is_identity(map_: ir.AffineMap) -> bool:
    return bool(map_ == ir.AffineMap.get_identity(map_.n_dims))
