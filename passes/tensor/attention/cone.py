"""What stands between two products: everything that depends on the first and that only the second uses."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch_mlir import ir

from stepwell.passes.buffer.contraction.roles import contraction_maps
from stepwell.passes.tensor.attention.labels import KEYS, ROWS, Labels, Loop, UnnamedError, Zero, join, narrowed, split
from stepwell.passes.tensor.kernels.fills import is_fill
from stepwell.passes.tensor.structured import input_count, loops_of

RESHAPES = ("tensor.expand_shape", "tensor.collapse_shape")


@dataclass
class Cone:
    """From the scores to ``final``, the product that uses the weights.

    Attributes:
        final: the last product.
        weights, values: the positions of its operands.
        labels: the part of each value in the cone, and of the operands of ``final``, that a block needs.
        loops: for each loop around a block the dimension of ``final`` that it runs over.
        rows: the dimension of ``final`` that is cut into blocks, None where there is one row.
        keys: by the result of each operation its dimension that runs over what ``final`` reduces.
        queries: elementwise operations ahead of the first product that are done on a block.
        members: the operations in between, and the first product, in program order.
    """

    final: ir.Operation
    weights: int
    values: int
    loops: list[int] = field(default_factory=list)
    rows: int | None = None
    labels: dict[ir.Value, Labels] = field(default_factory=dict)
    keys: dict[ir.Value, int] = field(default_factory=dict)
    scores: list[ir.Operation] = field(default_factory=list)
    queries: list[ir.Operation] = field(default_factory=list)
    members: list[ir.Operation] = field(default_factory=list)

    def dims(self, op: ir.Operation) -> Labels:
        """The labels of the dimensions of an operation."""
        labels, keys = dim_labels(op, self.labels[op.results[0]]), self.keys.get(op.results[0])
        return tuple(KEYS if dim == keys and label is None else label for dim, label in enumerate(labels))

    def axis(self, dim: int) -> int:
        """The axis of the result of ``final`` that its dimension ``dim`` indexes."""
        return list(maps_of(self.final)[2].results).index(ir.AffineDimExpr.get(dim))

    def holds(self, value: ir.Value) -> bool:
        """Whether ``value`` is made inside of the cone."""
        return isinstance(value, ir.OpResult) and value.owner.operation in self.members


def find_cone(final: ir.Operation) -> Cone | None:
    """The cone that ends in the product ``final``, if it is an attention: scores, a softmax of some form, a product."""
    maps = contraction_maps(final)
    if maps is None or len(final.results) != 1 or fill_of(final.operands[2]) is None:
        return None
    for weights in (0, 1):
        cone = Cone(final, weights, 1 - weights)
        try:
            _label_final(cone, maps)
            _Walk(cone).depends(final.operands[weights], cone.labels[final.operands[weights]])
        except UnnamedError:
            continue
        if len(cone.scores) == 1 and _has_softmax(cone) and not _escapes(cone):
            return cone
    return None


def fill_of(value: ir.Value) -> ir.Value | None:
    """The scalar that the tensor ``value`` is filled with, None where it is not."""
    while isinstance(value, ir.OpResult) and value.owner.operation.name in RESHAPES:
        value = value.owner.operation.operands[0]
    if not isinstance(value, ir.OpResult) or not is_fill(value.owner.operation):
        return None
    return value.owner.operation.operands[0]


def maps_of(op: ir.Operation) -> list[ir.AffineMap]:
    """The indexing maps of a structured operation."""
    return [ir.AffineMapAttr(attribute).value for attribute in ir.ArrayAttr(op.attributes["indexing_maps"])]


def groups_of(op: ir.Operation) -> list[list[int]]:
    """Which axes of the expanded form belong to each axis of the collapsed one."""
    groups = ir.ArrayAttr(op.attributes["reassociation"])
    return [[ir.IntegerAttr(axis).value for axis in ir.ArrayAttr(group)] for group in groups]


def source_labels(reshape: ir.Operation, labels: Labels) -> Labels:
    """The labels of what ``reshape`` reads where its result has ``labels``."""
    groups = groups_of(reshape)
    if reshape.name == "tensor.collapse_shape":
        return split(labels, reshape.operands[0], groups)
    return join(reshape.results[0], labels, groups)


def dim_labels(op: ir.Operation, labels: Labels) -> Labels:
    """The labels of the dimensions of ``op`` where its result has ``labels``; reduced ones are whole."""
    maps = maps_of(op)
    found: Labels = (None,) * maps[-1].n_dims
    for result, label in zip(maps[-1].results, labels, strict=True):
        if isinstance(result, ir.AffineDimExpr):
            found = (*found[: result.position], label, *found[result.position + 1 :])
    return tuple(Zero() if loop.size == 1 else label for loop, label in zip(loops_of(op), found, strict=True))


def operand_labels(value: ir.Value, indexing: ir.AffineMap, dims: Labels) -> Labels:
    """The labels of an operand that ``indexing`` walks through."""
    labels: Labels = ()
    for result in indexing.results:
        if isinstance(result, ir.AffineDimExpr):
            labels += (dims[result.position],)
        elif isinstance(result, ir.AffineConstantExpr) and result.value == 0:
            labels += (Zero(),)
        else:
            raise UnnamedError
    return narrowed(value, labels)


def _label_final(cone: Cone, maps: list[ir.AffineMap]) -> None:
    """Give every dimension of the last product its label: loops over what both operands share, rows in blocks."""
    used = [{result.position for result in map_.results if isinstance(result, ir.AffineDimExpr)} for map_ in maps]
    loops = loops_of(cone.final)
    shared = [dim for dim in sorted(used[2]) if dim in used[cone.weights] and loops[dim].size != 1]
    rows = [dim for dim in shared if dim not in used[cone.values]]
    cone.rows = rows[-1] if rows else None
    cone.loops = [dim for dim in shared if dim != cone.rows]
    labels: Labels = ()
    for dim, loop in enumerate(loops):
        if loop.size == 1:
            labels += (Zero(),)
        elif dim == cone.rows:
            labels += (ROWS,)
        else:
            labels += (Loop(cone.loops.index(dim)) if dim in cone.loops else None,)
    for value, indexing in zip([*cone.final.operands, cone.final.results[0]], [*maps, maps[2]], strict=True):
        cone.labels[value] = operand_labels(value, indexing, labels)


class _Walk:
    """From the weights backwards, as far as values depend on a product."""

    def __init__(self, cone: Cone) -> None:
        self.cone = cone
        self.known: dict[ir.Value, bool] = {}

    def depends(self, value: ir.Value, labels: Labels) -> bool:
        """Whether ``value`` depends on the scores; notes its labels and operations where it does."""
        labels = narrowed(value, labels)
        if value in self.known:
            if self.known[value] and self.cone.labels[value] != labels:
                raise UnnamedError
            return self.known[value]
        inside = isinstance(value, ir.OpResult) and self._made_from_scores(value.owner.operation, labels)
        self.known[value] = inside
        if inside:
            self.cone.labels[value] = labels
            self.cone.members.append(value.owner.operation)
        return inside

    def _made_from_scores(self, op: ir.Operation, labels: Labels) -> bool:
        if op.block != self.cone.final.block:
            return False
        if op.name in RESHAPES:
            try:
                return self.depends(op.operands[0], source_labels(op, labels))
            except UnnamedError:
                return False
        if contraction_maps(op) is not None and len(op.results) == 1:
            if fill_of(op.operands[2]) is None:
                raise UnnamedError
            for operand, indexing in zip(op.operands, maps_of(op), strict=True):
                operand_labels(operand, indexing, dim_labels(op, labels))
            self.cone.scores.append(op)
            dims = dim_labels(op, labels)
            for operand, indexing in zip(list(op.operands)[:2], maps_of(op), strict=False):
                self._take_queries(operand, operand_labels(operand, indexing, dims))
            return True
        if op.name != "linalg.generic" or len(op.results) != 1:
            return False
        dims, maps = dim_labels(op, labels), maps_of(op)
        inputs = list(op.operands)[: input_count(op)]
        inside = [self.depends(v, operand_labels(v, m, dims)) for v, m in zip(inputs, maps, strict=False)]
        if not any(inside):
            return False
        if uses_old_value(op) and fill_of(op.operands[len(inputs)]) is None:
            raise UnnamedError
        return True

    def _take_queries(self, value: ir.Value, labels: Labels) -> None:
        """Make ``value`` part of the cone if it is elementwise work on queries, which no two blocks share."""
        cone = self.cone
        if not isinstance(value, ir.OpResult) or (cone.rows is not None and ROWS not in labels):
            return
        op = value.owner.operation
        if op.name != "linalg.generic" or len(op.results) != 1 or uses_old_value(op) or op.block != cone.final.block:
            return
        shared = any(Loop(number) not in labels for number in range(len(cone.loops)))
        if shared or len(list(value.uses)) != 1 or not all(loop.parallel for loop in loops_of(op)):
            return
        dims = dim_labels(op, labels)
        try:
            for operand, indexing in zip(op.operands, maps_of(op), strict=True):
                operand_labels(operand, indexing, dims)
        except UnnamedError:
            return
        cone.queries.append(op)
        cone.members.append(op)
        cone.labels[value] = labels


def uses_old_value(op: ir.Operation) -> bool:
    """Whether the body of ``op`` reads what its result starts from."""
    return any(True for _ in op.regions[0].blocks[0].arguments[input_count(op)].uses)


def _has_softmax(cone: Cone) -> bool:
    """Whether numbers of a row are reduced and exponentials taken, as without them a block gains nothing."""
    between = [op for op in cone.members if op.name == "linalg.generic" and op not in (*cone.scores, *cone.queries)]
    names = {inner.operation.name for op in between for inner in op.regions[0].blocks[0].operations}
    return any(not loop.parallel for op in between for loop in loops_of(op)) and "math.exp" in names


def _escapes(cone: Cone) -> bool:
    users = [use.owner.operation for op in cone.members for use in op.results[0].uses]
    return any(user != cone.final and user not in cone.members for user in users)
