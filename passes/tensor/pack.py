"""pack: weights of matrix products in panels, so that a product reads them in the order in which they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, tensor

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.entry import arguments, entries
from stepwell.passes.schedules.book import Schedules
from stepwell.passes.schedules.packing import panel_key, panel_schedule
from stepwell.passes.tensor.build import scalar
from stepwell.passes.tensor.weight_only import WeightOnly

_BITS = {"f32": 32, "f64": 64}


@dataclass
class Pack(Pass):
    """Rewrite ``linalg.matmul`` whose right operand depends on weights alone to read it packed.

    The operand ``[k, n]`` becomes panels ``[n / w, k, w]``, the last one padded with zeros, and the product an
    operation that indexes it by ``n floordiv w, k, n mod w``: what is around it does not change. A transpose of the
    weight folds into the packing. Packing is work on weights alone, which ``split-prepare`` does ahead of time.

    Options:
        vector_bits: width of a vector register; a panel is some vectors wide.
        registers: number of vector registers: with many, panels of three vectors leave the most rows in registers.
        max_growth: largest size of packed weights over that of the weights; others are left alone.
    """

    name: ClassVar[str] = "pack"
    summary: ClassVar[str] = "weights of matrix products in panels"

    vector_bits: int = 256
    registers: int = 16
    max_growth: float = 1.25

    def run(self, op: ir.Operation, context: PassContext) -> None:
        packed = 0
        for entry in entries(op):
            if len(list(entry.operation.regions[0].blocks)) != 1:
                continue
            analysis = WeightOnly(entry.operation.regions[0].blocks[0], arguments(entry))
            for product in analysis.operations:
                if product.name == "linalg.matmul" and product.operands[1] in analysis.sources:
                    packed += self._rewrite(product, context.schedules)
        context.note(self.name, packed=packed)

    def _rewrite(self, product: ir.Operation, schedules: Schedules) -> bool:
        left, right, init = product.operands
        element = ir.RankedTensorType(right.type).element_type
        bits = _BITS.get(str(element))
        plain = all(ir.RankedTensorType(value.type).element_type == element for value in (left, init))
        static = ir.RankedTensorType(right.type).has_static_shape
        if bits is None or not plain or not static or not _is_plain_product(product):
            return False
        depth, width = ir.RankedTensorType(right.type).shape
        if 0 in (depth, width):
            return False
        default = panel_schedule(width, max(1, self.vector_bits // bits), self.registers)
        key = panel_key(depth, width, str(element))
        panel = schedules.choose(key, default, lambda panel: panel.fault(width, self.max_growth)).width
        panels = -(-width // panel)
        if panels * panel > self.max_growth * width:
            return False
        with ir.InsertionPoint(product), product.location:
            weight = _packed(right, panels, depth, panel)
            result = _product(left, weight, init, panel)
        product.results[0].replace_all_uses_with(result)
        product.erase()
        return True


def _is_plain_product(product: ir.Operation) -> bool:
    """Whether the operands are indexed as the name says, neither transposed nor broadcast."""
    m, n, k = (ir.AffineDimExpr.get(dim) for dim in range(3))
    want = [[m, k], [k, n], [m, n]]
    maps = [ir.AffineMapAttr(attribute).value for attribute in linalg.get_indexing_maps(product)]
    return [list(map_.results) for map_ in maps] == want


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


def _before_transpose(value: ir.Value) -> tuple[ir.Value, bool]:
    """What ``value`` is the transpose of, if it is one."""
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.operation.name != "linalg.transpose":
        return value, False
    return owner.operation.operands[0], True


def _product(left: ir.Value, weight: ir.Value, init: ir.Value, panel: int) -> ir.Value:
    """``init[m, n] + left[m, k] * weight[n floordiv panel, k, n mod panel]``."""
    m, n, k = (ir.AffineDimExpr.get(dim) for dim in range(3))
    outer, inner = ir.AffineExpr.get_floor_div(n, panel), ir.AffineExpr.get_mod(n, panel)
    maps = [ir.AffineMap.get(3, 0, results) for results in ([m, k], [outer, k, inner], [m, n])]
    kinds = [ir.Attribute.parse(f"#linalg.iterator_type<{kind}>") for kind in ("parallel", "parallel", "reduction")]
    op = linalg.GenericOp(
        [init.type], [left, weight], [init], ir.ArrayAttr.get([ir.AffineMapAttr.get(map_) for map_ in maps]),
        ir.ArrayAttr.get(kinds),
    )  # fmt: skip
    element = ir.RankedTensorType(init.type).element_type
    block = op.regions[0].blocks.append(*[element] * 3)
    with ir.InsertionPoint(block):
        product = arith.MulFOp(block.arguments[0], block.arguments[1])
        linalg.YieldOp([arith.AddFOp(block.arguments[2], product).result])
    result: ir.Value = op.results[0]
    return result
