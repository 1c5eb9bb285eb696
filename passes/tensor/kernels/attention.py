"""Attention: a product, the softmax of its rows, a product with that; which tensors are queries, keys and values."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg

from stepwell.passes.tensor.attention.cone import RESHAPES
from stepwell.passes.tensor.kernels.contraction import Contraction, match_contraction
from stepwell.passes.tensor.kernels.views import View, constant, view_of
from stepwell.passes.tensor.structured import input_count, loops_of


@dataclass(frozen=True)
class Heads:
    """A tensor of queries, keys, values or results: strides in elements of ``base``, beginning at ``offset``.

    Attributes:
        sequence: how many vectors a head has.
        strides: from batch to batch, head to head, and vector to vector; a vector's elements lie side by side.
    """

    base: ir.Value
    offset: int
    sequence: int
    strides: tuple[int, int, int]


@dataclass(frozen=True)
class Attention:
    """``softmax(scale * queries keys^T) values`` for each head.

    Attributes:
        ops: the operations that compute it, in program order; the last one makes the result.
        batch, heads, size: how many there are, and elements of a vector.
        causal: whether query i sees keys up to i only.
    """

    ops: tuple[ir.Operation, ...]
    queries: Heads
    keys: Heads
    values: Heads
    result: Heads
    batch: int
    heads: int
    size: int
    scale: float
    causal: bool


def match_attention(op: ir.Operation) -> Attention | None:
    """The attention whose product with the values ``op`` is; None where it is none of static shape."""
    second = match_contraction(op)
    if second is None:
        return None
    weights, ops = _behind(op.operands[second.left])
    softmax = _softmax(weights)
    if softmax is None:
        return None
    first = match_contraction(softmax.scores)
    if first is None:
        return None
    roles = _roles(first, second)
    values = view_of(op.operands[second.right])
    left, right = (view_of(softmax.scores.operands[place]) for place in (first.left, first.right))
    if roles is None or values is None or left is None or right is None or values.factor != 1.0:
        return None
    ending = _ending(op)
    result = _result(op, ending, second)
    heads = [
        _heads(left, first.maps[0], first, first.row, first.depth),
        _heads(right, first.maps[1], first, first.column, first.depth),
        _heads(values, second.maps[1], second, second.depth, second.column),
    ]
    if result is None or any(found is None for found in heads):
        return None
    queries, keys, held = (found for found in heads if found is not None)
    batch, count, size = roles
    chain = {*left.ops, *right.ops, *values.ops, *softmax.ops, *ops, op, *ending}
    order = [view.operation for view in op.block.operations if view.operation in chain]
    if not _closed(order):
        return None
    scale = left.factor * right.factor
    return Attention(tuple(order), queries, keys, held, result, batch, count, size, scale, softmax.causal)


_LINE = 8
"""Elements of 16 bits that the copy engine takes at least."""

_LONGEST = 256


def is_dense(attention: Attention) -> bool:
    """Whether the copy engine can take vectors of 16-bit elements where they lie, up to 256 elements long."""
    tensors = (attention.queries, attention.keys, attention.values, attention.result)
    elements = {str(ir.RankedTensorType(heads.base.type).element_type) for heads in tensors}
    if len(elements) != 1 or not elements <= {"bf16", "f16"} or attention.scale <= 0:
        return False
    steps = [step for heads in tensors for step in (heads.offset, *heads.strides)]
    return attention.size <= _LONGEST and all(step % _LINE == 0 for step in (attention.size, *steps))


@dataclass(frozen=True)
class _Softmax:
    """The softmax of the rows of a product's result."""

    scores: ir.Operation
    causal: bool
    ops: tuple[ir.Operation, ...]


def _behind(value: ir.Value) -> tuple[ir.Operation | None, list[ir.Operation]]:
    """What makes ``value``, behind reshapes, and these."""
    reshapes: list[ir.Operation] = []
    owner = value.owner
    while not isinstance(owner, ir.Block) and owner.operation.name in RESHAPES:
        reshapes.append(owner.operation)
        owner = owner.operation.operands[0].owner
    return (None if isinstance(owner, ir.Block) else owner.operation), reshapes


def _softmax(divide: ir.Operation | None) -> _Softmax | None:
    """The softmax that ends in ``divide``: exponentials over their sum, with the largest score taken off before."""
    if divide is None or not _is_elementwise(divide, 2) or _body(divide) != ["arith.divf", "linalg.yield"]:
        return None
    (power, first), (total, second) = (_behind(divide.operands[place]) for place in range(2))
    if power is None or total is None or not _is_reduction(total, "arith.addf"):
        return None
    summed, third = _behind(total.operands[0])
    if summed != power or power.name != "linalg.generic" or len(power.results) != 1:
        return None
    scores = _exponential(power)
    if scores is None:
        return None
    return _Softmax(scores.scores, scores.causal, (*scores.ops, power, *third, total, *first, *second, divide))


def _exponential(power: ir.Operation) -> _Softmax | None:
    """``exp(score - largest)``, plain or with the keys behind a query left out."""
    names = _body(power)
    inputs = [power.operands[place] for place in range(input_count(power))]
    made = [_behind(value) for value in inputs]
    if names == ["arith.subf", "math.exp", "linalg.yield"] and len(inputs) == 2:
        (scores, first), (largest, second) = made
        if largest is None or not _is_reduction(largest, "arith.maximumf"):
            return None
        compared, third = _behind(largest.operands[0])
        if scores is None or compared != scores:
            return None
        return _Softmax(scores, False, (scores, *third, largest, *first, *second))
    masked = ["arith.cmpi", "arith.select", "arith.subf", "math.exp", "linalg.yield"]
    if names != masked or len(inputs) != 4 or not _is_causal(power):
        return None
    keys, queries, scores, largest = (one for one, _ in made)
    if scores is None or largest is None or _body(largest)[:2] != masked[:2] or not _is_causal(largest):
        return None
    compared, third = _behind(largest.operands[2])
    if compared != scores or _body(largest)[2:] != ["arith.maximumf", "linalg.yield"]:
        return None
    numbers = [op for op in (keys, queries) if op is not None]
    reshapes = [op for _, found in made for op in found]
    return _Softmax(scores, True, (*numbers, scores, *third, largest, *reshapes))


def _is_causal(op: ir.Operation) -> bool:
    """Whether the body keeps scores whose key's number is at most the query's, and takes -inf for others."""
    block = op.regions[0].blocks[0]
    compare, choose = (view.operation for view in list(block.operations)[:2])
    key, query, score = list(block.arguments)[:3]
    predicate = ir.IntegerAttr(compare.attributes["predicate"]).value
    if predicate != arith.CmpIPredicate.sle or list(compare.operands) != [key, query]:
        return False
    if choose.operands[1] != score or constant(choose.operands[2]) != float("-inf"):
        return False
    maps = [ir.AffineMapAttr(attribute).value for attribute in linalg.get_indexing_maps(op)]
    loops = loops_of(op)

    def walked(place: int) -> list[int]:
        dims = [ir.AffineDimExpr(e).position for e in maps[place].results if isinstance(e, ir.AffineDimExpr)]
        return [dim for dim in dims if loops[dim].size != 1]

    scored = walked(2)
    return (
        all(_is_numbered(op.operands[place]) for place in range(2))
        and walked(0) == scored[-1:]
        and walked(1) == scored[-2:-1]
    )


def _is_numbered(value: ir.Value) -> bool:
    """Whether the elements of ``value`` along its one long axis are 0, 1, 2, ..."""
    made, _ = _behind(value)
    numbered = ["linalg.index", "arith.index_cast", "linalg.yield"]
    if made is None or made.name != "linalg.generic" or _body(made) != numbered:
        return False
    return [loop.size != 1 for loop in loops_of(made)] == [True]


def _is_elementwise(op: ir.Operation | None, inputs: int) -> bool:
    if op is None or op.name != "linalg.generic" or input_count(op) != inputs or len(op.results) != 1:
        return False
    return all(loop.parallel for loop in loops_of(op))


def _is_reduction(op: ir.Operation | None, name: str) -> bool:
    if op is None or op.name != "linalg.generic" or input_count(op) != 1 or len(op.results) != 1:
        return False
    return _body(op) == [name, "linalg.yield"] and any(not loop.parallel for loop in loops_of(op))


def _body(op: ir.Operation | None) -> list[str]:
    return [] if op is None else [str(view.operation.name) for view in op.regions[0].blocks[0].operations]


def _walked(contraction: Contraction, dims: tuple[int, ...]) -> list[int]:
    """Those of ``dims`` with more than one iteration."""
    loops = loops_of(contraction.op)
    return [dim for dim in dims if loops[dim].size != 1]


def _roles(first: Contraction, second: Contraction) -> tuple[int, int, int] | None:
    """Batch, heads and the size of a vector, where both products have one dimension of each other role."""
    for product in (first, second):
        if any(len(_walked(product, dims)) > 1 for dims in (product.row, product.column, product.depth)):
            return None
    loops = loops_of(first.op)
    planes = [loops[dim].size for dim in _walked(first, first.batch)]
    others = [loops_of(second.op)[dim].size for dim in _walked(second, second.batch)]
    sizes = [loops[dim].size for dim in _walked(first, first.depth)]
    if planes != others or None in planes or len(planes) > 2 or len(sizes) != 1 or sizes[0] is None:
        return None
    known = [size for size in planes if size is not None]
    batch, heads = ([1] * (2 - len(known))) + known
    return batch, heads, sizes[0]


def _heads(
    view: View, axes: tuple[int, ...], contraction: Contraction, sequence: tuple[int, ...], inner: tuple[int, ...]
) -> Heads | None:
    """How heads lie in an operand that ``axes`` index; None where a vector's elements do not lie side by side."""
    stride = dict(zip(axes, view.strides, strict=True))
    size = dict(zip(axes, view.sizes, strict=True))
    vector = [dim for dim in inner if size[dim] != 1]
    along = [dim for dim in sequence if size[dim] != 1]
    if any(stride[dim] != 1 for dim in vector):
        return None
    planes = [stride[dim] for dim in _walked(contraction, contraction.batch)]
    batch, heads = ([0] * (2 - len(planes))) + planes
    step = stride[along[0]] if along else 0
    return Heads(view.base, view.offset, size[along[0]] if along else 1, (batch, heads, step))


def _ending(op: ir.Operation) -> list[ir.Operation]:
    """What only moves or narrows the result: the operations behind ``op`` up to the last one that stores it."""
    found: list[ir.Operation] = []
    last = op
    while True:
        uses = list(last.results[0].uses)
        if len(uses) != 1 or uses[0].owner.operation.block != op.block:
            break
        user = uses[0].owner.operation
        if user.name not in RESHAPES and not (_is_elementwise(user, 1) and _body(user) in _MOVES):
            break
        found.append(user)
        last = user
    while found and found[-1].name in RESHAPES:
        found.pop()
    return found


_MOVES = (["arith.truncf", "linalg.yield"], ["linalg.yield"])


def _result(op: ir.Operation, ending: list[ir.Operation], second: Contraction) -> Heads | None:
    """How the result's heads lie in what the last operation stores."""
    axes = second.maps[2]
    sizes = [int(size) for size in ir.RankedTensorType(op.results[0].type).shape]
    places: list[list[tuple[int, int]]] = [[(dim, size)] for dim, size in zip(axes, sizes, strict=True)]
    value = op.results[0]
    for step in ending:
        if step.name in RESHAPES:
            moved = _regrouped(step, places)
        else:
            moved = _permuted(step, places)
        if moved is None:
            return None
        places, value = moved, step.results[0]
    steps: dict[int, int] = {}
    stored = 1
    for dim, size in reversed([part for group in places for part in group]):
        steps[dim] = stored
        stored *= size
    column, row = _walked(second, second.column), _walked(second, second.row)
    if any(steps[dim] != 1 for dim in column):
        return None
    planes = [steps[dim] for dim in _walked(second, second.batch)]
    batch, heads = ([0] * (2 - len(planes))) + planes
    sequence = sizes[axes.index(row[0])] if row else 1
    return Heads(value, 0, sequence, (batch, heads, steps[row[0]] if row else 0))


def _permuted(op: ir.Operation, places: list[list[tuple[int, int]]]) -> list[list[tuple[int, int]]] | None:
    """The dimensions that each axis consists of behind a permutation; None where ``op`` is something else."""
    into, out = (ir.AffineMapAttr(attribute).value for attribute in linalg.get_indexing_maps(op))
    dims = [ir.AffineDimExpr(e).position for e in into.results if isinstance(e, ir.AffineDimExpr)]
    if not len(dims) == len(into.results) == out.n_dims or out != ir.AffineMap.get_identity(out.n_dims):
        return None
    return [places[dims.index(axis)] for axis in range(out.n_dims)]


def _regrouped(op: ir.Operation, places: list[list[tuple[int, int]]]) -> list[list[tuple[int, int]]] | None:
    """The dimensions that each axis consists of behind a reshape; None where one is cut."""
    groups = [[int(axis.value) for axis in group] for group in op.attributes["reassociation"]]
    if op.name == "tensor.collapse_shape":
        return [[part for axis in group for part in places[axis]] for group in groups]
    sizes = [int(size) for size in ir.RankedTensorType(op.results[0].type).shape]
    made: list[list[tuple[int, int]]] = []
    for number, group in enumerate(groups):
        parts = list(places[number])
        for axis in group:
            taken: list[tuple[int, int]] = []
            reached = 1
            while reached < sizes[axis] and parts:
                taken.append(parts.pop(0))
                reached *= taken[-1][1]
            if reached != sizes[axis]:
                return None
            made.append(taken)
        if any(size != 1 for _, size in parts):
            return None
        made[-1] += parts
    return made


def _closed(ops: list[ir.Operation]) -> bool:
    """Whether nobody else reads what lies between the first operation and the last, but for copies and numbers."""
    inner = {op for op in ops[:-1] if match_contraction(op) is not None or _is_reduction(op, "arith.addf")}
    return all(use.owner.operation in ops for op in inner for result in op.results for use in result.uses)
