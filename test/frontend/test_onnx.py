"""ONNX files as models: right on the CPU, and refused with a reason."""

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


def perceptron(folder: Path, *, opset: int = 20, rows: Any = 3, kind: str = "Relu", domain: str = "") -> Path:
    random = np.random.default_rng(0)
    weights = [random.normal(0, 1, shape).astype(np.float32) for shape in ((8, 5), (5,))]
    names = [numpy_helper.from_array(array, name) for array, name in zip(weights, ("w", "b"), strict=True)]
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"]),
        helper.make_node(kind, ["h"], ["y"], domain=domain, name="the_last"),
    ]
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [rows, s]) for n, s in (("x", 8), ("y", 5)))
    opsets = [helper.make_opsetid("", opset), *([helper.make_opsetid(domain, 1)] if domain else [])]
    model = helper.make_model(helper.make_graph(nodes, "g", [x], [y], names), opset_imports=opsets, ir_version=10)
    onnx.save(model, folder / "model.onnx")
    return folder / "model.onnx"


@pytest.mark.parametrize("opset", [13, 17, 21])
def test_computes_what_onnx_says(opset: int, tmp_path: Path) -> None:
    path = perceptron(tmp_path, opset=opset)
    x = np.random.default_rng(1).normal(0, 1, (3, 8)).astype(np.float32)
    (wanted,) = ReferenceEvaluator(str(path)).run(None, {"x": x})
    np.testing.assert_allclose(stepwell.compile(path)(torch.from_numpy(x)).numpy(), wanted, rtol=1e-5, atol=1e-6)


def test_weights_are_parameters_and_sizes_may_vary(tmp_path: Path) -> None:
    path = perceptron(tmp_path, rows="batch")
    program = load_program(path)
    assert list(program.parameters) == ["w", "b"]
    assert [str(spec) for spec in program.signatures["main"].inputs] == ["x: ?x8xf32"]
    executable = stepwell.compile(path)
    for rows in (1, 7):
        x = np.random.default_rng(rows).normal(0, 1, (rows, 8)).astype(np.float32)
        (wanted,) = ReferenceEvaluator(str(path)).run(None, {"x": x})
        np.testing.assert_allclose(executable(torch.from_numpy(x)).numpy(), wanted, rtol=1e-5, atol=1e-6)


def test_external_data(tmp_path: Path) -> None:
    model = onnx.load(perceptron(tmp_path))
    onnx.save(model, tmp_path / "model.onnx", save_as_external_data=True, size_threshold=0)
    x = np.ones((3, 8), np.float32)
    (wanted,) = ReferenceEvaluator(str(tmp_path / "model.onnx")).run(None, {"x": x})
    got = stepwell.compile(tmp_path / "model.onnx")(torch.from_numpy(x))
    np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-5, atol=1e-6)


def test_verify_takes_a_file(tmp_path: Path) -> None:
    assert stepwell.verify(perceptron(tmp_path)).passed


def test_an_old_opset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(stepwell.Error, match="is of opset 11; 13 is the oldest that is read") as caught:
        stepwell.compile(perceptron(tmp_path, opset=11))
    assert "convert_version" in str(caught.value)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(stepwell.Error, match="is not a valid ONNX model"):
        stepwell.compile(tmp_path / "model.onnx")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(stepwell.Error, match="there is no file"):
        stepwell.compile(tmp_path / "none.onnx")


def test_an_operator_of_another_domain_is_named(tmp_path: Path) -> None:
    with pytest.raises(stepwell.Error, match="Frobnicate"):
        stepwell.compile(perceptron(tmp_path, kind="Frobnicate", domain="own"))


def test_the_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(stepwell.Error, match="reading ONNX files needs the package onnx") as caught:
        load_program(perceptron(tmp_path))
    assert "pip install 'stepwell[onnx]'" in str(caught.value)
