"""ONNX files that arrive quantised, by ONNX's own operators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import stepwell
from stepwell.frontend.load import load_program
from stepwell.support.walk import operations

Arrays = dict[str, Any]


def saved(folder: Path, nodes: list[Any], constants: Arrays, inputs: list[Any], output: list[Any]) -> Path:
    """``inputs`` and ``output`` as name, kind and shape."""
    made = [helper.make_tensor_value_info(*one) for one in inputs]
    known = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "g", made, [helper.make_tensor_value_info(*output)], known)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, folder / "model.onnx")
    return folder / "model.onnx"


def check(path: Path, *inputs: Any, steps: int = 0) -> None:
    """The result is ONNX's; integers may be so many ``steps`` apart where a number is almost in their middle."""
    evaluator = ReferenceEvaluator(str(path))
    (wanted,) = evaluator.run(None, dict(zip(evaluator.input_names, inputs, strict=True)))
    got = stepwell.compile(path)(*(torch.from_numpy(np.asarray(one)) for one in inputs)).numpy()
    assert got.dtype == wanted.dtype
    if wanted.dtype.kind == "f":
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    else:
        difference = np.abs(got.astype(np.int64) - wanted.astype(np.int64))
        assert difference.max() <= steps
        assert (difference > 0).mean() < 0.02


def floats(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def bytes_of(*shape: int) -> Any:
    return np.random.default_rng(1).integers(-127, 127, shape).astype(np.int8)


def perceptron(folder: Path, scales: Any) -> Path:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "xs", "xz"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], axis=1),
        helper.make_node("MatMul", ["xd", "wd"], ["h"]),
        helper.make_node("QuantizeLinear", ["h", "ys", "yz"], ["yq"]),
        helper.make_node("DequantizeLinear", ["yq", "ys", "yz"], ["y"]),
    ]
    constants = {
        "xs": np.float32(0.02), "xz": np.uint8(128), "w": bytes_of(8, 5), "ws": np.float32(scales),
        "wz": np.zeros(np.shape(scales), np.int8), "ys": np.float32(0.1), "yz": np.uint8(100),
    }  # fmt: skip
    return saved(folder, nodes, constants, [("x", TensorProto.FLOAT, [3, 8])], ["y", TensorProto.FLOAT, [3, 5]])


@pytest.mark.parametrize("scales", [0.01, [0.01, 0.02, 0.03, 0.04, 0.05]])
def test_between_quantising_and_dequantising(scales: Any, tmp_path: Path) -> None:
    check(perceptron(tmp_path, scales), floats(3, 8))


def test_integers_and_scales_stay_what_they_are(tmp_path: Path) -> None:
    program = load_program(perceptron(tmp_path, 0.01))
    assert {name: program.parameters[name].dtype.name for name in program.parameters} == {"w": "int8"}
    names = [op.name for op in operations(program.module.operation)]
    assert names.count("torch.quantized_decomposed.quantize_per_tensor") == 2
    assert names.count("torch.quantized_decomposed.dequantize_per_tensor") == 3


def test_ties_and_ends(tmp_path: Path) -> None:
    nodes = [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"])]
    path = saved(
        tmp_path,
        nodes,
        {"s": np.float32(2), "z": np.int8(3)},
        [("x", TensorProto.FLOAT, [8])],
        ["y", TensorProto.INT8, [8]],
    )
    check(path, np.float32([1, 3, 5, -1, -3, 1000, -1000, 0]))


@pytest.mark.parametrize("scales", [0.01, [0.01, 0.02, 0.03, 0.04]])
def test_a_convolution_of_integers(scales: Any, tmp_path: Path) -> None:
    names = ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"]
    constants = {
        "xs": np.float32(0.02), "xz": np.uint8(128), "w": bytes_of(4, 3, 3, 3), "ws": np.float32(scales),
        "wz": np.zeros(np.shape(scales), np.int8), "ys": np.float32(0.3), "yz": np.uint8(100),
        "b": np.arange(4, dtype=np.int32),
    }  # fmt: skip
    node = helper.make_node("QLinearConv", names, ["y"], pads=[1, 1, 1, 1], strides=[2, 2])
    path = saved(
        tmp_path, [node], constants, [("x", TensorProto.UINT8, [1, 3, 8, 8])], ["y", TensorProto.UINT8, [1, 4, 4, 4]]
    )
    check(path, np.random.default_rng(2).integers(0, 256, (1, 3, 8, 8)).astype(np.uint8), steps=1)


def test_a_product_of_integers_with_computed_scales(tmp_path: Path) -> None:
    names = ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"]
    constants = {"w": bytes_of(8, 5), "wz": np.zeros(5, np.int8), "yz": np.int8(-3), "xz": np.int8(5)}
    kinds = [("x", TensorProto.INT8, [3, 8]), ("xs", TensorProto.FLOAT, []), ("ws", TensorProto.FLOAT, [5])]
    path = saved(
        tmp_path,
        [helper.make_node("QLinearMatMul", names, ["y"])],
        constants,
        [*kinds, ("ys", TensorProto.FLOAT, [])],
        ["y", TensorProto.INT8, [3, 5]],
    )
    columns = np.random.default_rng(3).uniform(0.01, 0.05, 5).astype(np.float32)
    check(path, bytes_of(3, 8), np.float32(0.02), columns, np.float32(0.7), steps=1)


def test_blocks_of_scales_are_refused(tmp_path: Path) -> None:
    nodes = [helper.make_node("DequantizeLinear", ["w", "s"], ["y"], axis=1, block_size=2)]
    path = saved(
        tmp_path,
        nodes,
        {"s": np.ones((3, 2), np.float32)},
        [("w", TensorProto.INT8, [3, 4])],
        ["y", TensorProto.FLOAT, [3, 4]],
    )
    with pytest.raises(stepwell.Error, match="'DequantizeLinear'"):
        stepwell.compile(path)
