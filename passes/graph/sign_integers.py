"""sign-integers: unsigned integers of 16, 32 and 64 bits as signed ones, which is all that torch-mlir lowers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.moves import MOVES
from stepwell.passes.graph.torch_build import TensorInfo
from stepwell.passes.graph.unused import erase_unused
from stepwell.support.errors import UnsupportedError
from stepwell.support.locations import describe_location
from stepwell.support.walk import operations

BITS = {"ui16": "si16", "ui32": "si32", "ui64": "si64"}
"""What holds the same bits."""

_WIDE = {"ui16": "si32", "ui32": "si64", "ui64": "si64"}
"""What operators compute with; of ui64 it has the bits, not the number."""

_MASKS = {"ui16": 0xFFFF, "ui32": 0xFFFF_FFFF}
_SIGN = -(1 << 63)

_CONVERT = "torch.prims.convert_element_type"
_CASTS = frozenset({"_to_copy", "to"})

# Of ui64: operators that give the same bits for signed numbers, and those that only ask which number is larger.
_MODULAR = frozenset({"add", "bitwise_left_shift", "cumsum", "eq", "mul", "ne", "neg", "rsub", "sub", "sum"})
_ORDERING = frozenset({
    "amax", "amin", "argmax", "argmin", "argsort", "ge", "gt", "le", "lt", "max", "maximum", "min", "minimum", "sort",
    "topk",
})  # fmt: skip
_ON_BITS = (MOVES | {"empty_strided", "view"}) - _CASTS - {"item"}


@dataclass
class SignIntegers(Pass):
    """Retype unsigned integers, and widen the operands of operators that compute with them.

    Operators that move elements or work on bits stay as they are. Others get numbers of 16 and 32 bits in 32 and 64
    signed bits, and their results wrap. Of 64 bits, sums, differences and products have the same bits either way, and
    numbers are ordered with their highest bit turned over.

    Raises:
        UnsupportedError: any other operator on 64 bits.
    """

    name: ClassVar[str] = "sign-integers"
    summary: ClassVar[str] = "carry unsigned integers of 16 to 64 bits as signed ones"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found = operations(op)
        kinds = {value: kind for each in found for value in _values(each) if (kind := _kind(value)) is not None}
        if not kinds:
            return
        for value in kinds:
            _retype(value, BITS)
        for each in found:
            _retype_attributes(each)
        for each in found:
            if each.name.startswith("torch.aten.") or each.name == _CONVERT:
                with ir.InsertionPoint(each), each.location:
                    _Rewrite(each, kinds).run()
        erase_unused(op)


def _values(op: ir.Operation) -> list[ir.Value]:
    arguments = [argument for region in op.regions for block in region for argument in block.arguments]
    return [*op.results, *arguments]


def _kind(value: ir.Value) -> str | None:
    info = tb.tensor_info(value)
    return info.dtype if info is not None and info.dtype in BITS else None


def _retype(value: ir.Value, dtypes: Mapping[str, str]) -> None:
    info = tb.tensor_info(value)
    assert info is not None
    value.set_type(TensorInfo(info.shape, dtypes[info.dtype]).type())


def _retype_attributes(op: ir.Operation) -> None:
    """The type of a function, and the elements of a literal."""
    if op.name == "func.func":
        body = op.regions[0].blocks[0] if len(op.regions[0].blocks) else None
        if body is not None:
            ends = body.operations[len(body.operations) - 1].operands
            kind = ir.FunctionType.get([a.type for a in body.arguments], [end.type for end in ends], op.context)
            op.attributes["function_type"] = ir.TypeAttr.get(kind)
    elif op.name == "torch.vtensor.literal":
        kind = ir.ShapedType(op.attributes["value"].type).element_type
        if str(kind) in BITS:
            bits = np.ascontiguousarray(np.array(ir.DenseIntElementsAttr(op.attributes["value"])))
            info = tb.tensor_info(op.results[0])
            assert info is not None
            element = ir.IntegerType.get_signed(8 * bits.itemsize, op.context)
            values = bits.view(f"int{8 * bits.itemsize}")
            op.attributes["value"] = ir.DenseElementsAttr.get(values, type=element, shape=list(bits.shape))


class _Rewrite:
    """One operator, of whose values ``kinds`` says which were unsigned; its new results are added to them."""

    def __init__(self, op: ir.Operation, kinds: dict[ir.Value, str]) -> None:
        self._op, self._kinds = op, kinds
        self._operator = op.name.removeprefix("torch.aten.").partition(".")[0]

    def run(self) -> None:
        taken = {self._kinds[value] for value in self._op.operands if value in self._kinds}
        made = {self._kinds[value] for value in self._op.results if value in self._kinds}
        if not taken | made or self._operator in _ON_BITS:
            return
        if self._op.name == _CONVERT or self._operator in _CASTS:
            self._cast()
            return
        turns = "ui64" in taken | made and self._operator in _ORDERING and ".Scalar" not in self._op.name
        if "ui64" in taken | made and not turns and self._operator not in _MODULAR:
            self._refuse()
        self._widen(turns=turns)
        self._narrow(turns=turns)

    def _cast(self) -> None:
        """Read the number that the bits stand for, and keep the lowest bits of what is made."""
        result = tb.tensor_info(self._op.results[0])
        if self._kinds.get(self._op.operands[0]) == "ui64" and result is not None and result.is_float():
            self._refuse()
        self._widen(turns=False)
        kind = self._kinds.get(self._op.results[0])
        if kind is not None:
            self._op.operands[1] = tb.constant(tb.NUMBERS[_WIDE[kind]])
            self._narrow(turns=False)

    def _widen(self, *, turns: bool) -> None:
        for index, operand in enumerate(self._op.operands):
            kind = self._kinds.get(operand)
            info = tb.tensor_info(operand)
            if kind is None or info is None:
                continue
            if kind in _MASKS:
                wide = tb.convert(operand, TensorInfo(info.shape, _WIDE[kind]))
                operand = tb.build("aten.bitwise_and.Scalar", [wide, tb.constant(_MASKS[kind])], wide.type)
            elif turns:
                operand = _turn(operand)
            self._op.operands[index] = operand

    def _narrow(self, *, turns: bool) -> None:
        for result in self._op.results:
            kind = self._kinds.get(result)
            info = tb.tensor_info(result)
            if kind is None or info is None:
                continue
            uses = [(use.owner.operation, use.operand_number) for use in result.uses]
            result.set_type(TensorInfo(info.shape, _WIDE[kind]).type())
            with ir.InsertionPoint.after(self._op):
                back = _turn(result) if turns else tb.convert(result, info)
            self._kinds[back] = kind
            for user, index in uses:
                user.operands[index] = back

    def _refuse(self) -> None:
        raise UnsupportedError(
            f"'{self._op.name.removeprefix('torch.')}' of unsigned 64-bit integers can't be lowered",
            where=describe_location(self._op.location),
            hint="convert them to int64 first",
        )


def _turn(value: ir.Value) -> ir.Value:
    """The highest bit turned over, by a sum that wraps: signed numbers in the order of the unsigned ones, or back."""
    return tb.build("aten.add.Scalar", [value, tb.constant(_SIGN), tb.constant(1)], value.type)
