"""check-shapes: no dynamic size becomes a static one unseen."""

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.support.errors import PassError
from stepwell.support.kept_signatures import read_signatures
from stepwell.support.locations import describe_location
from stepwell.support.signature import Dim, TensorSpec
from stepwell.support.walk import named

_DYNAMIC = ir.ShapedType.get_dynamic_size()


@dataclass
class CheckShapes(Pass):
    """Guard every ``tensor.cast`` that narrows a dynamic dimension, and compare entries with their signatures.

    A lowering that pairs dimensions wrongly shows as such a cast. It becomes a ``cf.assert`` on the size, which names
    the source line, in front of the cast; with ``refuse`` it is an error. An entry whose argument or result is static
    where the signature has a symbol is always an error.
    """

    name: ClassVar[str] = "check-shapes"
    summary: ClassVar[str] = "guard casts that narrow dynamic dimensions; compare entries with their signatures"

    refuse: bool = False

    def run(self, op: ir.Operation, context: PassContext) -> None:
        casts = named(op, "tensor.cast")
        guarded = sum(self._guard(cast) for cast in casts)
        if op.name == "builtin.module":
            _compare_signatures(op)
        if guarded:
            context.note(self.name, guarded_casts=guarded)

    def _guard(self, cast: ir.Operation) -> int:
        source, result = ir.ShapedType(cast.operands[0].type), ir.ShapedType(cast.results[0].type)
        if not (source.has_rank and result.has_rank):
            return 0
        count = 0
        for axis, (before, after) in enumerate(zip(source.shape, result.shape, strict=True)):
            if before != _DYNAMIC or after == _DYNAMIC or _is_certainly(cast.operands[0], axis, after):
                continue
            message = f"dimension {axis} of a tensor must be {after} at {describe_location(cast.location)}"
            if self.refuse:
                raise PassError(
                    f"a dynamic size is taken to be {after} (dimension {axis})",
                    where=describe_location(cast.location),
                    hint="make this dimension static, or write the operator here in terms of reshape and permute",
                )
            _insert_assert(cast, axis, after, message)
            count += 1
        return count


def _is_certainly(value: ir.Value, axis: int, size: int) -> bool:
    """Whether the tensor was only made dynamic by a cast from exactly this size."""
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.operation.name != "tensor.cast":
        return False
    origin = ir.ShapedType(owner.operation.operands[0].type)
    return bool(origin.has_rank and origin.shape[axis] == size)


def _insert_assert(cast: ir.Operation, axis: int, size: int, message: str) -> None:
    index = ir.IndexType.get(cast.context)
    with ir.InsertionPoint(cast), cast.location:
        numbers = [
            ir.Operation.create(
                "arith.constant", results=[index], attributes={"value": ir.IntegerAttr.get(index, number)}
            ).result
            for number in (axis, size)
        ]
        found = ir.Operation.create("tensor.dim", results=[index], operands=[cast.operands[0], numbers[0]]).result
        equal = ir.Operation.create(
            "arith.cmpi",
            results=[ir.IntegerType.get_signless(1)],
            operands=[found, numbers[1]],
            attributes={"predicate": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), 0)},
        ).result
        ir.Operation.create("cf.assert", operands=[equal], attributes={"msg": ir.StringAttr.get(message)})


def _compare_signatures(module: ir.Operation) -> None:
    signatures = read_signatures(module)
    for view in module.regions[0].blocks[0].operations:
        op = view.operation
        if op.name != "func.func" or ir.StringAttr(op.attributes["sym_name"]).value not in signatures:
            continue
        signature = signatures[ir.StringAttr(op.attributes["sym_name"]).value]
        types = ir.FunctionType(ir.TypeAttr(op.attributes["function_type"]).value)
        specs = {("stepwell.input", s.name): s for s in signature.inputs}
        specs |= {("stepwell.output", s.name): s for s in signature.results}
        specs |= {("stepwell.state", s.name): s for s in signature.states}
        for attribute, kinds in (("arg_attrs", types.inputs), ("res_attrs", types.results)):
            if attribute not in op.attributes:
                continue
            for marks, kind in zip(ir.ArrayAttr(op.attributes[attribute]), kinds, strict=True):
                for item in ir.DictAttr(marks):
                    spec = specs.get((item.name, item.attr.value)) if isinstance(item.attr, ir.StringAttr) else None
                    if spec is not None:
                        _compare(spec, kind, op)


def _compare(spec: TensorSpec, kind: ir.Type, op: ir.Operation) -> None:
    if not isinstance(kind, ir.RankedTensorType):
        return
    sizes = ir.ShapedType(kind).shape
    fits = len(sizes) == len(spec.shape) and all(
        size == _DYNAMIC or (not isinstance(wanted, Dim) and size == wanted)
        for size, wanted in zip(sizes, spec.shape, strict=True)
    )
    if not fits:
        shown = "x".join("?" if size == _DYNAMIC else str(size) for size in sizes)
        raise PassError(
            f"the lowering gives '{spec.name}' the shape {shown}, but the model says {spec}",
            where=describe_location(op.location),
            hint="this is a fault of a pass; stepwell verify finds which",
        )
