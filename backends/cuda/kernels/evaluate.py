"""Single elements of the tensors in a kernel's function, computed where they are needed from the buffers it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, memref, scf

from stepwell.backends.cuda.kernels.element_rules import ELEMENTS
from stepwell.passes.tensor import index as ix
from stepwell.passes.tensor.index import Index
from stepwell.passes.tensor.kernels.followed import ops_behind, taken_by
from stepwell.passes.tensor.result_sizes import result_sizes
from stepwell.passes.tensor.structured import input_count, is_structured, loops_of
from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location

Functions: TypeAlias = Callable[[str, list[ir.Value]], ir.Value | None]


class Elements:
    """Builds elements at the insertion point.

    Args:
        values: what stands for the arguments of the function: buffers for tensors, scalars for scalars.
        known: elements that are there already, for tensors that the kernel computes in its own way.
        functions: builds functions by their operations' names, and gives None for those that stay as they are.
    """

    def __init__(
        self,
        values: Mapping[ir.Value, ir.Value],
        known: Mapping[ir.Value, Callable[[Sequence[Index]], ir.Value]] | None = None,
        functions: Functions | None = None,
    ) -> None:
        self._values = dict(values)
        self._known = dict(known or {})
        self._functions = functions

    def element(self, tensor: ir.Value, indices: Sequence[Index]) -> ir.Value:
        """The element of ``tensor`` at ``indices``."""
        if tensor in self._known:
            return self._known[tensor](indices)
        if tensor in self._values:
            return memref.load(self._values[tensor], [ix.value(index) for index in indices])
        if not isinstance(tensor, ir.OpResult):
            where = describe_location(tensor.location)
            raise PassError("a GPU kernel can't read a tensor that a loop carries", where=where)
        op = tensor.owner.operation
        build = ELEMENTS.get(op.name)
        if build is not None:
            return build(self, op, indices)
        if is_structured(op):
            return self._structured(op, ir.OpResult(tensor).result_number, indices)
        raise PassError(
            f"a GPU kernel has no way to compute elements of '{op.name}'", where=describe_location(op.location)
        )

    def branch(self) -> Elements:
        """The same for a region of its own: what is made there is not seen outside."""
        return Elements(self._values, self._known, self._functions)

    def scalar(self, outside: ir.Value) -> ir.Value:
        """What stands for a scalar of the function."""
        if outside in self._values:
            return self._values[outside]
        op = outside.owner.operation
        if op.name == "tensor.dim":
            axis = ir.IntegerAttr(op.operands[1].owner.attributes["value"]).value
            return ix.value(self.sizes(op.operands[0])[axis])
        if op.name == "tensor.extract":
            return self.element(op.operands[0], [self.scalar(index) for index in list(op.operands)[1:]])
        copy = _copy(op, [self.scalar(operand) for operand in op.operands])
        self._values[outside] = copy.results[0]
        return copy.results[0]

    def sizes(self, tensor: ir.Value) -> list[Index]:
        """The sizes of a tensor of the function."""
        if tensor in self._values:
            return ix.sizes_of(self._values[tensor])
        kind = ir.RankedTensorType(tensor.type)
        if kind.has_static_shape:
            return [int(size) for size in kind.shape]
        return result_sizes(tensor.owner.operation, ir.OpResult(tensor).result_number, self.sizes, self.scalar)

    def body(self, block: ir.Block, arguments: Sequence[ir.Value], dims: Sequence[Index]) -> list[ir.Value]:
        """A copy of the body of a structured operation; gives what it yields."""
        inner = dict(zip(block.arguments, arguments, strict=True))
        *ops, end = [op.operation for op in block.operations]
        for op in ops:
            self.perform(op, inner, dims)
        return [inner[value] if value in inner else self.scalar(value) for value in end.operands]

    def within(self, op: ir.Operation, value: ir.Value, dims: Sequence[Index]) -> ir.Value:
        """A value in the body of an elementwise operation at one place, and no more of the body than it needs."""
        maps = [ir.AffineMapAttr(attribute).value for attribute in linalg.get_indexing_maps(op)]
        body = op.regions[0].blocks[0]
        inner: dict[ir.Value, ir.Value] = {}
        for taken in taken_by(op, value):
            if isinstance(taken, ir.BlockArgument) and taken.owner == body:
                inner[taken] = self._argument(op.operands[taken.arg_number], maps[taken.arg_number], dims)
        for step in ops_behind(op, value):
            self.perform(step, inner, dims)
        return inner[value] if value in inner else self.scalar(value)

    def _argument(self, operand: ir.Value, indexing: ir.AffineMap, dims: Sequence[Index]) -> ir.Value:
        """What the body of a structured operation sees of an operand."""
        if not isinstance(operand.type, ir.ShapedType):
            return self.scalar(operand)
        return self.element(operand, [ix.affine(e, dims) for e in indexing.results])

    def perform(self, op: ir.Operation, inner: dict[ir.Value, ir.Value], dims: Sequence[Index]) -> None:
        """Do what an operation of a body does; ``inner`` has what the body's values are."""

        def get(value: ir.Value) -> ir.Value:
            return inner[value] if value in inner else self.scalar(value)

        if op.name == "linalg.index":
            inner[op.results[0]] = ix.value(dims[ir.IntegerAttr(op.attributes["dim"]).value])
        elif op.name == "tensor.extract":
            inner[op.results[0]] = self.element(op.operands[0], [get(value) for value in list(op.operands)[1:]])
        elif op.name == "tensor.dim":
            sizes = self.sizes(op.operands[0])
            axis = ir.IntegerAttr(op.operands[1].owner.attributes["value"]).value
            inner[op.results[0]] = ix.value(sizes[axis])
        elif op.regions:
            self._nested(op, inner, dims, get)
        else:
            operands = [get(operand) for operand in op.operands]
            made = self._functions(op.name, operands) if self._functions is not None and operands else None
            results = [made] if made is not None else _copy(op, operands).results
            inner.update(zip(op.results, results, strict=True))

    def _nested(
        self,
        op: ir.Operation,
        inner: dict[ir.Value, ir.Value],
        dims: Sequence[Index],
        get: Callable[[ir.Value], ir.Value],
    ) -> None:
        if op.name != "scf.if":
            raise PassError(f"a GPU kernel has no way to run '{op.name}'", where=describe_location(op.location))
        kinds = [result.type for result in op.results]
        made = scf.IfOp(get(op.operands[0]), kinds, has_else=len(op.regions[1].blocks) > 0)
        for old, new in zip(op.regions, made.operation.regions, strict=True):
            for block in old.blocks:
                with ir.InsertionPoint(new.blocks[0]):
                    branch = self.branch()
                    local = dict(inner)
                    *ops, end = [one.operation for one in block.operations]
                    for one in ops:
                        branch.perform(one, local, dims)
                    scf.YieldOp([local[v] if v in local else branch.scalar(v) for v in end.operands])
        inner.update(zip(op.results, made.operation.results, strict=True))

    def _structured(self, op: ir.Operation, number: int, indices: Sequence[Index]) -> ir.Value:
        """One result of a structured operation; what it reduces over becomes loops."""
        maps = [ir.AffineMapAttr(attribute).value for attribute in linalg.get_indexing_maps(op)]
        inputs = input_count(op)
        dims: list[Index | None] = [None] * maps[0].n_dims
        for expression, index in zip(maps[inputs + number].results, indices, strict=True):
            if isinstance(expression, ir.AffineDimExpr):
                dims[expression.position] = index
        missing = [dim for dim, index in enumerate(dims) if index is None]
        body = op.regions[0].blocks[0]

        def term(place: Sequence[Index], totals: Sequence[ir.Value]) -> list[ir.Value]:
            arguments = []
            for position, (operand, inner) in enumerate(zip(op.operands, body.arguments, strict=True)):
                if position >= inputs and totals:
                    arguments.append(totals[position - inputs])
                elif not any(True for _ in inner.uses):
                    arguments.append(_unread(inner.type))
                else:
                    arguments.append(self._argument(operand, maps[position], place))
            return self.body(body, arguments, place)

        if not missing:
            return term([index for index in dims if index is not None], [])[number]
        # All results of a reduction go round together: one may decide about another, as in an arg-max.
        starts = [self.element(start, indices) for start in list(op.operands)[inputs:]]
        return self._loops(missing, _extents(self, op, maps), dims, starts, term)[number]

    def _loops(
        self,
        missing: Sequence[int],
        extents: Sequence[Index],
        dims: Sequence[Index | None],
        starts: Sequence[ir.Value],
        term: Callable[[Sequence[Index], Sequence[ir.Value]], Sequence[ir.Value]],
    ) -> list[ir.Value]:
        first, *rest = missing
        made = scf.ForOp(ix.value(0), ix.value(extents[first]), ix.value(1), list(starts))
        with ir.InsertionPoint(made.body):
            inner = list(dims)
            inner[first] = made.induction_variable
            saved = dict(self._values)
            totals: Sequence[ir.Value] = list(made.inner_iter_args)
            if rest:
                totals = self._loops(rest, extents, inner, totals, term)
            else:
                totals = term([index for index in inner if index is not None], totals)
            self._values = saved  # scalars copied inside are not seen outside
            scf.YieldOp(list(totals))
        return list(made.results)


def _copy(op: ir.Operation, operands: Sequence[ir.Value]) -> ir.Operation:
    copy = op.clone(ir.InsertionPoint.current).operation
    for position, operand in enumerate(operands):
        copy.operands[position] = operand
    return copy


def _extents(elements: Elements, op: ir.Operation, maps: Sequence[ir.AffineMap]) -> list[Index]:
    """The size of each dimension of the iteration space."""
    known = [loop.size for loop in loops_of(op)]
    extents: list[Index | None] = list(known)
    for operand, map_ in zip(op.operands, maps, strict=True):
        for axis, expression in enumerate(map_.results):
            if isinstance(expression, ir.AffineDimExpr) and extents[expression.position] is None:
                extents[expression.position] = elements.sizes(operand)[axis]
    if any(extent is None for extent in extents):
        raise PassError("a loop's length follows from no operand", where=describe_location(op.location))
    return [extent for extent in extents if extent is not None]


def _unread(element: ir.Type) -> ir.Value:
    """A number in place of one that a body does not read."""
    zero = ir.FloatAttr.get(element, 0.0) if isinstance(element, ir.FloatType) else ir.IntegerAttr.get(element, 0)
    return arith.constant(element, zero)
