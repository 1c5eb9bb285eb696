"""Instructions that sum several products of narrow numbers into each lane of a wide accumulator.

That for bf16 (``vdpbf16ps``) is none of them: it takes subnormal numbers for zero, and on Sapphire Rapids a product
through it ran at half the speed of one extended to f32. Where bf16 lies in pairs, as tiles want it (see
:mod:`amx_kernel`), the pairs are taken apart and multiplied as f32.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith, vector

from stepwell.passes.buffer.contraction.roles import Contraction


@dataclass(frozen=True)
class Dot:
    """``total[i] += left[i, 0] * right[i, 0] + left[i, 1] * right[i, 1] + ...``, ``group`` products a lane.

    Attributes:
        kind: the type of what is multiplied, exactly: ``i16``, or ``i8``, whose left operand is unsigned: it is given
            with 128 added, which the tile takes off. Or ``bf16``, in two multiply-adds of f32.
        group: products a lane.
        names: intrinsics by the width of a vector; none for bf16.
    """

    kind: str
    group: int
    names: dict[int, str]

    @property
    def element(self) -> ir.Type:
        """The type of what is multiplied."""
        return ir.Type.parse(self.kind)

    @property
    def shifted(self) -> bool:
        """Whether the left operand is given with 128 added."""
        return self.kind == "i8"

    def add(self, total: ir.Value, left: ir.Value, right: ir.Value) -> ir.Value:
        """``total`` and the products; ``left`` and ``right`` are vectors of ``group`` elements a lane."""
        kind = ir.VectorType(total.type)
        if self.kind == "bf16":
            for factors in zip(_halves(left), _halves(right), strict=True):
                total = vector.fma(*factors, total)
            return total
        name = self.names[int(kind.shape[0]) * 32]
        if self.kind == "i16":
            return arith.addi(total, _call(name, [left, right], kind))
        return _call(name, [total, left, right], kind)


_DOTS = {
    "i8": Dot("i8", 4, {bits: f"llvm.x86.avx512.vpdpbusd.{bits}" for bits in (128, 256, 512)}),
    "i16": Dot(
        "i16", 2, {128: "llvm.x86.sse2.pmadd.wd", 256: "llvm.x86.avx2.pmadd.wd", 512: "llvm.x86.avx512.pmaddw.d.512"}
    ),
    "bf16": Dot("bf16", 2, {}),
}
#: By the type of the operands, the best first.
_CHOICES = {"i8": ("i8", "i16"), "i16": ("i16",)}


def dot_of(source: str, available: frozenset[str]) -> Dot | None:
    """The instruction for operands of type ``source`` among those ``available``."""
    return next((_DOTS[kind] for kind in _CHOICES.get(source, ()) if kind in available), None)


def choose_dot(contraction: Contraction, available: frozenset[str], vector_bits: int) -> Dot | None:
    """The instruction for ``contraction``: its left operand is to be copied with the reduction innermost."""
    dot = dot_of(str(contraction.source), available)
    if str(contraction.source) == "bf16" and contraction.group == 2:
        dot = _DOTS["bf16"]
    if dot is None or not contraction.is_narrow or not is_copyable(contraction):
        return None
    if dot.names and vector_bits not in dot.names:
        return None
    if (contraction.panel or 0) % (vector_bits // 32):
        return None
    return dot if contraction.group in (1, dot.group) else None


def is_copyable(contraction: Contraction) -> bool:
    """Whether the left operand is indexed by single dimensions, one of them reduced."""
    results = list(contraction.left_map.results)
    dims = [result.position for result in results if isinstance(result, ir.AffineDimExpr)]
    return (
        len(dims) == len(results) == len(set(dims)) and len(contraction.reduced) == 1 and contraction.reduced[0] in dims
    )


def _halves(pairs: ir.Value) -> list[ir.Value]:
    """The first and the second bf16 of each pair, as f32."""
    count = ir.VectorType(pairs.type).shape[0] // 2
    words, floats = (ir.VectorType.get([count], kind) for kind in (ir.IntegerType.get_signless(32), ir.F32Type.get()))
    whole = vector.bitcast(words, pairs)
    shift, high = (
        arith.constant(words, ir.DenseElementsAttr.get_splat(words, ir.IntegerAttr.get(words.element_type, number)))
        for number in (16, -65536)
    )
    return [vector.bitcast(floats, word) for word in (arith.shli(whole, shift), arith.andi(whole, high))]


def interleave(rows: list[ir.Value]) -> ir.Value:
    """``rows[0][0], rows[1][0], ..., rows[0][1], ...`` of a power of two of rows."""
    while len(rows) > 1:
        half = len(rows) // 2
        rows = [vector.interleave(rows[i], rows[i + half]) for i in range(half)]
    return rows[0]


def _call(name: str, operands: list[ir.Value], kind: ir.Type) -> ir.Value:
    made = ir.Operation.create(
        "llvm.call_intrinsic",
        [kind],
        operands,
        {
            "intrin": ir.StringAttr.get(name),
            "operandSegmentSizes": ir.DenseI32ArrayAttr.get([len(operands), 0]),
            "op_bundle_sizes": ir.DenseI32ArrayAttr.get([]),
        },
    )
    return made.results[0]
