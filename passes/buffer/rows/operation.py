"""A structured operation on buffers whose operands are read at single loop dimensions."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir

from stepwell.passes.tensor.structured import input_count

#: Combiners of a reduction and what each starts from.
COMBINERS = frozenset(
    {
        "arith.addf", "arith.mulf", "arith.maximumf", "arith.minimumf", "arith.maxnumf", "arith.minnumf",
        "arith.addi", "arith.muli", "arith.maxsi", "arith.minsi", "arith.maxui", "arith.minui",
        "arith.andi", "arith.ori",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Access:
    """An operand, and for each of its axes the loop dimension that indexes it (None: index 0)."""

    value: ir.Value
    dims: tuple[int | None, ...]

    @property
    def type(self) -> ir.MemRefType:
        return ir.MemRefType(self.value.type)

    def contiguous(self, dim: int) -> bool:
        """Whether ``dim`` indexes the last axis alone, and that axis has stride 1."""
        if not self.dims or self.dims[-1] != dim or dim in self.dims[:-1]:
            return False
        return bool(self.type.get_strides_and_offset()[0][-1] == 1)


@dataclass(frozen=True)
class RowOp:
    """A ``linalg.generic`` on buffers.

    Attributes:
        op: the operation.
        inputs, outputs: its operands; scalars are not among them.
        sizes: of each loop dimension; None where it is not static.
        reduced: the loop dimensions that are reduced.
    """

    op: ir.Operation
    inputs: tuple[Access, ...]
    outputs: tuple[Access, ...]
    sizes: tuple[int | None, ...]
    reduced: frozenset[int]

    @property
    def accesses(self) -> tuple[Access, ...]:
        return self.inputs + self.outputs

    @property
    def parallel(self) -> list[int]:
        return [dim for dim in range(len(self.sizes)) if dim not in self.reduced]


def match_row_op(op: ir.Operation) -> RowOp | None:
    """The operation as a :class:`RowOp`; None where it is no ``linalg.generic`` on buffers of that kind."""
    if op.name != "linalg.generic" or op.results:
        return None
    if not all(isinstance(value.type, ir.MemRefType) for value in op.operands):
        return None
    maps = [ir.AffineMapAttr(attribute).value for attribute in ir.ArrayAttr(op.attributes["indexing_maps"])]
    accesses = []
    for value, indexing in zip(op.operands, maps, strict=True):
        dims = _dims(indexing)
        if dims is None:
            return None
        accesses.append(Access(value, dims))
    kinds = [str(kind) for kind in ir.ArrayAttr(op.attributes["iterator_types"])]
    sizes: list[int | None] = [None] * len(kinds)
    for access in accesses:
        for axis, dim in enumerate(access.dims):
            if dim is not None and not access.type.is_dynamic_dim(axis):
                sizes[dim] = access.type.shape[axis]
    reduced = frozenset(dim for dim, kind in enumerate(kinds) if "parallel" not in kind)
    inputs = input_count(op)
    return RowOp(op, tuple(accesses[:inputs]), tuple(accesses[inputs:]), tuple(sizes), reduced)


def _dims(indexing: ir.AffineMap) -> tuple[int | None, ...] | None:
    dims: list[int | None] = []
    for result in indexing.results:
        if isinstance(result, ir.AffineDimExpr):
            dims.append(int(result.position))
        elif isinstance(result, ir.AffineConstantExpr) and result.value == 0:
            dims.append(None)
        else:
            return None
    return tuple(dims)


def inner_dimension(row: RowOp) -> int | None:
    """The dimension that every operand either does not depend on or is contiguous along."""
    for dim in reversed(range(len(row.sizes))):
        using = [access for access in row.accesses if dim in access.dims]
        if not using or not all(access.contiguous(dim) for access in using):
            continue
        if all(bits_of(access.type.element_type) % 8 == 0 for access in using):
            return dim
    return None


def bits_of(element: ir.Type) -> int:
    """Bits in memory; 1 where vectors have another layout than scalars."""
    if isinstance(element, (ir.FloatType, ir.IntegerType)):
        return int(element.width)
    return 1
