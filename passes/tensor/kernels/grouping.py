"""Operations that become one kernel: a root, what it starts from, and what is done to its result at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch_mlir import ir
from torch_mlir.dialects import linalg

from stepwell.passes.tensor.kernels.contraction import match_contraction
from stepwell.passes.tensor.structured import input_count, is_structured, loops_of
from stepwell.support.walk import inside

#: What the host does itself: shapes, and other views of the same memory.
HOST = (
    "arith.",
    "index.",
    "affine.",
    "ub.",
    "cf.assert",
    "tensor.empty",
    "tensor.dim",
    "tensor.expand_shape",
    "tensor.collapse_shape",
    "tensor.cast",
    "func.return",
)


_BY_ELEMENT = ("tensor.pad", "tensor.extract_slice", "tensor.insert_slice", "tensor.concat")


@dataclass
class Group:
    """Operations of one kernel in program order.

    Attributes:
        family: ``product`` for matrix products with what follows them at once, ``points`` for what can be computed an
            element at a time, ``sequential`` for loops that carry whole tensors.
    """

    family: str
    ops: list[ir.Operation] = field(default_factory=list)

    @property
    def root(self) -> ir.Operation:
        """The operation that the kernel is shaped by."""
        return self.ops[0]


def group_operations(block: ir.Block) -> list[Group]:
    """The kernels of a block, each at the place of its last operation."""
    groups: list[Group] = []
    taken: set[ir.Operation] = set()
    for op in [op.operation for op in block.operations]:
        if op in taken or op.name.startswith(HOST) or is_fill(op):
            continue
        group = Group("points" if _has_elements(op) else "sequential", [op])
        if match_contraction(op) is not None:
            group = Group("product", [op, *_epilogue(op, taken)])
        taken.update(group.ops)
        groups.append(group)
    order = {op.operation: position for position, op in enumerate(block.operations)}
    return sorted(groups, key=lambda group: order[group.ops[-1]])


def _has_elements(op: ir.Operation) -> bool:
    """Whether each element of what ``op`` gives can be computed by itself."""
    if not is_structured(op):
        return op.name in _BY_ELEMENT
    return not any(inner.name in ("scf.for", "scf.while") for inner in inside(op))


def is_fill(op: ir.Operation) -> bool:
    """Whether ``op`` sets all elements of a tensor to one number, which a kernel does by itself where it starts."""
    if op.name == "linalg.fill":
        return True
    if op.name != "linalg.generic" or input_count(op) != 1 or isinstance(op.operands[0].type, ir.ShapedType):
        return False
    body = list(op.regions[0].blocks[0].operations)
    return len(body) == 1 and body[0].operands[0] == op.regions[0].blocks[0].arguments[0]


def _epilogue(root: ir.Operation, taken: set[ir.Operation]) -> list[ir.Operation]:
    """Elementwise operations behind ``root``, each the only user of the one before and over the same elements.

    One that another kernel has ``taken``, whose product it uses as well, is none.
    """
    found: list[ir.Operation] = []
    last = root
    while (following := _next(last)) is not None and following not in taken:
        found.append(following)
        last = following
    return found


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
    return map_ == ir.AffineMap.get_identity(map_.n_dims)
