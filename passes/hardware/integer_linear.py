"""Recognises an integer linear layer in linalg: a product with a weight, and what follows it on the sums."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir

from stepwell.passes.hardware.scalar_chain import Step, before_extension, element, operation, scalar_chain, unsupported
from stepwell.support.errors import UnsupportedError
from stepwell.support.widths import dot_product_range, signed_range, signed_width

_ORDER_HINT = "the order is: product, bias, right shift, clamp, cast"


@dataclass(frozen=True)
class Weight:
    """A parameter as a layer reads it: its name, element type, and whether it stands transposed."""

    name: str
    element: ir.Type
    transposed: bool = False


@dataclass
class IntegerLinear:
    """``resize(clamp((bias + rows @ weight) >> shift))`` modulo ``2**wrap``; fields as on ``stream.linear``.

    Attributes:
        rows: the tensor of shape (M, ``inner``) whose rows stream in.
        product: the ``linalg.matmul``.
    """

    product: ir.Operation
    rows: ir.Value
    weight: Weight
    inner: int
    outer: int
    wrap: int
    output: ir.Type
    bias: Weight | None = None
    shift: int = 0
    clamp: tuple[int, int] | None = None

    @property
    def accumulator(self) -> int:
        """Bits that hold every sum of values of these types, at most ``wrap`` and what the result keeps."""
        addend = signed_range(_bits(self.bias.element)) if self.bias else (0, 0)
        left, right = signed_range(_bits(element(self.rows))), signed_range(_bits(self.weight.element))
        kept = self.wrap if self.clamp else self.shift + _bits(self.output)
        return min(self.wrap, kept, signed_width(dot_product_range(self.inner, left, right, addend)))


def match_integer_linear(value: ir.Value, parameters: dict[int, str]) -> IntegerLinear:
    """The layer that makes ``value``.

    Args:
        value: a tensor of shape (M, N).
        parameters: argument number -> parameter name, of the entry.

    Raises:
        UnsupportedError: names the first operation on the way up that the layer does not have.
    """
    root, steps = scalar_chain(value)
    product = operation(root)
    if product is None or product.name != "linalg.matmul":
        raise _no_product(value, product)
    if [str(m) for m in product.opview.indexing_maps] != _plain_maps(product):
        raise unsupported(product, "it reads an operand transposed or broadcast")
    left, right, initial = product.operands
    _check_zero(initial, product)
    rows = _integers(left, product)
    weight = _parameter(right, product, parameters)
    _, inner = _static_shape(left, product)
    _, outer = _static_shape(right, product)
    wrap = _bits(element(root))
    layer = IntegerLinear(product, rows, weight, inner, outer, wrap, element(value))
    _read_epilogue(layer, steps, parameters)
    return layer


def _read_epilogue(layer: IntegerLinear, steps: list[Step], parameters: dict[int, str]) -> None:
    bits = layer.wrap
    shifted = resized = False
    for step in steps:
        if resized and step.kind not in ("extend", "truncate"):
            raise unsupported(step.op, "it comes after a cast", _ORDER_HINT)
        if step.kind == "truncate" and not shifted and layer.clamp is None:
            layer.wrap = bits = step.amount  # sums modulo a power of two may be cut before or after they are added
        elif step.kind in ("extend", "truncate"):
            if resized:
                raise unsupported(step.op, "it is the second cast in a row")
            resized = True
        elif step.kind == "add":
            if layer.bias or shifted or layer.clamp:
                raise unsupported(step.op, "a second or late addition", _ORDER_HINT)
            assert step.vector is not None
            layer.bias = _parameter(step.vector, step.op, parameters)
        elif step.kind == "shift":
            if shifted or layer.clamp:
                raise unsupported(step.op, "a second or late shift", _ORDER_HINT)
            if not 0 <= step.amount < bits:
                raise unsupported(step.op, f"a shift by {step.amount} of {bits} bits has no value")
            layer.shift, shifted = step.amount, True
        else:
            pick = max if step.kind == "maximum" else min
            low, high = layer.clamp or signed_range(bits)
            layer.clamp = (pick(low, step.amount), pick(high, step.amount))


def _parameter(value: ir.Value, user: ir.Operation, parameters: dict[int, str]) -> Weight:
    """Follow casts and one transposition up to a parameter."""
    transposed = False
    root = _integers(value, user)
    op = operation(root)
    if op is not None and op.name == "linalg.transpose" and list(op.opview.permutation) == [1, 0]:
        transposed = True
        root = _integers(op.operands[0], user)
    if not isinstance(root, ir.BlockArgument) or root.arg_number not in parameters:
        raise unsupported(user, "one operand must be a parameter of the model", "products of two inputs come later")
    return Weight(parameters[root.arg_number], element(root), transposed)


def _integers(value: ir.Value, user: ir.Operation) -> ir.Value:
    """``value`` before it was sign-extended; integers only."""
    root = before_extension(value)
    _bits(element(root), user)
    return root


def _bits(kind: ir.Type, user: ir.Operation | None = None) -> int:
    if isinstance(kind, ir.IntegerType) and kind.width > 1:
        return int(kind.width)
    assert user is not None
    raise unsupported(
        user,
        f"its elements are {kind}",
        "the hardware computes with integers: keep weights as int8 and cast to torch.int32 before the product, "
        "or compile for target 'cpu'",
    )


def _static_shape(value: ir.Value, user: ir.Operation) -> tuple[int, int]:
    kind = ir.RankedTensorType(value.type)
    if not kind.has_static_shape:
        raise unsupported(user, f"its shape {kind} is dynamic", "compile without dynamic_shapes")
    rows, columns = kind.shape
    if rows == 0 or columns == 0:
        raise unsupported(user, f"a dimension of {kind} is 0")
    return rows, columns


def _check_zero(initial: ir.Value, product: ir.Operation) -> None:
    fill = operation(initial)
    constant = operation(fill.operands[0]) if fill is not None and fill.name == "linalg.fill" else None
    if constant is None or "value" not in constant.attributes:
        raise unsupported(product, "it adds to a tensor that is not zero")
    value = constant.attributes["value"]
    if not isinstance(value, (ir.IntegerAttr, ir.FloatAttr)) or value.value != 0:
        raise unsupported(product, "it adds to a tensor that is not zero")


def _plain_maps(product: ir.Operation) -> list[str]:
    dims = [ir.AffineExpr.get_dim(i, product.context) for i in range(3)]
    pairs = ((0, 2), (2, 1), (0, 1))
    return [str(ir.AffineMapAttr.get(ir.AffineMap.get(3, 0, [dims[a], dims[b]]))) for a, b in pairs]


def _no_product(value: ir.Value, product: ir.Operation | None) -> Exception:
    if product is not None:
        return unsupported(product, hint="an integer matrix product of an input and a weight is what there is so far")
    return UnsupportedError(
        f"a result of type {value.type} is not computed by a matrix product",
        hint="the hardware target takes integer linear layers so far",
    )
