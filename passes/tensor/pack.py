"""pack: weights of matrix products in panels, so that a product reads them in the order in which they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import linalg, tensor

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.contraction.amx import GROUPS, tile_depth
from stepwell.passes.buffer.contraction.dot import dot_of
from stepwell.passes.buffer.entry import arguments, entries
from stepwell.passes.schedules.book import Schedules
from stepwell.passes.schedules.packing import panel_key, panel_schedule
from stepwell.passes.tensor.build import scalar
from stepwell.passes.tensor.products import is_plain_product, multiply_add
from stepwell.passes.tensor.split_prepare import SplitPrepare
from stepwell.passes.tensor.weight_only import WeightOnly, tensor_bytes

#: For each type of weights the types that products of them are summed in.
_SUMS = {"f32": ("f32",), "f64": ("f64",), "f16": ("f32",), "bf16": ("f32",), "i8": ("i32",), "i16": ("i32",),
         "f8E4M3FN": ("f32",), "f8E5M2": ("f32",)}  # fmt: skip


@dataclass
class Pack(Pass):
    """Rewrite ``linalg.matmul`` whose right operand depends on weights alone to read it packed.

    The operand ``[k, n]`` becomes panels ``[n / w, k, w]``, the last one padded with zeros, and the product an
    operation that indexes it by ``n floordiv w, k, n mod w``: what is around it does not change. A transpose of the
    weight folds into the packing. Packing is work on weights alone, which ``split-prepare`` does ahead of time.
    Integers narrower than their sum have the steps of the reduction that one instruction takes side by side,
    ``[n / w, k / g, w, g]``.

    Options:
        vector_bits: width of a vector register; a panel is some vectors wide.
        registers: number of vector registers: with many, panels of three vectors leave the most rows in registers.
        max_growth: largest size of packed weights over that of the weights; others are left alone.
        dots: instructions that sum several products of narrow numbers, see ``vectorize-contractions``.
        tiles: types whose products go through tile registers: their panels are two tiles wide.
    """

    name: ClassVar[str] = "pack"
    summary: ClassVar[str] = "weights of matrix products in panels"

    vector_bits: int = 256
    registers: int = 16
    max_growth: float = 1.25
    dots: tuple[str, ...] = ()
    tiles: tuple[str, ...] = ()

    def run(self, op: ir.Operation, context: PassContext) -> None:
        packed = 0
        for entry in entries(op):
            if len(list(entry.operation.regions[0].blocks)) != 1:
                continue
            analysis = WeightOnly(entry.operation.regions[0].blocks[0], arguments(entry))
            for product in analysis.operations:
                if product.name == "linalg.matmul" and self._is_prepared(product.operands[1], analysis):
                    packed += self._rewrite(product, context.schedules)
        context.note(self.name, packed=packed)

    def _is_prepared(self, right: ir.Value, analysis: WeightOnly) -> bool:
        """Whether ``split-prepare`` will do the packing: not where weights are extended to several times their size."""
        size = tensor_bytes(right.type)
        if right not in analysis.sources or size is None:
            return False
        return self.max_growth * size <= SplitPrepare.max_growth * analysis.parameter_bytes(right)

    def _rewrite(self, product: ir.Operation, schedules: Schedules) -> bool:
        left, right, init = product.operands
        element, total = (ir.RankedTensorType(value.type).element_type for value in (right, init))
        plain = ir.RankedTensorType(left.type).element_type == element and str(total) in _SUMS.get(str(element), ())
        static = ir.RankedTensorType(right.type).has_static_shape
        if not plain or not static or not is_plain_product(product):
            return False
        vector = max(1, self.vector_bits // total.width)
        dot = dot_of(str(element), frozenset(self.dots))
        depth, width = ir.RankedTensorType(right.type).shape
        if 0 in (depth, width):
            return False
        tiled = str(element) in self.tiles and depth % tile_depth(str(element)) == 0
        default = panel_schedule(width, vector, 0 if tiled else self.registers)
        key = panel_key(depth, width, str(element))
        panel = schedules.choose(key, default, lambda panel: panel.fault(width, self.max_growth)).width
        panels = -(-width // panel)
        group = dot.group if dot is not None and panel % vector == 0 else 1
        if tiled and panel % vector == 0:
            group = GROUPS[str(element)]
        if panels * panel * (-(-depth // group) * group) > self.max_growth * width * depth:
            return False
        with ir.InsertionPoint(product), product.location:
            weight = _packed(right, panels, depth, panel) if group == 1 else _grouped(right, panel, group)
            result = _product(left, weight, init, panel, group)
        product.results[0].replace_all_uses_with(result)
        product.erase()
        return True


def _packed(right: ir.Value, panels: int, depth: int, panel: int) -> ir.Value:
    element = ir.RankedTensorType(right.type).element_type
    kind = ir.RankedTensorType.get([panels, depth, panel], element)
    source, transposed = _before_transpose(right)
    target = tensor.EmptyOp([panels, depth, panel], element).result
    padded = panels * panel != ir.RankedTensorType(right.type).shape[1]
    columns = 0 if transposed else 1
    return linalg.PackOp(
        kind, source, target, ir.DenseI64ArrayAttr.get([columns]), [], ir.DenseI64ArrayAttr.get([panel]),
        padding_value=scalar(element, 0.0) if padded else None,
        outer_dims_perm=ir.DenseI64ArrayAttr.get([columns, 1 - columns]),
    ).results[0]  # fmt: skip


def _grouped(right: ir.Value, panel: int, group: int) -> ir.Value:
    kind = ir.RankedTensorType(right.type)
    depth, width = kind.shape
    shape = [-(-width // panel), -(-depth // group), panel, group]
    source, transposed = _before_transpose(right)
    columns = 0 if transposed else 1
    padded = width % panel or depth % group
    return linalg.PackOp(
        ir.RankedTensorType.get(shape, kind.element_type), source, tensor.EmptyOp(shape, kind.element_type).result,
        ir.DenseI64ArrayAttr.get([columns, 1 - columns]), [], ir.DenseI64ArrayAttr.get([panel, group]),
        padding_value=scalar(kind.element_type, 0.0) if padded else None,
        outer_dims_perm=ir.DenseI64ArrayAttr.get([columns, 1 - columns]),
    ).results[0]  # fmt: skip


def _before_transpose(value: ir.Value) -> tuple[ir.Value, bool]:
    """What ``value`` is the transpose of, if it is one."""
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.operation.name != "linalg.transpose":
        return value, False
    return owner.operation.operands[0], True


def _product(left: ir.Value, weight: ir.Value, init: ir.Value, panel: int, group: int) -> ir.Value:
    """``init[m, n] + left[m, k] * weight[n floordiv panel, k, n mod panel]``, of extended numbers; ``k`` in groups."""
    m, n, k = (ir.AffineDimExpr.get(dim) for dim in range(3))
    outer, inner = ir.AffineExpr.get_floor_div(n, panel), ir.AffineExpr.get_mod(n, panel)
    place = [outer, k, inner]
    if group > 1:
        place = [outer, ir.AffineExpr.get_floor_div(k, group), inner, ir.AffineExpr.get_mod(k, group)]
    product = multiply_add(left, weight, init, ([m, k], place, [m, n]), "ppr")
    result: ir.Value = product.results[0]
    return result
