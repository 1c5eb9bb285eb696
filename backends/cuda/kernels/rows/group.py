"""A function of structured operations, read as what a kernel computes: which elements go into which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch_mlir import ir

from stepwell.backends.cuda.kernels.rows.access import Term, factors, terms
from stepwell.backends.cuda.kernels.rows.joins import Join, joins_of
from stepwell.backends.cuda.kernels.rows.sizes import ONE, ZERO, Size, Source, Symbols, product
from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location

_RESHAPES = ("tensor.expand_shape", "tensor.collapse_shape", "tensor.cast")


@dataclass(frozen=True)
class Operand:
    """What an operation reads or writes.

    Attributes:
        source: the tensor behind all reshapes, or a scalar.
        strides: by how many elements of it each loop of the operation goes on.
    """

    source: ir.Value
    strides: tuple[Size, ...]


@dataclass(frozen=True)
class Node:
    """An operation; its loops are in the order of its first result.

    Attributes:
        op: the ``linalg.generic``.
        order: which of the operation's own loops each loop is.
        sizes: of its loops.
        reduced: which of them are reductions.
        operands: as many as the body has arguments; the last ones are what results start from.
        results: where the results' elements lie.
        plain: whether each axis of each operand is walked by one loop at most.
        joins: of a reduction, how its results are joined; empty where it has to go term by term.
    """

    op: ir.Operation
    order: tuple[int, ...]
    sizes: tuple[Size, ...]
    reduced: tuple[bool, ...]
    operands: tuple[Operand, ...]
    results: tuple[Operand, ...]
    plain: bool
    joins: tuple[Join, ...]

    @property
    def body(self) -> ir.Block:
        return self.op.regions[0].blocks[0]

    @property
    def reduces(self) -> bool:
        return any(self.reduced)

    def lies_plainly(self, result: Operand) -> bool:
        """Whether a result's elements lie in the order of the loops that are not reduced."""
        loops = zip(self.sizes, result.strides, self.reduced, strict=True)
        kept = [(size, stride) for size, stride, reduced in loops if not reduced]
        found = terms([size for size, _ in kept], [stride for _, stride in kept])
        return found in ((), (Term(ONE, None, ONE),))

    @property
    def inputs(self) -> int:
        """How many of the operands are no starting values."""
        return len(self.operands) - len(self.results)


@dataclass(frozen=True)
class _Tensor:
    source: ir.Value
    sizes: tuple[Size, ...]


class Group:
    """What a kernel is made of.

    Attributes:
        function: the function; its arguments are tensors.
        nodes: its operations, in order.
        results: what it returns, behind all reshapes.
        filled: the scalars that constant tensors are full of, or their attributes.
        numbers: sizes that the function names.
        reduced: results that reductions have a part in.
        symbols: sizes that are known at run time only.
    """

    def __init__(self, function: ir.Operation) -> None:
        self.function = function
        self.symbols = Symbols()
        self.nodes: list[Node] = []
        self.filled: dict[ir.Value, ir.Value | ir.Attribute] = {}
        self._tensors: dict[ir.Value, _Tensor] = {}
        self.numbers: dict[ir.Value, Size] = {}
        self._shapes: dict[ir.Value, Sequence[Size | None]] = {}
        block = function.regions[0].blocks[0]
        self.arguments = list(block.arguments)
        for number, argument in enumerate(self.arguments):
            self._tensors[argument] = _Tensor(argument, self._fresh(argument, number))
        *operations, end = [view.operation for view in block.operations]
        for op in operations:
            self._read(op)
        self.nodes = [self._resolved(node) for node in self.nodes]
        self.results = [self._tensors[value].source for value in end.operands]
        self.reduced = self._reduced()
        self.producers = {result: node for node in self.nodes for result in node.op.results}
        for value in self.results:
            if value not in self.producers:
                raise self.refuse("a result that no operation computes")

    def refuse(self, what: str, op: ir.Operation | None = None) -> PassError:
        """The error for what no kernel of this family does."""
        return PassError(
            f"a kernel of family 'rows' can't hold {what}",
            where=describe_location((op or self.function).location),
            hint="leave it to another kernel",
        )

    def size(self, value: ir.Value) -> Size:
        """How many elements a tensor has."""
        return self.symbols.resolve(product([self.symbols.resolve(size) for size in self._tensors[value].sizes]))

    def _reduced(self) -> set[ir.Value]:
        found: set[ir.Value] = set()
        for node in self.nodes:
            if node.reduces or any(operand.source in found for operand in node.operands):
                found.update(node.op.results)
        return found

    # -- reading ------------------------------------------------------------------------------------------------------

    def _fresh(self, value: ir.Value, argument: int) -> tuple[Size, ...]:
        kind = ir.RankedTensorType(value.type)
        return tuple(
            self.symbols.fresh(Source(argument, axis)) if kind.is_dynamic_dim(axis) else Size(kind.shape[axis])
            for axis in range(kind.rank)
        )

    def _read(self, op: ir.Operation) -> None:
        if op.name in _RESHAPES:
            self._reshape(op)
        elif op.name == "linalg.fill":
            self.filled[op.results[0]] = op.operands[0]
            self._shapes[op.results[0]] = self._shape(op.operands[1])
        elif op.name == "linalg.generic":
            self._generic(op)
        elif op.name == "tensor.empty":
            self._shapes[op.results[0]] = self._empty(op)
        elif op.name == "tensor.dim":
            axis = self.numbers.get(op.operands[1])
            size = None if axis is None else self._shape(op.operands[0])[axis.factor]
            if size is None:
                raise self.refuse("a size that no operand gives", op)
            self.numbers[op.results[0]] = size
        elif op.name == "arith.constant":
            self._constant(op)
        elif not op.name.startswith("arith.") or any(isinstance(v.type, ir.RankedTensorType) for v in op.results):
            raise self.refuse(f"'{op.name}'", op)

    def _constant(self, op: ir.Operation) -> None:
        value = op.attributes["value"]
        if isinstance(value, ir.DenseElementsAttr):
            if not value.is_splat:
                raise self.refuse("a constant tensor whose elements differ", op)
            self.filled[op.results[0]] = value.get_splat_value()
        elif isinstance(op.results[0].type, ir.IndexType):
            self.numbers[op.results[0]] = Size(ir.IntegerAttr(value).value)

    def _empty(self, op: ir.Operation) -> tuple[Size | None, ...]:
        kind = ir.RankedTensorType(op.results[0].type)
        dynamic = iter(op.operands)
        return tuple(
            self.numbers.get(next(dynamic)) if kind.is_dynamic_dim(axis) else Size(kind.shape[axis])
            for axis in range(kind.rank)
        )

    def _resolved(self, node: Node) -> Node:
        """The operation, once all is known about the sizes of its operands."""

        def known(sizes: tuple[Size, ...]) -> tuple[Size, ...]:
            return tuple(map(self.symbols.resolve, sizes))

        def operand(found: Operand) -> Operand:
            return Operand(found.source, known(found.strides))

        operands, results = tuple(map(operand, node.operands)), tuple(map(operand, node.results))
        found = replace(node, sizes=known(node.sizes), operands=operands, results=results)
        if not all(found.lies_plainly(result) for result in results):
            raise self.refuse("results that lie in different orders", node.op)
        return found

    def _reshape(self, op: ir.Operation) -> None:
        source, result = op.operands[0], op.results[0]
        sizes = self._shape(source)
        if op.name != "tensor.cast":
            sizes = self._reshaped(op, [size for size in sizes if size is not None])
        if source in self.filled:
            self.filled[result] = self.filled[source]
        if source in self._tensors:
            self._tensors[result] = _Tensor(self._tensors[source].source, tuple(size or ONE for size in sizes))
        else:
            self._shapes[result] = tuple(sizes)

    def _reshaped(self, op: ir.Operation, sizes: list[Size]) -> list[Size]:
        kind = ir.RankedTensorType(op.results[0].type)
        groups = [[int(axis.value) for axis in group] for group in op.attributes["reassociation"]]
        if op.name == "tensor.collapse_shape":
            return [product([sizes[axis] for axis in group]) for group in groups]
        found: list[Size] = []
        for whole, group in zip(sizes, groups, strict=True):
            static = product([Size(kind.shape[axis]) for axis in group if not kind.is_dynamic_dim(axis)])
            rest = self.symbols.divided(whole, static.factor)
            if rest is None or sum(kind.is_dynamic_dim(axis) for axis in group) > 1:
                raise self.refuse("a reshape into two sizes known at run time only", op)
            found += [rest if kind.is_dynamic_dim(axis) else Size(kind.shape[axis]) for axis in group]
        return found

    def _generic(self, op: ir.Operation) -> None:
        maps = [attribute.value for attribute in op.attributes["indexing_maps"]]
        kinds = [str(attribute) for attribute in op.attributes["iterator_types"]]
        count = len(op.results)
        sizes = self._loops(op, maps)
        order = self._order(op, maps[-count], len(kinds))
        operands = [self._operand(op, value, map_, order) for value, map_ in zip(op.operands, maps, strict=True)]
        results = []
        for result, map_ in zip(op.results, maps[-count:], strict=True):
            shape = [sizes[expr.position] if isinstance(expr, ir.AffineDimExpr) else ONE for expr in map_.results]
            self._tensors[result] = _Tensor(result, tuple(shape))
            results.append(self._operand(op, result, map_, order))
        reduced = tuple("reduction" in kinds[loop] for loop in order)
        joins = joins_of(op, frozenset(loop for loop, kind in enumerate(kinds) if "reduction" in kind)) or ()
        plain = all(isinstance(e, ir.AffineDimExpr | ir.AffineConstantExpr) for map_ in maps for e in map_.results)
        ordered = tuple(sizes[loop] for loop in order)
        self.nodes.append(Node(op, order, ordered, reduced, tuple(operands), tuple(results), plain, joins))

    def _loops(self, op: ir.Operation, maps: Sequence[ir.AffineMap]) -> list[Size]:
        sizes: list[Size | None] = [None] * maps[0].n_dims
        for value, map_ in zip(op.operands, maps, strict=True):
            for expr, size in zip(map_.results, self._shape(value), strict=False):
                if size is None or not isinstance(expr, ir.AffineDimExpr):
                    continue
                known = sizes[expr.position]
                if known is not None and not self.symbols.equate(known, size):
                    raise self.refuse("loops whose sizes are not seen to be equal", op)
                sizes[expr.position] = size
        if None in sizes:
            raise self.refuse("a loop whose size no operand gives", op)
        return [size for size in sizes if size is not None]

    def _shape(self, value: ir.Value) -> Sequence[Size | None]:
        """The sizes of an operand, as far as they are known; of a scalar none."""
        if value in self._tensors:
            return self._tensors[value].sizes
        if not isinstance(value.type, ir.RankedTensorType):
            return ()
        return self._shapes[value]

    def _order(self, op: ir.Operation, map_: ir.AffineMap, loops: int) -> tuple[int, ...]:
        """The result's loops as they lie in memory, then those that are reduced; where they were, if that fits."""
        found = [e.position for e in map_.results if isinstance(e, ir.AffineDimExpr)]
        if found == sorted(found):
            return tuple(range(loops))
        return (*found, *(loop for loop in range(loops) if loop not in found))

    def _operand(self, op: ir.Operation, value: ir.Value, map_: ir.AffineMap, order: Sequence[int]) -> Operand:
        if value not in self._tensors:
            return Operand(value, (ZERO,) * len(order))
        tensor = self._tensors[value]
        strides: list[Size] = [ZERO] * map_.n_dims
        step = ONE
        for expr, size in zip(reversed(map_.results), reversed(tensor.sizes), strict=True):
            steps = factors(expr)
            if steps is None or any(strides[loop] != ZERO for loop in steps):
                raise self.refuse(f"an operand read by {map_}", op)
            for loop, factor in steps.items():
                strides[loop] = ZERO if size == ONE else step * Size(factor)
            step = step * size
        return Operand(tensor.source, tuple(strides[loop] for loop in order))
