"""narrow-products: products of numbers as narrow as they come, and integer sums in 32 bits where that is exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import linalg

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.tensor.build import cast_elements, empty, scalar, sizes_of
from stepwell.passes.tensor.layout.rewrites import starts_at_zero, window_of
from stepwell.passes.tensor.products import is_plain_product
from stepwell.support.walk import operations

_PRODUCTS: dict[str, Callable[..., ir.Value]] = {
    "linalg.matmul": linalg.matmul,
    "linalg.batch_matmul": linalg.batch_matmul,
}
_CONVOLUTIONS: dict[str, Callable[..., ir.Value]] = {
    "linalg.conv_2d_nchw_fchw": linalg.conv_2d_nchw_fchw,
    "linalg.conv_2d_ngchw_gfchw": linalg.conv_2d_ngchw_gfchw,
    "linalg.depthwise_conv_2d_nchw_chw": linalg.depthwise_conv_2d_nchw_chw,
}
_EXTENSIONS = frozenset({"arith.extsi", "arith.extf"})
_FLOAT8 = {"f8E4M3FN", "f8E5M2"}
_WORD = 32


@dataclass
class NarrowProducts(Pass):
    """Rewrite products and convolutions that extend their operands, or sum integers in 64 bits.

    A product extends its operands itself, so that an extension ahead of it, of both operands from one type, is left
    out; of a convolution that of the filter is, as the border of the image stands behind the image's. A sum of
    integers in 64 bits is one in 32 bits where only its lower 32 bits are wanted, which wrap alike, or
    where it can't be beyond 32 bits: numbers of 8 bits, and few enough of them.

    Matrices of both formats of 8-bit floats are multiplied as bf16, which holds both.

    Options:
        wide_float8: multiply all 8-bit floats as bf16.
    """

    name: ClassVar[str] = "narrow-products"
    summary: ClassVar[str] = "products of numbers as narrow as they come, integer sums in 32 bits"

    wide_float8: bool = False

    def run(self, op: ir.Operation, context: PassContext) -> None:
        operands = sums = 0
        for product in operations(op):
            if product.name not in _CONVOLUTIONS and (product.name not in _PRODUCTS or not _is_plain(product)):
                continue
            init = product.operands[2]
            left, right = self._sources(product)
            narrow = _narrow_init(product, left, right)
            taken = right != product.operands[1]
            if not taken and narrow is None:
                continue
            operands += taken
            sums += narrow is not None
            _replace(product, left, right, init if narrow is None else narrow)
        context.note(self.name, operands=operands, sums=sums)

    def _sources(self, product: ir.Operation) -> tuple[ir.Value, ir.Value]:
        """The operands of ``product`` as they were before they were extended, or a part of the way."""
        own = product.operands[0], product.operands[1]
        left, right = (_extended(value) for value in own)
        if right is not None and product.name in _CONVOLUTIONS:
            return own if str(_element(right)) in _FLOAT8 else (own[0], right)
        if left is None or right is None:
            return own
        kinds = str(_element(left)), str(_element(right))
        if set(kinds) <= _FLOAT8 and (self.wide_float8 or kinds[0] != kinds[1]):
            with ir.InsertionPoint(product), product.location:
                return cast_elements(left, ir.BF16Type.get()), cast_elements(right, ir.BF16Type.get())
        return (left, right) if kinds[0] == kinds[1] else own


def _is_plain(product: ir.Operation) -> bool:
    """Whether operands are neither transposed nor broadcast nor taken for unsigned."""
    if "cast" in product.attributes and "unsigned" in str(product.attributes["cast"]):
        return False
    return is_plain_product(product)


def _element(value: ir.Value) -> ir.Type:
    return ir.RankedTensorType(value.type).element_type


def _extended(value: ir.Value) -> ir.Value | None:
    """What ``value`` is the sign or float extension of, element by element."""
    owner = value.owner
    return None if isinstance(owner, ir.Block) else _cast_by(owner.operation, _EXTENSIONS)


def _cast_by(op: ir.Operation, casts: frozenset[str]) -> ir.Value | None:
    """The operand of ``op`` if all that ``op`` does is one of ``casts`` to each of its elements."""
    if op.name != "linalg.generic" or len(op.operands) != 2:
        return None
    maps = [ir.AffineMapAttr(attribute).value for attribute in ir.ArrayAttr(op.attributes["indexing_maps"])]
    if any(map_ != ir.AffineMap.get_identity(map_.n_dims) for map_ in maps):
        return None
    block = op.regions[0].blocks[0]
    inner = [view.operation for view in block.operations]
    if len(inner) != 2 or inner[0].name not in casts or inner[0].operands[0] != block.arguments[0]:
        return None
    return op.operands[0] if inner[1].operands[0] == inner[0].results[0] else None


def _narrow_init(product: ir.Operation, left: ir.Value, right: ir.Value) -> ir.Value | None:
    """Zeros of 32 bits for ``product`` of ``left`` and ``right`` to start from, None where it has to sum in 64."""
    init = product.operands[2]
    element = _element(init)
    if not isinstance(element, ir.IntegerType) or element.width <= _WORD or not starts_at_zero(init):
        return None
    widths = [ir.IntegerType(_element(value)).width for value in (left, right)]
    few = product.name in _PRODUCTS and _fits(left, widths)
    if max(widths) > _WORD or not (few or _is_truncated(product.results[0])):
        return None
    word = ir.IntegerType.get_signless(_WORD)
    with ir.InsertionPoint(product), product.location:
        filled: ir.Value = linalg.fill(scalar(word, 0), outs=[empty(sizes_of(init), word)])
    return filled


def _is_truncated(result: ir.Value) -> bool:
    """Whether nothing but lower bits of ``result`` are wanted, 32 of them at most."""
    return all(_truncates(use.owner.operation, result) for use in result.uses)


def _truncates(user: ir.Operation, value: ir.Value) -> bool:
    """Whether ``user`` takes 32 lower bits of ``value`` or fewer, and nothing else."""
    source = _cast_by(user, frozenset({"arith.trunci"}))
    return source is not None and source == value and ir.IntegerType(_element(user.results[0])).width <= _WORD


def _fits(left: ir.Value, widths: list[int]) -> bool:
    """Whether no sum of products of numbers of ``widths`` bits is beyond 32 bits."""
    kind = ir.RankedTensorType(left.type)
    axis = kind.rank - 1
    if kind.is_dynamic_dim(axis):
        return False
    return bool(kind.get_dim_size(axis) << (sum(widths) - 2) < 1 << (_WORD - 1))


def _replace(product: ir.Operation, left: ir.Value, right: ir.Value, init: ir.Value) -> None:
    """Exchange ``product`` for one of other operands, whose result is cast to what its users take."""
    old = product.results[0]
    with ir.InsertionPoint(product), product.location:
        if product.name in _CONVOLUTIONS:
            made = _CONVOLUTIONS[product.name](left, right, outs=[init], **window_of(product))
        else:
            made = _PRODUCTS[product.name](left, right, outs=[init])
            made.owner.operation.attributes["indexing_maps"] = product.attributes["indexing_maps"]
        if made.type == old.type:
            old.replace_all_uses_with(made)
        else:
            for user in [use.owner.operation for use in old.uses]:
                if _truncates(user, old):
                    _replace_truncation(user, made)
            if any(True for _ in old.uses):
                old.replace_all_uses_with(cast_elements(made, _element(old)))
    product.erase()


def _replace_truncation(user: ir.Operation, made: ir.Value) -> None:
    """Let ``user`` take lower bits of ``made``."""
    element = _element(user.results[0])
    with ir.InsertionPoint(user), user.location:
        result = made if element == _element(made) else cast_elements(made, element)
    user.results[0].replace_all_uses_with(result)
    user.erase()
