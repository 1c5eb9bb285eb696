"""Weights of a quantised model: parameters of their own, made from the model's when they are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from torch_mlir import ir

from stepwell.dialects.stream import element_bits
from stepwell.passes.base import PassContext
from stepwell.passes.graph.computed_weights import computation
from stepwell.passes.graph.torch_build import numbers, tensor_info
from stepwell.passes.graph.torch_values import constant_int, definition
from stepwell.passes.graph.weights import Weights
from stepwell.passes.hardware.fixed_values import format_of, refuse
from stepwell.passes.hardware.weight_numbers import Array, weight_numbers
from stepwell.support.dtypes import from_numpy
from stepwell.support.fixed_point import Format
from stepwell.support.signature import TensorSpec

_HINT = "here a weight must be a parameter of the model, as it is or transposed; compile the model as a whole"
_COMPUTED = "computed."


@dataclass(frozen=True)
class FixedWeight:
    """A quantised parameter as a layer reads it: its name, bits of an element, and whether it stands transposed."""

    name: str
    bits: int
    transposed: bool


@dataclass(frozen=True)
class Arrangement:
    """Inputs of a weight in another order, and a row for each output.

    The weight with its outputs in front, as a matrix has them behind, is seen by ``shape`` and transposed by ``order``.
    """

    shape: tuple[int, ...]
    order: tuple[int, ...]

    @property
    def text(self) -> str:
        """In a word for names."""
        return f"rows{list(self.shape)}{list(self.order)}"

    def sizes(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Of what a weight of ``shape`` becomes."""
        outputs = shape[0] if len(shape) > 2 else shape[-1]
        return outputs, math.prod(shape) // outputs

    def apply(self, values: Array) -> Array:
        """The rows."""
        rows = (values if values.ndim > 2 else values.T).reshape(self.shape).transpose(self.order)
        return np.ascontiguousarray(rows.reshape(len(rows), -1))


class FixedWeights:
    """Finds the parameters behind fixed-point numbers and registers what they become.

    Args:
        parameters: argument of the entry -> name of the parameter.
    """

    def __init__(self, parameters: Mapping[ir.Value, str], context: PassContext) -> None:
        self._parameters = dict(parameters)
        self._context = context
        self._weights = Weights()

    def holds(self, value: ir.Value) -> bool:
        """Whether the fixed-point ``value`` is made from weights alone."""
        made = weight_numbers(value)
        return made is not None and self._weights.is_fixed(made.root)

    def read(self, value: ir.Value, arrangement: Arrangement | None = None) -> FixedWeight:
        """The parameter that holds the integers of ``value``; it is added to the store.

        Args:
            arrangement: in which order the inputs come; the parameter has a row for each output then.

        Raises:
            UnsupportedError: they are computed from parameters, and nobody is there to do that.
        """
        made, op = weight_numbers(value), definition(value)
        assert made is not None and op is not None
        root, transposed = _root(made.root)
        if root not in self._parameters:
            self._parameters[root] = self._computed(root)
        kind, source = format_of(value), self._parameters[root]
        if made.moves or arrangement is not None:  # then the parameter is made in the layer's order
            name = f"{source}:{'transposed,' * transposed}{made.text}"
            shape = tuple(ir.RankedTensorType(value.type).shape)

            def compute(values: Array) -> Array:
                return made.compute(values.T if transposed else values)

            if arrangement is None:
                self._add(name, source, shape, kind, compute)
                return FixedWeight(name, element_bits(kind), transposed=False)
            name = f"{name},{arrangement.text}"
            self._add(name, source, arrangement.sizes(shape), kind, lambda values: arrangement.apply(compute(values)))
            return FixedWeight(name, element_bits(kind), transposed=True)
        info = tensor_info(root)
        assert info is not None
        name = f"{source}:{made.text}"
        self._add(name, source, tuple(size for size in info.shape if size is not None), kind, made.compute)
        return FixedWeight(name, element_bits(kind), transposed)

    def _computed(self, root: ir.Value) -> str:
        """The parameter that ``root``, which the model computes from others, becomes."""
        module, sources = computation(root, self._parameters)
        info, store, evaluate = tensor_info(root), self._context.parameters, self._context.evaluate
        assert info is not None
        number = sum(name.startswith(_COMPUTED) for name in self._parameters.values())
        name = f"{_COMPUTED}{number}.{sources[0] if sources else ''}"
        if store is not None:
            if evaluate is None:
                raise refuse(definition(root) or root.owner, "it computes a weight", _HINT)

            def floats() -> Array:
                return np.asarray(evaluate(module, store))

            shape = tuple(size for size in info.shape if size is not None)
            store.add(name, floats, TensorSpec(name, info.dtype, shape))
            store.constants.add(name)
            self._context.values_read.update(sources)
        return name

    def _add(
        self, name: str, source: str, shape: tuple[int, ...], kind: Format, compute: Callable[[Array], Array]
    ) -> None:
        store = self._context.parameters
        if store is None:
            return

        def integers() -> Array:
            return compute(store[source])

        store.add(name, integers, TensorSpec(name, from_numpy(kind.dtype), shape))
        store.constants.add(name)  # no checkpoint has it
        self._context.values_read.add(source)


def _root(value: ir.Value) -> tuple[ir.Value, bool]:
    """``value`` before it was transposed, and whether it was."""
    op, transposed = definition(value), False
    while op is not None and _transposes(op):
        value, transposed = op.operands[0], not transposed
        op = definition(value)
    return value, transposed


def _transposes(op: ir.Operation) -> bool:
    """Whether ``op`` exchanges the two dimensions of a matrix."""
    info = tensor_info(op.results[0]) if len(op.results) == 1 else None
    if info is None or len(info.shape) != 2:
        return False
    if op.name == "torch.aten.transpose.int":
        dims = [constant_int(dim) for dim in op.operands[1:]]
        return None not in dims and {dim % 2 for dim in dims if dim is not None} == {0, 1}
    if op.name == "torch.aten.permute":
        return numbers(op.operands[1]) in ([1, 0], [-1, 0])
    return bool(op.name == "torch.aten.t")
