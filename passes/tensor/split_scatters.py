"""split-scatters: loops that write slices of a tensor at computed places write single elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import scf, tensor

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.tensor import index as ix
from stepwell.passes.tensor.build import copy_operation
from stepwell.support.walk import operations


@dataclass
class SplitScatters(Pass):
    """Rewrite ``scf.for`` loops whose turns each copy a slice of one tensor into another: a turn an element.

    Nothing but the copy reads or writes the tensor that the loop carries; slices have static sizes and unit strides.
    A turn can be a thread then.
    """

    name: ClassVar[str] = "split-scatters"
    summary: ClassVar[str] = "loops that write slices at computed places write single elements"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found = [slices for loop in operations(op) if (slices := _Slices.match(loop)) is not None]
        for slices in found:
            slices.split()
        context.note(self.name, split=len(found))


@dataclass(frozen=True)
class _Slices:
    """A loop, and the two operations of a turn that copy: from ``extract`` by ``insert``."""

    loop: ir.Operation
    extract: ir.Operation
    insert: ir.Operation

    @staticmethod
    def match(loop: ir.Operation) -> _Slices | None:
        """None where the loop does anything else with what it carries."""
        if loop.name != "scf.for" or len(loop.results) != 1 or not _counts(loop):
            return None
        body = loop.regions[0].blocks[0]
        carried, written = body.arguments[1], body.operations[len(body.operations) - 1].operation.operands[0]
        insert = _maker(written, "tensor.insert_slice")
        extract = None if insert is None else _maker(insert.operands[0], "tensor.extract_slice")
        if insert is None or extract is None or insert.operands[1] != carried or len(list(carried.uses)) != 1:
            return None
        if not all(_is_plain(op) for op in (insert, extract)) or len(list(extract.results[0].uses)) != 1:
            return None
        return _Slices(loop, extract, insert) if _long(insert) == _long(extract) else None

    def split(self) -> None:
        """Exchange the loop for one of single elements."""
        sizes = _long(self.insert)
        first, last, step, start = list(self.loop.operands)
        with ir.InsertionPoint(self.loop), self.loop.location:
            turns = ix.value(ix.multiply(last, ix.product(sizes)))
            made = scf.ForOp(first, turns, step, [start])
            body = self.loop.regions[0].blocks[0]
            with ir.InsertionPoint(made.body):
                number, *places = ix.split(made.induction_variable, [last, *sizes])
                values = {body.arguments[0]: ix.value(number), body.arguments[1]: made.inner_iter_args[0]}
                for op in [view.operation for view in body.operations][:-1]:
                    if op not in (self.extract, self.insert):
                        copy_operation(op, values)
                element = tensor.extract(_mapped(values, self.extract.operands[0]), _at(self.extract, values, places))
                target = _at(self.insert, values, places)
                scf.yield_([tensor.insert(element, made.inner_iter_args[0], target)])
        self.loop.results[0].replace_all_uses_with(made.results[0])
        self.loop.erase()


def _counts(loop: ir.Operation) -> bool:
    """Whether a loop counts from 0 by 1."""
    return _number(loop.operands[0]) == 0 and _number(loop.operands[2]) == 1


def _number(value: ir.Value) -> int | None:
    constant = _maker(value, "arith.constant")
    return None if constant is None else int(ir.IntegerAttr(constant.attributes["value"]).value)


def _maker(value: ir.Value, name: str) -> ir.Operation | None:
    """The operation that makes ``value``, if it is of that name."""
    owner = value.owner
    return owner.operation if not isinstance(owner, ir.Block) and owner.operation.name == name else None


def _is_plain(op: ir.Operation) -> bool:
    """Whether a slice has static sizes and unit strides."""
    dynamic = ir.ShapedType.get_dynamic_size()
    strides = list(ir.DenseI64ArrayAttr(op.attributes["static_strides"]))
    return dynamic not in _sizes(op) and all(stride == 1 for stride in strides)


def _sizes(op: ir.Operation) -> list[int]:
    return list(ir.DenseI64ArrayAttr(op.attributes["static_sizes"]))


def _long(op: ir.Operation) -> list[int]:
    """Sizes of a slice but for those of 1, which come and go between both."""
    return [size for size in _sizes(op) if size != 1]


def _mapped(values: dict[ir.Value, ir.Value], value: ir.Value) -> ir.Value:
    return values.get(value, value)


def _at(op: ir.Operation, values: dict[ir.Value, ir.Value], places: Sequence[ix.Index]) -> list[ir.Value]:
    """The place of an element of the slice of ``op`` in the whole tensor."""
    dynamic = ir.ShapedType.get_dynamic_size()
    given = iter(list(op.operands)[2 if op.name == "tensor.insert_slice" else 1 :])
    rest = iter(places)
    found = []
    for offset, size in zip(ir.DenseI64ArrayAttr(op.attributes["static_offsets"]), _sizes(op), strict=True):
        place: ix.Index = 0 if size == 1 else next(rest)
        start: ix.Index = _mapped(values, next(given)) if offset == dynamic else offset
        found.append(ix.value(ix.add(start, place)))
    return found
