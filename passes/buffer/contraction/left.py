"""A copy of the left operand as the innermost loop wants it: in the type that is multiplied, the reduction innermost.

The copy is read once for every vector of the result's row: what it costs is small beside the product, and the loop is
spared the conversion of single numbers.
"""

from __future__ import annotations

from dataclasses import replace

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, memref

from stepwell.passes.buffer.contraction.dot import Dot
from stepwell.passes.buffer.contraction.numbers import extend
from stepwell.passes.buffer.contraction.roles import Contraction


def with_left_copied(contraction: Contraction, dot: Dot | None) -> Contraction:
    """``contraction`` on a copy of its left operand, made at the insertion point; padded with zeros to whole groups."""
    (reduced,) = contraction.reduced
    element = dot.element if dot is not None else contraction.element
    dims = [*(dim for dim in _places(contraction) if dim != reduced), reduced]
    return _with_copy(contraction, dims, element, {reduced: dot.group if dot is not None else 1}, dot)


def with_left_in_tiles(contraction: Contraction, row: int, rows: int, steps: int) -> Contraction:
    """``contraction`` on a copy of its left operand, row by row, padded with zeros to whole ``rows`` and ``steps``."""
    (reduced,) = contraction.reduced
    dims = [*(dim for dim in _places(contraction) if dim not in (row, reduced)), row, reduced]
    return _with_copy(contraction, dims, contraction.source, {row: rows, reduced: steps}, None)


def _places(contraction: Contraction) -> dict[int, int]:
    """The axes of the left operand by the dimensions that index them."""
    return {result.position: axis for axis, result in enumerate(contraction.left_map.results)}


def _with_copy(
    contraction: Contraction, dims: list[int], element: ir.Type, whole: dict[int, int], dot: Dot | None
) -> Contraction:
    """The copy has the axes ``dims``, each a multiple of what ``whole`` says."""
    places = _places(contraction)
    source = ir.MemRefType(contraction.left.type)
    shape = [source.shape[places[dim]] for dim in dims]
    sizes = {
        dim: memref.dim(contraction.left, _index(places[dim])) for dim in dims if source.is_dynamic_dim(places[dim])
    }
    padded, dynamic = list(shape), dict(sizes)
    ragged = False
    for axis, dim in enumerate(dims):
        unit = whole.get(dim, 1)
        if dim in sizes and unit > 1:
            dynamic[dim] = arith.muli(arith.ceildivui(sizes[dim], _index(unit)), _index(unit))
        elif dim not in sizes:
            padded[axis] = -(-shape[axis] // unit) * unit
        ragged = ragged or (dim in sizes and unit > 1) or padded[axis] != shape[axis]
    copy = memref.AllocOp(ir.MemRefType.get(padded, element), list(dynamic.values()), []).result
    target = copy
    if ragged:
        linalg.fill(arith.constant(element, 0.0 if isinstance(element, ir.FloatType) else 0), outs=[copy])
        target = _front(copy, shape, list(sizes.values()), element)
    loops = [dims.index(result.position) for result in contraction.left_map.results]
    _copy(contraction.left, target, loops, dot)
    indexing = ir.AffineMap.get(len(contraction.sizes), 0, [ir.AffineDimExpr.get(dim) for dim in dims])
    return replace(contraction, left=copy, left_map=indexing)


def with_groups_collapsed(contraction: Contraction) -> Contraction:
    """``contraction`` with panel and group of its right operand in one dimension."""
    kind = ir.MemRefType(contraction.right.type)
    *outer, lanes, _ = contraction.right_map.results
    shape = [*kind.shape[:-2], kind.shape[-2] * kind.shape[-1]]
    groups = [[axis] for axis in range(kind.rank - 2)] + [[kind.rank - 2, kind.rank - 1]]
    flat = ir.MemRefType.get(shape, kind.element_type, memory_space=kind.memory_space)
    right = memref.CollapseShapeOp(flat, contraction.right, groups).result
    results = [*outer, ir.AffineExpr.get_mul(lanes, ir.AffineConstantExpr.get(contraction.group))]
    indexing = ir.AffineMap.get(contraction.right_map.n_dims, 0, results)
    return replace(contraction, right=right, right_map=indexing)


def _copy(source: ir.Value, target: ir.Value, loops: list[int], dot: Dot | None) -> None:
    rank = len(loops)
    maps = [
        ir.AffineMap.get(rank, 0, [ir.AffineDimExpr.get(loop) for loop in loops]),
        ir.AffineMap.get_identity(rank),
    ]
    made = ir.Operation.create(
        "linalg.generic",
        [],
        [source, target],
        {
            "indexing_maps": ir.ArrayAttr.get([ir.AffineMapAttr.get(one) for one in maps]),
            "iterator_types": ir.ArrayAttr.get([ir.Attribute.parse("#linalg.iterator_type<parallel>")] * rank),
            "operandSegmentSizes": ir.DenseI32ArrayAttr.get([1, 1]),
        },
        regions=1,
    )
    element = ir.MemRefType(target.type).element_type
    block = made.regions[0].blocks.append(ir.MemRefType(source.type).element_type, element)
    with ir.InsertionPoint(block):
        value = extend(block.arguments[0], element)
        if dot is not None and dot.shifted:  # 128 more, as an unsigned number
            value = arith.xori(value, arith.constant(element, -128))
        linalg.YieldOp([value])


def _front(copy: ir.Value, shape: list[int], sizes: list[ir.Value], element: ir.Type) -> ir.Value:
    strides, offset = ir.MemRefType(copy.type).get_strides_and_offset()
    kind = ir.MemRefType.get(shape, element, ir.StridedLayoutAttr.get(offset, strides))
    rank = len(shape)
    return memref.SubViewOp(kind, copy, [], sizes, [], [0] * rank, shape, [1] * rank).result


def _index(value: int) -> ir.Value:
    return arith.constant(ir.IndexType.get(), value)
