"""What a kernel does to the product of queries and keys ahead of the softmax: masks, biases, what its function says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels.attention_adjust import Adjust, MakeAdjust, Place
from stepwell.backends.cuda.kernels.attention_tiles import Sizes, Values
from stepwell.backends.cuda.kernels.elementary.functions import expand
from stepwell.backends.cuda.kernels.evaluate import Elements
from stepwell.backends.cuda.kernels.real import Real
from stepwell.backends.cuda.kernels.word import Word
from stepwell.passes.tensor import index as ix
from stepwell.passes.tensor.attention.labels import KEYS, ROWS, Joined, Label, Loop, Part
from stepwell.passes.tensor.index import Index
from stepwell.passes.tensor.kernels.attention import Attention
from stepwell.passes.tensor.kernels.scores import Adjusted


def make_adjust(attention: Attention, adjusted: Adjusted, read: Sequence[ir.Value]) -> MakeAdjust:
    """What adjusts scores, from what stands in the kernel for ``read``, arguments of the kernel's function."""
    # The first size of planes is never asked for.
    inner = [1, *(loop.factor for loop in attention.loops[1:])]

    def make(values: Values, sizes: Sizes) -> Adjust:
        known = dict(zip(read, values, strict=True))

        def adjust(pair: Sequence[Real], place: Place) -> list[Real]:
            planes = ix.split(_index(place.batch * sizes.heads + place.head), inner)
            row = _index(place.query.minimum(sizes.queries - 1))
            made = []
            for step, score in enumerate(pair):
                distance = place.distance + step
                # A sum of the wide index is an offset of the address; the narrow one would be added up each time.
                column = (
                    ix.add(_index(place.key), distance)
                    if place.inside
                    else _index((place.key + distance).minimum(sizes.keys - 1))
                )
                dims = [_place(label, planes, row, column) for label in adjusted.labels]
                elements = Elements(known, {attention.product.results[0]: _always(score.value)}, expand)
                made.append(Real(elements.within(adjusted.op, adjusted.value, dims)))
            return made

        return adjust

    return make


def _index(number: Word) -> Index:
    return arith.index_castui(ir.IndexType.get(), number.value)


def _always(number: ir.Value) -> Callable[[Sequence[Index]], ir.Value]:
    return lambda indices: number


def _place(label: Label, planes: Sequence[Index], row: Index, column: Index) -> Index:
    """Where a dimension with this label is."""
    if label == ROWS:
        return row
    if label == KEYS:
        return column
    if isinstance(label, Loop):
        return planes[label.number]
    if isinstance(label, Joined):
        outer, inner = (_place(part, planes, row, column) for part in (label.outer, label.inner))
        return ix.add(ix.multiply(outer, label.size), inner)
    if isinstance(label, Part):
        whole = ix.divide(_place(label.of, planes, row, column), label.divisor)
        return whole if label.modulus is None else ix.remainder(whole, label.modulus)
    return 0
