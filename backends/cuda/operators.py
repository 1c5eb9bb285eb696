"""The torch operators that lower to one elementwise operation, and so to a part of one kernel."""

from __future__ import annotations

_UNARY = (
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "bitwise_not", "ceil", "clone", "cos", "cosh", "elu",
    "erf", "exp", "exp2", "expm1", "floor", "gelu", "hardsigmoid", "hardswish", "hardtanh", "isnan", "leaky_relu",
    "log", "log10", "log1p", "log2", "logical_not", "neg", "reciprocal", "relu", "round", "rsqrt", "sigmoid", "sign",
    "silu", "sin", "sinh", "softplus", "sqrt", "square", "tan", "tanh", "trunc", "_to_copy", "logit",
)  # fmt: skip

_ARITHMETIC = ("add", "sub", "mul", "div", "rsub", "remainder", "fmod", "eq", "ne", "lt", "le", "gt", "ge")

_BITWISE = ("bitwise_and", "bitwise_or", "bitwise_xor")

_BINARY = ("maximum", "minimum", "atan2", "logical_and", "logical_or", "logical_xor")

_OTHERS = (
    "addcdiv", "addcmul", "clamp", "clamp.Tensor", "clamp_max", "clamp_min",
    "div.Tensor_mode", "expand", "full", "masked_fill.Scalar", "pow.Scalar", "pow.Tensor_Scalar",
    "pow.Tensor_Tensor", "scalar_tensor", "where.self", "where.ScalarOther", "where.ScalarSelf",
)  # fmt: skip

#: Operators by name and overload (none for the default one), as preflight counts them.
ELEMENTWISE = frozenset(
    [f"aten.{name}" for name in (*_UNARY, *_BINARY)]
    + [f"aten.{name}.{overload}" for name in (*_ARITHMETIC, *_BITWISE) for overload in ("Tensor", "Scalar")]
    + [f"aten.{name}" for name in _OTHERS]
    + ["aten._assert_tensor_metadata", "prims.convert_element_type"]
)
