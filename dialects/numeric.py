"""``numeric``: numbers of any width and what is computed with them, bit for bit.

Elements are ``!numeric.fixed<width, frac, sign>``: an integer of ``width`` bits, ``"signed"`` or ``"unsigned"``, whose
lowest bit weighs ``2**-frac``; integers are those of ``frac`` 0. Arithmetic is exact: a result whose format can't hold
every value is refused. Only ``quantize``, ``cast`` and ``requantize`` round, and they say how and what happens to
numbers outside of the format. Text is MLIR's generic form.
"""

# mypy: disable-error-code="call-arg,misc,name-defined,no-any-return"
# (the classes of a dialect are made while Python runs)

from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import Dialect, Operand, Result, result

from stepwell.dialects import numeric_function_rules as function_rules
from stepwell.dialects import numeric_layout_rules as layout_rules
from stepwell.dialects import numeric_rules as rules
from stepwell.dialects import numeric_scale_rules as scale_rules
from stepwell.dialects import numeric_window_rules as window_rules
from stepwell.dialects.rules import verifier
from stepwell.support.fixed_point import Format

__all__ = [
    "AddOp",
    "CastOp",
    "ClampOp",
    "ConcatOp",
    "ConvolutionOp",
    "DequantizeOp",
    "DequantizeScaledOp",
    "FixedType",
    "MatmulOp",
    "MaxPoolOp",
    "MultiplyOp",
    "NormalizeOp",
    "Numeric",
    "QuantizeOp",
    "QuantizeScaledOp",
    "ReinterpretOp",
    "RequantizeOp",
    "ReshapeOp",
    "SignOp",
    "SliceOp",
    "SoftmaxOp",
    "SumPoolOp",
    "TableOp",
    "TransposeOp",
    "fixed_type",
    "load",
]


class Numeric(Dialect, name="numeric"):
    """The dialect; :func:`load` makes it known to a context."""


class FixedType(Numeric.Type, name="fixed"):
    """``!numeric.fixed<width, frac, sign>``; element of tensors."""

    width: ir.IntegerAttr
    frac: ir.IntegerAttr
    sign: ir.StringAttr


class QuantizeOp(Numeric.Operation, name="quantize"):
    """Floating-point numbers into a format. NaN is 0; infinity the nearest end, 0 where numbers wrap."""

    value: Operand[Any]
    rounding: ir.StringAttr
    overflow: ir.StringAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(rules.quantize))


class DequantizeOp(Numeric.Operation, name="dequantize"):
    """The f32 or f64 nearest to each number, ties to even."""

    value: Operand[Any]
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(rules.dequantize))


class QuantizeScaledOp(Numeric.Operation, name="quantize_scaled"):
    """f32 to integers ``n`` that stand for ``n * scale``: to nearest, ties to even, from ``low`` to ``high``; NaN is 0.

    ``way``: ``divide`` by the scale, or times its f32 ``reciprocal``; or ``sign``: 1 for 0 and more, else -1.
    """

    value: Operand[Any]
    scale: ir.FloatAttr
    way: ir.StringAttr
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(scale_rules.quantize_scaled))


class DequantizeScaledOp(Numeric.Operation, name="dequantize_scaled"):
    """The f32 product of each integer and ``scale``."""

    value: Operand[Any]
    scale: ir.FloatAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(scale_rules.dequantize_scaled))


class SignOp(Numeric.Operation, name="sign"):
    """1 for 0 and more, -1 below."""

    value: Operand[Any]
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(scale_rules.sign))


class ClampOp(Numeric.Operation, name="clamp"):
    """The same integers, those outside of ``low`` to ``high`` become the nearest end; ``frac`` stays."""

    value: Operand[Any]
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(scale_rules.clamp))


class CastOp(Numeric.Operation, name="cast"):
    """The same numbers in another format."""

    value: Operand[Any]
    rounding: ir.StringAttr
    overflow: ir.StringAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(rules.cast))


class RequantizeOp(Numeric.Operation, name="requantize"):
    """Integers times ``multiplier * 2**-shift``, rounded; ``frac`` of either side plays no part."""

    value: Operand[Any]
    multiplier: ir.IntegerAttr
    shift: ir.IntegerAttr
    rounding: ir.StringAttr
    overflow: ir.StringAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(rules.requantize))


class ReinterpretOp(Numeric.Operation, name="reinterpret"):
    """The same bits as another type: ``iN`` and formats of ``N`` bits."""

    value: Operand[Any]
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(rules.reinterpret))


class AddOp(Numeric.Operation, name="add"):
    """Sums; ``right`` may be a row that is added to each row of ``left``, or repeated along sizes of 1.

    All three have one ``frac``.
    """

    left: Operand[Any]
    right: Operand[Any]
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(rules.add))


class MultiplyOp(Numeric.Operation, name="multiply"):
    """Products of elements; ``right`` may be a row. The result's ``frac`` is the sum of both."""

    left: Operand[Any]
    right: Operand[Any]
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(rules.multiply))


class MatmulOp(Numeric.Operation, name="matmul"):
    """``left`` (..., M, K) times ``right`` (..., K, N), K static. The result's ``frac`` is the sum of both."""

    left: Operand[Any]
    right: Operand[Any]
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(rules.matmul))


class TableOp(Numeric.Operation, name="table"):
    """A function of every number, in float64 and then rounded; results saturate."""

    value: Operand[Any]
    function: ir.StringAttr
    rounding: ir.StringAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(function_rules.table))


class SoftmaxOp(Numeric.Operation, name="softmax"):
    """Softmax along the last dimension, as ``support.fixed_rows`` defines it; rounded once, results saturate."""

    value: Operand[Any]
    precision: ir.IntegerAttr
    rounding: ir.StringAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(function_rules.softmax))


class NormalizeOp(Numeric.Operation, name="normalize"):
    """Rows, the last dimension, divided by a root, as ``support.fixed_rows`` defines it; rounded once, they saturate.

    ``by``: ``variance``, after the mean is taken off, or ``mean-square``; ``epsilon`` is added to it.
    """

    value: Operand[Any]
    by: ir.StringAttr
    epsilon: ir.FloatAttr
    precision: ir.IntegerAttr
    rounding: ir.StringAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(function_rules.normalize))


class ReshapeOp(Numeric.Operation, name="reshape"):
    """The same numbers in another shape, in row-major order."""

    value: Operand[Any]
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(layout_rules.reshape))


class SliceOp(Numeric.Operation, name="slice"):
    """The numbers from ``start`` up to ``stop`` along dimension ``axis``; an attribute ``step`` may leave some out."""

    value: Operand[Any]
    axis: ir.IntegerAttr
    start: ir.IntegerAttr
    stop: ir.IntegerAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(layout_rules.take))


class ConcatOp(Numeric.Operation, name="concat"):
    """``right`` behind ``left`` along dimension ``axis``."""

    left: Operand[Any]
    right: Operand[Any]
    axis: ir.IntegerAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(layout_rules.concat))


class TransposeOp(Numeric.Operation, name="transpose"):
    """Dimensions in another order: dimension ``i`` of the result is ``permutation[i]`` of the operand."""

    value: Operand[Any]
    permutation: ir.ArrayAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(layout_rules.transpose))


class ConvolutionOp(Numeric.Operation, name="convolution"):
    """``image`` (N, C, sizes) and ``weight`` (O, C / groups, kernel) to (N, O, sizes); zeros are the padding.

    The result's ``frac`` is the sum of both.
    """

    image: Operand[Any]
    weight: Operand[Any]
    strides: ir.ArrayAttr
    padding: ir.ArrayAttr
    dilation: ir.ArrayAttr
    groups: ir.IntegerAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(window_rules.convolution))


class MaxPoolOp(Numeric.Operation, name="max_pool"):
    """The largest number of each window of (N, C, sizes); padding is never the largest.

    An attribute ``dilation`` may say how far apart the numbers of a window are, one called ``over`` how far behind the
    padding the last windows reach.
    """

    image: Operand[Any]
    kernel: ir.ArrayAttr
    strides: ir.ArrayAttr
    padding: ir.ArrayAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(window_rules.max_pool))


class SumPoolOp(Numeric.Operation, name="sum_pool"):
    """The sum of each window of (N, C, sizes); zeros are the padding.

    The result has the integers of the sums: each bit of ``frac`` more than the operand's halves what they stand for.
    An attribute ``over`` may say how far behind the padding the last windows reach.
    """

    image: Operand[Any]
    kernel: ir.ArrayAttr
    strides: ir.ArrayAttr
    padding: ir.ArrayAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(window_rules.sum_pool))


def load(context: ir.Context) -> None:
    """Make the dialect known to ``context``; idempotent."""
    with context, ir.Location.unknown():
        if not context.is_dialect_loaded("numeric"):
            Numeric.load()


def fixed_type(kind: Format) -> FixedType:
    """``kind`` as an element type, in the current context."""
    i64 = ir.IntegerType.get_signless(64)
    sign = ir.StringAttr.get("signed" if kind.signed else "unsigned")
    return FixedType.get(ir.IntegerAttr.get(i64, kind.width), ir.IntegerAttr.get(i64, kind.frac), sign)
