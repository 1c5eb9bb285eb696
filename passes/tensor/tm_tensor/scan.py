"""``tm_tensor.scan``: running sums and the like along one dimension."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg

from stepwell.passes.tensor.build import extract_slice, index, inline_body, insert_slice, loop, sizes_of
from stepwell.passes.tensor.tm_tensor import Operation


def lower_scan(scan: Operation) -> list[ir.Value]:
    """One loop along the scanned dimension; the accumulator holds all other dimensions.

    Inclusive: ``out[0] = in[0]``, ``out[i] = f(out[i - 1], in[i])``. Exclusive: ``out[0]`` is the accumulator given,
    ``out[i] = f(out[i - 1], in[i - 1])``. The second result is the last accumulator.
    """
    assert scan.body is not None
    body = scan.body
    (source,) = scan.inputs
    out, accumulator = scan.outputs
    dim, inclusive = scan.integer("dimension"), scan.flag("inclusive")
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

    return loop(sizes[dim], [out, accumulator], step)


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
