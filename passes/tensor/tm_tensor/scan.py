"""``tm_tensor.scan``: running sums and the like along one dimension."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, scf, tensor

from stepwell.passes.tensor.build import (
    Size,
    extract_slice,
    index,
    inline_body,
    insert_slice,
    loop,
    parallel_insert_slice,
    size_of,
    sizes_of,
)
from stepwell.passes.tensor.tm_tensor import Operation


def lower_scan(scan: Operation, *, rows: bool = False) -> list[ir.Value]:
    """One loop along the scanned dimension; the accumulator holds all other dimensions.

    Inclusive: ``out[0] = in[0]``, ``out[i] = f(out[i - 1], in[i])``. Exclusive: ``out[0]`` is the accumulator given,
    ``out[i] = f(out[i - 1], in[i - 1])``. The second result is the last accumulator. With ``rows`` each index of the
    dimensions ahead of it has a loop of its own, and what is left of the accumulator may be one number.
    """
    assert scan.body is not None
    (source,) = scan.inputs
    dim, inclusive = scan.integer("dimension"), scan.flag("inclusive")
    if not rows:
        return _scan(scan.body, source, scan.outputs, dim, inclusive=inclusive)
    sizes = sizes_of(source)
    if dim == 0:
        return _scan_row(scan.body, source, scan.outputs, inclusive=inclusive)
    made = scf.ForallOp([0] * dim, sizes[:dim], [1] * dim, list(scan.outputs))
    indices, shared = list(made.body.arguments)[:dim], list(made.body.arguments)[dim:]
    row = [[1] * dim + sizes[dim:], [1] * dim + sizes[dim + 1 :]]
    offsets = [[*indices, *[0] * (len(part) - dim)] for part in row]
    kept = [list(range(dim, len(part))) for part in row]
    with ir.InsertionPoint(made.body):
        taken = extract_slice(source, offsets[0], row[0], kept[0])
        given = [extract_slice(*part) for part in zip(shared, offsets, row, kept, strict=True)]
        results = _scan_row(scan.body, taken, given, inclusive=inclusive)
        with ir.InsertionPoint(scf.InParallelOp().block):
            for part in zip(results, shared, offsets, row, strict=True):
                parallel_insert_slice(*part)
    return list(made.results)


def _scan_row(body: ir.Block, source: ir.Value, given: Sequence[ir.Value], *, inclusive: bool) -> list[ir.Value]:
    """Along the first dimension; of one dimension number by number, so that the last one stays in a register."""
    if ir.RankedTensorType(source.type).rank > 1:
        return _scan(body, source, given, 0, inclusive=inclusive)
    out, accumulator = given
    size = size_of(source, 0)
    # The first number stands for itself: a loop of its own spares the others a choice.
    first = min(size, 1) if isinstance(size, int) else arith.minui(size, index(1))

    def step(i: ir.Value, carried: Sequence[ir.Value], *, alone: bool) -> list[ir.Value]:
        result, before = carried
        element = tensor.extract(source, [i])
        after = element if alone else inline_body(body, [before, element])[0]
        return [tensor.insert(after if inclusive else before, result, [i]), after]

    carried = [out, tensor.extract(accumulator, [])]
    start: Size = first if inclusive else 0
    if inclusive:
        carried = loop(first, carried, lambda i, values: step(i, values, alone=True))
    result, last = loop(size, carried, lambda i, values: step(i, values, alone=False), start)
    return [result, tensor.insert(last, accumulator, [])]


def _scan(body: ir.Block, source: ir.Value, given: Sequence[ir.Value], dim: int, *, inclusive: bool) -> list[ir.Value]:
    sizes = sizes_of(source)
    keep = [other for other in range(len(sizes)) if other != dim]
    slice_sizes = [1 if other == dim else size for other, size in enumerate(sizes)]

    def step(i: ir.Value, carried: Sequence[ir.Value]) -> list[ir.Value]:
        result, before = carried
        offsets = [i if other == dim else 0 for other in range(len(sizes))]
        element = extract_slice(source, offsets, slice_sizes, keep)
        after = _combine(body, i, element, before, inclusive)
        written = after if inclusive else before
        return [insert_slice(written, result, offsets, slice_sizes), after]

    return loop(sizes[dim], given, step)


def _combine(body: ir.Block, i: ir.Value, element: ir.Value, before: ir.Value, inclusive: bool) -> ir.Value:
    """``f(before, element)`` for every element; where an inclusive scan starts, ``element`` itself."""
    rank = ir.RankedTensorType(before.type).rank
    same = ir.AffineMap.get_identity(rank)
    first = arith.CmpIOp(arith.CmpIPredicate.eq, i, index(0)).result
    generic = linalg.GenericOp(
        [before.type],
        [element],
        [before],
        ir.ArrayAttr.get([ir.AffineMapAttr.get(same)] * 2),
        ir.ArrayAttr.get([ir.Attribute.parse("#linalg.iterator_type<parallel>")] * rank),
    )
    kind = ir.RankedTensorType(before.type).element_type
    block = generic.regions[0].blocks.append(kind, kind, arg_locs=[ir.Location.current] * 2)
    with ir.InsertionPoint(block):
        new, old = block.arguments
        (combined,) = inline_body(body, [old, new])
        linalg.YieldOp([arith.SelectOp(first, new, combined).result if inclusive else combined])
    return generic.results[0]
