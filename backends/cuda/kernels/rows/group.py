"""A function of structured operations, read as what a kernel computes: which elements go into which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir import ir

from stepwell.backends.cuda.kernels.rows.sizes import ONE, ZERO, Size, Source, Symbols, product
from stepwell.passes.buffer.rows.combiners import KINDS
from stepwell.passes.tensor.kernels.fills import is_fill
from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location

_RESHAPES = ("tensor.expand_shape", "tensor.collapse_shape", "tensor.cast")
_IGNORED = ("tensor.empty", "tensor.dim", "arith.constant", "func.return")


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
        combiners: of a reduction, the operation of the body that joins, for each result.
    """

    op: ir.Operation
    order: tuple[int, ...]
    sizes: tuple[Size, ...]
    reduced: tuple[bool, ...]
    operands: tuple[Operand, ...]
    results: tuple[Operand, ...]
    combiners: tuple[ir.Operation, ...]

    @property
    def body(self) -> ir.Block:
        return self.op.regions[0].blocks[0]

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
        filled: the scalars that constant tensors are full of.
        symbols: sizes that are known at run time only.
    """

    def __init__(self, function: ir.Operation) -> None:
        self.function = function
        self.symbols = Symbols()
        self.nodes: list[Node] = []
        self.filled: dict[ir.Value, ir.Value] = {}
        self._tensors: dict[ir.Value, _Tensor] = {}
        block = function.regions[0].blocks[0]
        self.arguments = list(block.arguments)
        for number, argument in enumerate(self.arguments):
            self._tensors[argument] = _Tensor(argument, self._fresh(argument, number))
        *operations, end = [view.operation for view in block.operations]
        for op in operations:
            self._read(op)
        self.results = [self._tensors[value].source for value in end.operands]
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

    # -- reading ------------------------------------------------------------------------------------------------------

    def _fresh(self, value: ir.Value, argument: int) -> tuple[Size, ...]:
        kind = ir.RankedTensorType(value.type)
        return tuple(
            self.symbols.fresh(Source(argument, axis)) if kind.is_dynamic_dim(axis) else Size(kind.shape[axis])
            for axis in range(kind.rank)
        )

    def _read(self, op: ir.Operation) -> None:
        if op.name in _RESHAPES and op.operands[0] in self.filled:
            self.filled[op.results[0]] = self.filled[op.operands[0]]
        elif op.name in _RESHAPES:
            if op.operands[0] in self._tensors:  # else an empty tensor
                self._tensors[op.results[0]] = self._reshaped(op)
        elif is_fill(op):
            self.filled[op.results[0]] = op.operands[0]
        elif op.name == "linalg.generic":
            self._generic(op)
        elif op.name == "arith.constant" and isinstance(op.attributes["value"], ir.DenseElementsAttr):
            raise self.refuse("a constant tensor", op)
        elif op.name not in _IGNORED:
            raise self.refuse(f"'{op.name}'", op)

    def _reshaped(self, op: ir.Operation) -> _Tensor:
        source, kind = self._tensors[op.operands[0]], ir.RankedTensorType(op.results[0].type)
        if op.name == "tensor.cast":
            return source
        groups = [[int(axis.value) for axis in group] for group in op.attributes["reassociation"]]
        if op.name == "tensor.collapse_shape":
            return _Tensor(source.source, tuple(product([source.sizes[a] for a in group]) for group in groups))
        sizes: list[Size] = []
        for whole, group in zip(source.sizes, groups, strict=True):
            static = product([Size(kind.shape[axis]) for axis in group if not kind.is_dynamic_dim(axis)])
            rest = self.symbols.divided(whole, static.factor)
            if rest is None or sum(kind.is_dynamic_dim(axis) for axis in group) > 1:
                raise self.refuse("a reshape into two sizes known at run time only", op)
            sizes += [rest if kind.is_dynamic_dim(axis) else Size(kind.shape[axis]) for axis in group]
        return _Tensor(source.source, tuple(sizes))

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
        combiners = tuple(self._combiner(op, position) for position in range(count)) if any(reduced) else ()
        node = Node(
            op, order, tuple(sizes[loop] for loop in order), reduced, tuple(operands), tuple(results), combiners
        )
        self.nodes.append(node)

    def _loops(self, op: ir.Operation, maps: Sequence[ir.AffineMap]) -> list[Size]:
        sizes: list[Size | None] = [None] * maps[0].n_dims
        for value, map_ in zip(op.operands, maps, strict=True):
            for axis, expr in enumerate(map_.results):
                if value not in self._tensors or not isinstance(expr, ir.AffineDimExpr):
                    continue
                loop, size = expr.position, self._tensors[value].sizes[axis]
                known = sizes[loop]
                if known is not None and not self.symbols.equate(known, size):
                    raise self.refuse("loops whose sizes are not seen to be equal", op)
                sizes[loop] = size
        for value, map_ in zip(op.operands, maps, strict=True):  # of tensor.empty and linalg.fill
            for axis, expr in enumerate(map_.results):
                if isinstance(expr, ir.AffineDimExpr) and sizes[expr.position] is None:
                    kind = ir.RankedTensorType(value.type)
                    if not kind.is_dynamic_dim(axis):
                        sizes[expr.position] = Size(kind.shape[axis])
        if None in sizes:
            raise self.refuse("a loop whose size no operand gives", op)
        return [size for size in sizes if size is not None]

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
            if isinstance(expr, ir.AffineDimExpr):
                loop = expr.position
                if strides[loop] != ZERO:
                    raise self.refuse("a diagonal", op)
                strides[loop] = ZERO if size == ONE else step
            elif not (isinstance(expr, ir.AffineConstantExpr) and expr.value == 0):
                raise self.refuse(f"an operand read by {map_}", op)
            step = step * size
        return Operand(tensor.source, tuple(strides[loop] for loop in order))

    def _combiner(self, op: ir.Operation, position: int) -> ir.Operation:
        block = op.regions[0].blocks[0]
        end = list(block.operations)[-1].operation
        held = list(block.arguments)[len(op.operands) - len(op.results) + position]
        joined = end.operands[position].owner
        uses = [use.owner.operation for use in held.uses]
        if isinstance(joined, ir.Block) or joined.operation.name not in KINDS or uses != [joined.operation]:
            raise self.refuse("a reduction whose terms no single operation joins", op)
        return joined.operation
