"""The decompositions by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from torch_mlir import ir

from stepwell.passes.graph.decompositions import activations, arithmetic, means, softmax
from stepwell.passes.graph.torch_build import TensorInfo

Decomposition = Callable[[Sequence[ir.Value], TensorInfo], ir.Value | None]

COMPARISONS = tuple(f"{name}_number" for name in ("eq", "ne", "lt", "le", "gt", "ge"))
"""Comparisons of a tensor with a number, by the name that users give."""

DECOMPOSITIONS: dict[str, tuple[Decomposition, tuple[str, ...]]] = {
    "cdist": (arithmetic.cdist, ("_cdist_forward",)),
    "clamp": (arithmetic.clamp, ("clamp",)),
    "elu": (activations.elu, ("elu",)),
    "eq": (arithmetic.equal, ("eq.Tensor",)),
    "fmod": (arithmetic.fmod, ("fmod.Scalar", "fmod.Tensor")),
    "gelu_tanh": (activations.gelu_tanh, ("gelu",)),
    "gelu": (activations.gelu, ("gelu",)),  # behind gelu_tanh: with both, every form is taken apart
    "hardsigmoid": (activations.hardsigmoid, ("hardsigmoid",)),
    "hardswish": (activations.hardswish, ("hardswish",)),
    "hardtanh": (activations.hardtanh, ("hardtanh",)),
    "hypot": (arithmetic.hypot, ("hypot",)),
    "leaky_relu": (activations.leaky_relu, ("leaky_relu",)),
    "log_softmax": (softmax.log_softmax, ("_log_softmax", "log_softmax.int")),
    "maximum": (arithmetic.maximum, ("maximum",)),
    "mean": (means.mean, ("mean", "mean.dim")),
    "minimum": (arithmetic.minimum, ("minimum",)),
    "mish": (activations.mish, ("mish",)),
    "reciprocal": (arithmetic.reciprocal, ("reciprocal",)),
    "relu6": (activations.relu6, ("relu6",)),
    "sigmoid": (activations.sigmoid, ("sigmoid",)),
    "silu": (activations.silu, ("silu",)),
    "softmax": (softmax.softmax, ("_softmax", "softmax.int")),
    "softplus": (activations.softplus, ("softplus",)),
    **{
        key: (partial(arithmetic.compare_number, name), (f"{name}.Scalar",))
        for key, name in ((key, key.removesuffix("_number")) for key in COMPARISONS)
    },
}
"""By the name that users give: the decomposition, and the ``aten`` operators that it takes apart."""
