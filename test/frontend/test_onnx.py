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
from stepwell.frontend.onnx.mistranslated import corrected
from stepwell.support.errors import UnsupportedError


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


def saved(folder: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], *, opset: int = 23) -> Path:
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]), folder / "model.onnx")
    return folder / "model.onnx"


def floats(name: str, *sizes: Any) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)


def agrees(path: Path, **inputs: np.ndarray[Any, Any]) -> None:
    (wanted,) = ReferenceEvaluator(str(path)).run(None, inputs)
    got = stepwell.compile(path)(*(torch.from_numpy(value) for value in inputs.values()))
    np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-4, atol=1e-6)


def test_an_operator_without_a_translation_is_its_body(tmp_path: Path) -> None:
    node = helper.make_node("Attention", ["q", "k", "v"], ["y"], is_causal=1)
    path = saved(tmp_path, [node], [floats(name, 1, 2, 4, 8) for name in "qkv"], [floats("y", 1, 2, 4, 8)])
    random = np.random.default_rng()
    agrees(path, **{name: random.normal(0, 1, (1, 2, 4, 8)).astype(np.float32) for name in "qkv"})


def test_what_an_operator_asks_for_is_computed_from_static_sizes(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Size", ["shape"], ["rank"]),
        helper.make_node("Constant", [], ["one"], value_int=1),
        helper.make_node("Range", ["one", "rank", "one"], ["axes"]),
        helper.make_node("ReduceMean", ["x", "axes"], ["y"]),
    ]
    path = saved(tmp_path, nodes, [floats("x", 2, 3, 4)], [floats("y", 2, 1, 1)])
    agrees(path, x=np.random.default_rng().normal(0, 1, (2, 3, 4)).astype(np.float32))


@pytest.mark.parametrize("rank", [2, 3])
def test_a_condition_of_static_sizes_is_decided(rank: int, tmp_path: Path) -> None:
    then, other = (
        helper.make_graph([helper.make_node(kind, ["x"], [kind])], kind, [], [floats(kind)]) for kind in ("Abs", "Neg")
    )
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Size", ["shape"], ["rank"]),
        helper.make_node("Constant", [], ["two"], value_int=2),
        helper.make_node("Equal", ["rank", "two"], ["flat"]),
        helper.make_node("If", ["flat"], ["y"], then_branch=then, else_branch=other),
    ]
    path = saved(tmp_path, nodes, [floats("x", *(3,) * rank)], [floats("y", *(3,) * rank)])
    agrees(path, x=np.random.default_rng().normal(0, 1, (3,) * rank).astype(np.float32))


def test_an_open_size_beside_computed_ones(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["rows"], start=0, end=1),
        helper.make_node("Constant", [], ["open"], value_ints=[-1]),
        helper.make_node("Concat", ["open", "rows"], ["shape"], axis=0),
        helper.make_node("Reshape", ["x", "shape"], ["y"]),
    ]
    path = saved(tmp_path, nodes, [floats("x", "rows", 4)], [floats("y", "columns", "rows")])
    for rows in (1, 3):
        agrees(path, x=np.random.default_rng().normal(0, 1, (rows, 4)).astype(np.float32))


def test_a_function_of_the_model_is_inlined(tmp_path: Path) -> None:
    path = saved(tmp_path, [helper.make_node("Twice", ["x"], ["y"], domain="own")], [floats("x", 3)], [floats("y", 3)])
    model = onnx.load(path)
    opsets = [helper.make_opsetid("", 23)]
    body = [helper.make_node("Add", ["a", "a"], ["b"])]
    model.functions.append(helper.make_function("own", "Twice", ["a"], ["b"], body, opsets))
    model.opset_import.append(helper.make_opsetid("own", 1))
    onnx.save(model, path)
    agrees(path, x=np.random.default_rng().normal(0, 1, 3).astype(np.float32))


@pytest.mark.parametrize("kind", ["STRING", "INT4", "FLOAT8E4M3FN"])
def test_types_that_are_not_taken_are_named(kind: str, tmp_path: Path) -> None:
    values = [helper.make_tensor_value_info(name, getattr(TensorProto, kind), [3]) for name in "xy"]
    path = saved(tmp_path, [helper.make_node("Identity", ["x"], ["y"])], values[:1], values[1:])
    with pytest.raises(stepwell.Error, match=f"the ONNX value 'x' has elements of type {kind}, which is not taken"):
        stepwell.compile(path)


@pytest.mark.parametrize("kind", ["UINT16", "UINT32", "UINT64"])
def test_wide_unsigned_integers(kind: str, tmp_path: Path) -> None:
    values = [helper.make_tensor_value_info(name, getattr(TensorProto, kind), [4]) for name in "xyz"]
    nodes = [helper.make_node("Max", ["x", "y"], ["m"]), helper.make_node("Mul", ["m", "x"], ["z"])]
    path = saved(tmp_path, nodes, values[:2], values[2:])
    random, most = np.random.default_rng(), np.iinfo(kind.lower()).max
    agrees(path, **{name: random.integers(0, most, 4, dtype=kind.lower(), endpoint=True) for name in "xy"})


def test_an_operator_that_makes_wide_unsigned_integers_otherwise(tmp_path: Path) -> None:
    node = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.UINT16)
    path = saved(tmp_path, [node], [floats("x", 3)], [helper.make_tensor_value_info("y", TensorProto.UINT16, [3])])
    with pytest.raises(stepwell.Error, match="a result of the ONNX operator 'Cast' has elements of type UINT16"):
        stepwell.compile(path)


def test_a_sequence_is_named(tmp_path: Path) -> None:
    value = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)
    path = saved(tmp_path, [helper.make_node("SequenceConstruct", ["x"], ["s"])], [floats("x", 3)], [value])
    with pytest.raises(stepwell.Error, match="the ONNX value 's' is no tensor but of a sequence type"):
        stepwell.compile(path)


def test_a_model_without_the_standard_domain_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, [helper.make_node("Binarizer", ["x"], ["y"], domain="ai.onnx.ml")], [floats("x", 3)], [])
    model = onnx.load(path)
    model.graph.output.append(floats("y", 3))
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 1))
    onnx.save(model, path)
    with pytest.raises(stepwell.Error, match=r"has operators of 'ai\.onnx\.ml' only, none of ONNX's standard"):
        stepwell.compile(path)


def test_missing_external_data_is_refused(tmp_path: Path) -> None:
    model = onnx.load(perceptron(tmp_path))
    onnx.save(model, tmp_path / "model.onnx", save_as_external_data=True, size_threshold=0, location="weights")
    (tmp_path / "weights").unlink()
    with pytest.raises(stepwell.Error, match="is not a valid ONNX model"):
        stepwell.compile(tmp_path / "model.onnx")


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


@pytest.mark.parametrize("opset", [17, 22])
def test_a_norm_of_zero_leaves_zeros(opset: int, tmp_path: Path) -> None:
    node = helper.make_node("LpNormalization", ["x"], ["y"], axis=1)
    path = saved(tmp_path, [node], [floats("x", 2, 2)], [floats("y", 2, 2)], opset=opset)
    got = stepwell.compile(path)(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    torch.testing.assert_close(got, torch.tensor([[0.6, 0.8], [0.0, 0.0]]))


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_rows_under_a_mask(axis: int | None, tmp_path: Path) -> None:
    node = helper.make_node("Compress", ["x", "mask"], ["y"], **({} if axis is None else {"axis": axis}))
    mask = helper.make_tensor_value_info("mask", TensorProto.BOOL, [3])
    sizes = {None: ["n"], 0: ["n", 4], 1: [3, "n"]}[axis]
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, sizes)
    compiled = stepwell.compile(saved(tmp_path, [node], [floats("x", 3, 4), mask], [result]))
    x = torch.randn(3, 4)
    for kept in ([True, False, True], [False, False, False], [True, True, True]):
        got = compiled(x, torch.tensor(kept))
        np.testing.assert_array_equal(got.numpy(), np.compress(kept, x.numpy(), axis))


def test_a_branch_that_only_hands_on(tmp_path: Path) -> None:
    branches = {
        f"{name}_branch": helper.make_graph([helper.make_node("Identity", [of], [name])], name, [], [floats(name, 3)])
        for name, of in (("then", "x"), ("else", "y"))
    }
    node = helper.make_node("If", ["go"], ["z"], **branches)
    go = helper.make_tensor_value_info("go", TensorProto.BOOL, [])
    compiled = stepwell.compile(saved(tmp_path, [node], [go, floats("x", 3), floats("y", 3)], [floats("z", 3)]))
    x, y = torch.randn(3), torch.randn(3)
    assert torch.equal(compiled(torch.tensor(True), x, y), x)
    assert torch.equal(compiled(torch.tensor(False), x, y), y)


def test_samples_at_the_nearest_points_are_refused(tmp_path: Path) -> None:
    node = helper.make_node("GridSample", ["x", "grid"], ["y"], mode="nearest")
    path = saved(tmp_path, [node], [floats("x", 1, 1, 3, 3), floats("grid", 1, 2, 2, 2)], [floats("y", 1, 1, 2, 2)])
    with pytest.raises(stepwell.Error, match="'GridSample' with mode 'nearest' can't be translated"):
        stepwell.compile(path)


def test_a_known_size_of_what_values_select_is_refused(tmp_path: Path) -> None:
    node = helper.make_node("Compress", ["x", "at"], ["y"], axis=0)
    at = helper.make_tensor_value_info("at", TensorProto.BOOL, [3])
    path = saved(tmp_path, [node], [floats("x", 3, 2), at], [floats("y", 2, 2)])
    with pytest.raises(stepwell.Error, match=r"declares a result as .*\[2,2\].* that is computed as .*\[\?,2\]"):
        stepwell.compile(path)


def test_corners_aligned_with_a_part_of_an_element(tmp_path: Path) -> None:
    def model(factor: float) -> Path:
        scales = numpy_helper.from_array(np.array([1, 1, factor, factor], np.float32), "s")
        nodes = [
            helper.make_node("Constant", [], ["s"], value=scales),
            helper.make_node(
                "Resize", ["x", "", "s"], ["y"], mode="linear", coordinate_transformation_mode="align_corners"
            ),
        ]
        return saved(tmp_path, nodes, [floats("x", 1, 1, 2, 4)], [floats("y", 1, 1, "h", "w")])

    agrees(model(2.0), x=np.random.default_rng().normal(0, 1, (1, 1, 2, 4)).astype(np.float32))
    with pytest.raises(stepwell.Error, match="'Resize' with aligned corners and factors that are not known whole"):
        stepwell.compile(model(0.6))


def test_an_unknown_number_of_dimensions(tmp_path: Path) -> None:
    """A shape that follows from static sizes is computed; one that is data is refused."""
    shape = helper.make_tensor_value_info("n", TensorProto.INT64, ["k"])
    nodes = [helper.make_node("Reshape", ["x", "n"], ["r"]), helper.make_node("ReduceSum", ["r"], ["y"], keepdims=0)]
    path = saved(tmp_path, nodes, [floats("x", 2, 3), shape], [floats("y")])
    with pytest.raises(stepwell.Error, match="how many dimensions a result of the ONNX operator 'Reshape' has"):
        stepwell.compile(path)
    nodes = [
        helper.make_node("Shape", ["x"], ["n"]),
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0]),
        helper.make_node("Reshape", ["t", "n"], ["r"]),
        helper.make_node("Exp", ["r"], ["y"]),
    ]
    path = saved(tmp_path, nodes, [floats("x", 2, 3)], [floats("y", 2, 3)])
    agrees(path, x=np.random.default_rng().normal(0, 1, (2, 3)).astype(np.float32))


@pytest.mark.parametrize(("place", "what"), [(4, "lengths of sequences"), (7, "peepholes")])
def test_recurrent_layers_that_are_not_translated_whole(place: int, what: str, tmp_path: Path) -> None:
    names = ["x", "w", "r", "", "", "", "", ""]
    names[place] = "more"
    shape, kind = ((2,), TensorProto.INT32) if place == 4 else ((1, 9), TensorProto.FLOAT)
    inputs = [floats("x", 4, 2, 5), floats("w", 1, 12, 5), floats("r", 1, 12, 3)]
    inputs.append(helper.make_tensor_value_info("more", kind, shape))
    node = helper.make_node("LSTM", names, ["", "h"], hidden_size=3)
    path = saved(tmp_path, [node], inputs, [floats("h", 1, 2, 3)], opset=14)
    with pytest.raises(stepwell.Error, match=f"the ONNX operator 'LSTM' with {what} can't be translated"):
        stepwell.compile(path)


def test_space_to_depth_by_columns_is_refused(tmp_path: Path) -> None:
    """A mode of newer operator sets that its translation drops."""
    node = helper.make_node("SpaceToDepth", ["x"], ["y"], blocksize=2, mode="CRD")
    with pytest.raises(UnsupportedError, match="'SpaceToDepth' with mode 'CRD' can't be translated"):
        corrected(
            helper.make_model(helper.make_graph([node], "g", [floats("x", 1, 1, 4, 4)], [floats("y", 1, 4, 2, 2)]))
        )


def test_borders_that_wrap_are_refused(tmp_path: Path) -> None:
    """Upstream rewrites them for ever."""
    borders = helper.make_node("Constant", [], ["b"], value_ints=[0, 1, 0, 2])
    node = helper.make_node("Pad", ["x", "b"], ["y"], mode="wrap")
    path = saved(tmp_path, [borders, node], [floats("x", 2, 4)], [floats("y", 2, 7)])
    with pytest.raises(UnsupportedError, match="'Pad' with mode 'wrap' can't be translated"):
        stepwell.compile(path)
