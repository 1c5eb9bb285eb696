"""Index values that an entry can compute before anything else: from the sizes of its arguments alone."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import arith, memref

from stepwell.passes.buffer.size_formula import Formula

#: Arithmetic without effects that can be repeated at the entry.
_PURE = frozenset(
    f"arith.{name}"
    for name in (
        "addi", "subi", "muli", "divsi", "divui", "ceildivsi", "ceildivui", "floordivsi", "remsi", "remui", "maxsi",
        "maxui", "minsi", "minui", "cmpi", "select", "index_cast", "index_castui", "extsi", "extui", "trunci",
        "constant", "andi", "ori", "xori",
    )
) | {"affine.apply", "affine.max", "affine.min"}  # fmt: skip


class EntrySizes:
    """Formulas for the index values of one entry, and the code that computes them at its start.

    Attributes:
        start: the operation ahead of which the code is put; it must stand until that is done.
        names: what each atom is called: ``x[0]`` for the first size of input x, ``size1`` for what no formula tells.
    """

    def __init__(self, entry: ir.Operation, argument_names: list[str]) -> None:
        self.names: list[str] = []
        self._block = entry.regions[0].blocks[0]
        self._arguments = argument_names
        self._atoms: dict[object, int] = {}
        self._makers: list[ir.Value | tuple[int, int]] = []
        self._formulas: dict[ir.Value, Formula | None] = {}
        self.start = next(iter(self._block.operations)).operation
        self._made: dict[object, ir.Value] = {}
        self._location = entry.location

    def formula(self, value: ir.Value) -> Formula | None:
        """What ``value`` is, or None where it can't be known when the entry begins."""
        if value not in self._formulas:
            self._formulas[value] = self._find(value)
        return self._formulas[value]

    def atom(self, number: int) -> ir.Value:
        """The value of an atom, computed at the start of the entry; never negative."""
        maker = self._makers[number]
        if isinstance(maker, tuple):
            return self._argument_size(*maker)
        if number not in self._made:
            value = self._repeat(maker)
            with self._here():
                zero = arith.ConstantOp(ir.IndexType.get(), 0).result
                self._made[number] = arith.MaxSIOp(value, zero).result
        return self._made[number]

    def _here(self) -> ir.InsertionPoint:
        return ir.InsertionPoint(self.start)

    def _find(self, value: ir.Value) -> Formula | None:
        owner = value.owner
        if isinstance(owner, ir.Block) or not isinstance(value.type, ir.IndexType):
            return None
        op = owner.operation
        if op.name == "arith.constant":
            number = ir.IntegerAttr(op.attributes["value"]).value
            return Formula.constant(number) if number >= 0 else None
        if op.name == "memref.dim":
            return self._dim(op)
        if op.name in ("arith.addi", "arith.muli"):
            left, right = (self.formula(operand) for operand in op.operands)
            if left is not None and right is not None:
                return left + right if op.name == "arith.addi" else left * right
        return self._opaque(value) if self._repeatable(value) else None

    def _dim(self, op: ir.Operation) -> Formula | None:
        place = self._dim_place(op)
        if isinstance(place, ir.Value):
            return self.formula(place)
        if place is None:
            return None
        argument, dim = place
        type_ = ir.MemRefType(self._block.arguments[argument].type)
        if not type_.is_dynamic_dim(dim):
            return Formula.constant(type_.shape[dim])
        name = self._arguments[argument] or f"argument{argument}"
        return self._atom((argument, dim), (argument, dim), f"{name}[{dim}]")

    def _dim_place(self, op: ir.Operation) -> ir.Value | tuple[int, int] | None:
        """What a ``memref.dim`` gives: an operand of the allocation, or (argument, dimension) of the entry."""
        source, index = op.operands
        if isinstance(index.owner, ir.Block) or index.owner.operation.name != "arith.constant":
            return None
        dim = ir.IntegerAttr(index.owner.operation.attributes["value"]).value
        while isinstance(source, ir.OpResult) and source.owner.operation.name == "memref.cast":
            source = source.owner.operation.operands[0]
        type_ = ir.MemRefType(source.type) if isinstance(source.type, ir.MemRefType) else None
        if type_ is None or not 0 <= dim < type_.rank:
            return None
        if isinstance(source, ir.BlockArgument):
            return (source.arg_number, dim) if source.owner == self._block else None
        if source.owner.operation.name != "memref.alloc" or not type_.is_dynamic_dim(dim):
            return None
        position = sum(type_.is_dynamic_dim(other) for other in range(dim))
        found: ir.Value = source.owner.operation.operands[position]
        return found

    def _repeatable(self, value: ir.Value) -> bool:
        owner = value.owner
        if isinstance(owner, ir.Block):
            return False
        op = owner.operation
        if op.name == "memref.dim":
            place = self._dim_place(op)
            return self._repeatable(place) if isinstance(place, ir.Value) else place is not None
        return op.name in _PURE and all(self._repeatable(operand) for operand in op.operands)

    def _opaque(self, value: ir.Value) -> Formula:
        return self._atom(self._key(value), value, f"size{len(self.names)}")

    def _key(self, value: ir.Value) -> object:
        """Equal for values that are computed alike."""
        op = value.owner.operation
        if op.name == "memref.dim":
            place = self._dim_place(op)
            return self._key(place) if isinstance(place, ir.Value) else place
        attributes = str(op.attributes["value"]) if op.name == "arith.constant" else _attributes(op)
        return (op.name, attributes, *(self._key(operand) for operand in op.operands))

    def _atom(self, key: object, maker: ir.Value | tuple[int, int], name: str) -> Formula:
        if key not in self._atoms:
            self._atoms[key] = len(self.names)
            self.names.append(name)
            self._makers.append(maker)
        return Formula.atom(self._atoms[key])

    def _argument_size(self, argument: int, dim: int) -> ir.Value:
        key = ("argument", argument, dim)
        if key not in self._made:
            with self._here(), self._location:
                index = arith.ConstantOp(ir.IndexType.get(), dim).result
                self._made[key] = memref.DimOp(self._block.arguments[argument], index).result
        return self._made[key]

    def _repeat(self, value: ir.Value) -> ir.Value:
        """``value`` computed at the start of the entry."""
        key = self._key(value)
        op = value.owner.operation
        place = self._dim_place(op) if op.name == "memref.dim" else None
        if isinstance(place, tuple):
            return self._argument_size(*place)
        if isinstance(place, ir.Value):
            return self._repeat(place)
        if key not in self._made:
            operands = [self._repeat(operand) for operand in op.operands]
            with self._here():
                copy = op.clone()
            for index, operand in enumerate(operands):
                copy.operands[index] = operand
            self._made[key] = copy.operation.results[0]
        return self._made[key]


def _attributes(op: ir.Operation) -> str:
    return ";".join(f"{name}={op.attributes[name]}" for name in op.attributes)
