"""Small networks as QONNX files, and what each computes, by QONNX's own formulas in numpy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

DOMAIN = "qonnx.custom_op.general"
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass
class Network:
    """A file under construction; ``run`` computes what was added so far."""

    rows: int
    width: int
    seed: int = 0
    opset: int = 20
    nodes: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)
    image: tuple[int, ...] = ()
    steps: list[Callable[[Array], Array]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.inputs = self.width
        self.value = "x"

    def constant(self, value: Any) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def add(
        self, kind: str, inputs: list[str], step: Callable[[Array], Array], domain: str = "", **options: Any
    ) -> None:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.value, *inputs], [name], domain=domain, **options))
        self.value = name
        self.steps.append(step)

    def quant(self, scale: float, bits: int, *, signed: int = 1, narrow: int = 0, zero_point: float = 0.0) -> None:
        settings = [self.constant(number) for number in (scale, zero_point, bits)]
        options = {"signed": signed, "narrow": narrow, "rounding_mode": "ROUND"}
        formula = quant(scale, bits, signed, narrow, zero_point)
        self.add("Quant", settings, formula, DOMAIN, **options)

    def linear(self, outer: int, scale: Any, bits: int, *, zero_point: Any = 0.0, bias_scale: Any = None) -> None:
        """``Gemm`` with a quantised weight, and a bias in floats or quantised; numbers for channels are columns."""
        size = np.resize(np.asarray(scale), (outer, 1))
        weight = (2 * size * self.random.normal(0, 1, (outer, self.width))).astype(np.float32)
        bias = self.random.normal(0, 0.3, outer).astype(np.float32)
        name, used = self.stored(weight, scale, zero_point, bits)
        biased = self.constant(bias)
        if bias_scale is not None:
            biased, bias = self.stored(bias, bias_scale, 0.0, 16)
        self.add("Gemm", [name, biased], lambda x: x @ used.astype(np.float64).T + bias, transB=1)
        self.width = outer

    def stored(self, values: Array, scale: Any, zero_point: Any, bits: int) -> tuple[str, Array]:
        """A parameter behind ``Quant``, and what that makes of it."""
        settings = [self.constant(number) for number in (scale, zero_point, bits)]
        name = f"q{len(self.weights)}"
        inputs = [self.constant(values), *settings]
        self.nodes.append(helper.make_node("Quant", inputs, [name], domain=DOMAIN, narrow=1))
        return name, quant(scale, bits, 1, 1, zero_point)(values)

    def convolution(self, outer: int, scale: Any, bits: int, *, zero_point: Any = 0.0) -> None:
        """``Conv`` of 3x3 taps, padded, of images whose channels are ``width``; numbers for channels come first."""
        size = np.resize(np.asarray(scale), (outer, 1, 1, 1))
        weight = (2 * size * self.random.normal(0, 1, (outer, self.width, 3, 3))).astype(np.float32)
        bias = self.random.normal(0, 0.3, outer).astype(np.float32)
        name, used = self.stored(weight, scale, zero_point, bits)

        def formula(x: Array) -> Array:
            sums = torch.nn.functional.conv2d(*(torch.from_numpy(a).double() for a in (x, used, bias)), padding=1)
            return sums.numpy()

        self.add("Conv", [name, self.constant(bias)], formula, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        self.width = outer

    def batch_norm(self, gamma: list[float]) -> None:
        """With random statistics."""
        beta, mean = (self.random.normal(0, 0.3, self.width) for _ in range(2))
        variance = self.random.uniform(0.5, 2, self.width)
        columns = [np.float32(values).reshape(-1, *[1] * len(self.image)) for values in (gamma, beta, mean, variance)]
        inputs = [self.constant(values.reshape(-1)) for values in columns]

        def formula(x: Array) -> Array:
            g, b, m, v = (values.astype(np.float64) for values in columns)
            return (x - m) / np.sqrt(v + 1e-5) * g + b

        self.add("BatchNormalization", inputs, formula)

    def relu(self) -> None:
        self.add("Relu", [], lambda x: np.maximum(x, 0))

    def bipolar(self, scale: float) -> None:
        step = np.float32(scale)
        self.add("BipolarQuant", [self.constant(scale)], lambda x: np.where(x >= 0, step, -step), DOMAIN)

    def trunc(self, scale: float, before: int, after: int) -> None:
        settings = [self.constant(number) for number in (scale, 0.0, before, after)]

        def formula(x: Array) -> Array:
            return np.floor(np.round(x / np.float32(scale)) / 2.0 ** (before - after)) * np.float32(scale)

        self.add("Trunc", settings, formula, DOMAIN, rounding_mode="FLOOR")

    def model(self) -> Any:
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [self.rows, self.inputs, *self.image])
        y = helper.make_tensor_value_info(self.value, TensorProto.FLOAT, [self.rows, self.width, *self.image])
        graph = helper.make_graph(self.nodes, "network", [x], [y], self.weights)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(DOMAIN, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    def save(self, folder: Path) -> Path:
        onnx.save(self.model(), folder / "network.onnx")
        return folder / "network.onnx"

    def run(self, x: Array) -> Array:
        """In float64 between the quantising operators."""
        for step in self.steps:
            x = step(x)
        return x

    def sample(self, scale: float = 1.0) -> Array:
        return self.random.normal(0, scale, (self.rows, self.inputs, *self.image)).astype(np.float32)


def quant(scale: Any, bits: int, signed: int, narrow: int, zero_point: Any) -> Callable[[Array], Array]:
    """``Quant`` as the specification has it: clamped, then rounded."""
    low = -(1 << (bits - 1)) + narrow if signed else 0
    high = (1 << (bits - 1)) - 1 if signed else (1 << bits) - 1 - narrow
    step, point = np.asarray(scale, np.float32), np.asarray(zero_point, np.float32)

    def formula(x: Array) -> Array:
        return (np.round(np.clip(x / step + point, low, high)) - point) * step

    return formula
