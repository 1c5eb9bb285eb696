"""fold-views: affine accesses through views of a memory become accesses to the memory itself."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import affine

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.hardware.loops.tools import LOAD, STORE, memory_of
from stepwell.support.walk import named

Indices = list[ir.AffineExpr]
_CASTS = ("memref.cast", "memref.assume_alignment")


@dataclass
class FoldViews(Pass):
    """Compose indices with static subviews, casts, and shapes that are split or joined.

    Passes that compare accesses (upstream's scalar replacement is one) then see which of them meet. Where an index of
    a joined shape is more than one in the memory, it is divided; other views are left alone.
    """

    name: ClassVar[str] = "fold-views"
    summary: ClassVar[str] = "affine accesses through views go to the memory itself"
    anchor: ClassVar[str] = "builtin.module"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        folded = 0
        for access in named(op, LOAD, STORE):
            target = memory_of(access)
            indices = list(ir.AffineMapAttr(access.attributes["map"]).value.results)
            while isinstance(target, ir.OpResult) and (found := _through(target.owner.operation, indices)):
                target, indices = found
            if target != memory_of(access):
                _replace(access, target, indices)
                folded += 1
        context.note(self.name, folded=folded)


def _through(view: ir.Operation, indices: Indices) -> tuple[ir.Value, Indices] | None:
    """What ``view`` is a view of, and the indices there; None for anything but a static view."""
    source = view.operands[0] if view.operands else None
    if source is None or not isinstance(source.type, ir.MemRefType) or not source.type.has_static_shape:
        return None
    if view.name in _CASTS:
        return source, indices
    shape = list(source.type.shape)
    if view.name == "memref.subview" and len(view.operands) == 1:
        return source, _of_subview(view, indices, len(shape))
    if view.name == "memref.expand_shape":
        sizes = list(ir.MemRefType(view.results[0].type).shape)
        return source, [_joined([indices[d] for d in group], [sizes[d] for d in group]) for group in _groups(view)]
    if view.name == "memref.collapse_shape":
        places: Indices = []
        for index, group in zip(indices, _groups(view), strict=True):
            places += _split(index, [shape[d] for d in group])
        return source, places
    return None


def _of_subview(view: ir.Operation, indices: Indices, rank: int) -> Indices:
    offsets, sizes, strides = (
        list(ir.DenseI64ArrayAttr(view.attributes[f"static_{which}"])) for which in ("offsets", "sizes", "strides")
    )
    shape = list(ir.MemRefType(view.results[0].type).shape)
    left, found = list(zip(indices, shape, strict=True)), []
    for d in range(rank):
        # Dimensions of one element may be left out of the view.
        dropped = sizes[d] == 1 and len(left) < rank - d and not (left and left[0][1] == 1)
        index = ir.AffineExpr.get_constant(0) if dropped else left.pop(0)[0]
        found.append(index * strides[d] + offsets[d])
    return found


def _groups(view: ir.Operation) -> list[list[int]]:
    return [
        [ir.IntegerAttr(d).value for d in ir.ArrayAttr(group)]
        for group in ir.ArrayAttr(view.attributes["reassociation"])
    ]


def _joined(indices: Indices, sizes: list[int]) -> ir.AffineExpr:
    total = ir.AffineExpr.get_constant(0)
    for n, index in enumerate(indices):
        total = total + index * prod(sizes[n + 1 :])
    return total


def _split(index: ir.AffineExpr, sizes: list[int]) -> Indices:
    """The parts of an index of a joined shape."""
    wide = [n for n, size in enumerate(sizes) if size > 1]
    zero = ir.AffineExpr.get_constant(0)
    if len(wide) < 2:
        return [index if [n] == wide else zero for n in range(len(sizes))]
    parts = []
    for n, size in enumerate(sizes):
        quotient = ir.AffineExpr.get_floor_div(index, prod(sizes[n + 1 :]))
        parts.append(quotient if n == 0 else ir.AffineExpr.get_mod(quotient, size))
    return parts


def _replace(access: ir.Operation, target: ir.Value, indices: Indices) -> None:
    old = ir.AffineMapAttr(access.attributes["map"]).value
    composed = ir.AffineMap.get(old.n_dims, old.n_symbols, indices)
    operands = list(access.operands)
    with ir.InsertionPoint(access), access.location:
        if access.name == LOAD:
            new = affine.AffineLoadOp(access.results[0].type, target, operands[1:], composed)
            access.results[0].replace_all_uses_with(new.result)
        else:
            affine.AffineStoreOp(operands[0], target, operands[2:], composed)
    access.erase()
