"""``.mlir`` and ``.pt2`` files as programs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from stepwell.backends.interpreter.entry import run_entry
from stepwell.frontend.load import load_program
from stepwell.passes.pipeline import Pipeline
from stepwell.passes.runner import run_pipeline
from stepwell.passes.stages import graph_stage, tensor_stage
from stepwell.support import parameter_file
from stepwell.support.errors import ImportFailure
from stepwell.support.signature import Dim, TensorSpec


def test_dumps_of_each_level_load_again(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    program = load_program(model, (torch.randn(2, 4),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    parameter_file.write(tmp_path / "model.safetensors", program.parameters)
    path = tmp_path / "dump.mlir"
    for level, stage in (("graph", None), ("graph", graph_stage()), ("tensor", tensor_stage())):
        if stage is not None:
            run_pipeline(Pipeline([stage]), program.module)
        path.write_text("// configuration: ...\n" + program.module.operation.get_asm(enable_debug_info=True))
        again = load_program(path)
        assert (again.level, again.signatures) == (level, program.signatures)
        text = again.module.operation.get_asm(enable_debug_info=True)
        assert text == program.module.operation.get_asm(enable_debug_info=True)
    x = torch.randn(5, 4)
    (got,), _ = run_entry(again.module, [x.numpy()], again.parameters, {})
    torch.testing.assert_close(torch.from_numpy(got), model(x).detach())


_PLAIN = """
func.func @main(%x: tensor<?x2xf32> {stepwell.input = "x"}, %w: tensor<2xi64> {stepwell.parameter = "w"},
                %s: tensor<ui8> {stepwell.state = "s"}) -> (tensor<?x2xf32>, tensor<ui8> {stepwell.state = "s"}) {
  return %x, %s : tensor<?x2xf32>, tensor<ui8>
}
"""


def test_boundary_from_types_and_attributes(tmp_path: Path) -> None:
    path = tmp_path / "plain.mlir"
    path.write_text(_PLAIN)
    with pytest.raises(ImportFailure, match="needs 2 parameters that are in no file beside it: 'state:s', 'w'"):
        load_program(path)
    store = parameter_file.ParameterStore()
    store.add("w", lambda: np.array([1, 2]))
    store.add("state:s", lambda: np.array(3, np.uint8))
    parameter_file.write(tmp_path / "plain.safetensors", store)
    program = load_program(path)
    signature = program.signatures["main"]
    assert signature.inputs == (TensorSpec("x", "f32", (Dim(None, 0, 0), 2)),)
    assert signature.states == (TensorSpec("s", "ui8", ()),)
    assert signature.results == (TensorSpec("0", "f32", (Dim(None, 0, 0), 2)),)
    assert program.parameters["w"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("func.func @main(%x: tensor<2xf32>", "not valid MLIR"),
        ("func.func private @helper() { return }", "no public function"),
        ("func.func @main(%x: index) { return }", "tensors"),
        ("llvm.func @main(%x: !llvm.ptr) { llvm.return }", "does not say what 'main' takes"),
        (
            "func.func @main(%x: tensor<2xf32>, %m: memref<2xf32>) {\n %0 = tensor.extract_slice %x[0] [1] [1] :"
            " tensor<2xf32> to tensor<1xf32>\n %c = arith.constant 0 : index\n"
            " %1 = memref.load %m[%c] : memref<2xf32>\n return }",
            "at no single level",
        ),
    ],
)
def test_bad_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.mlir"
    path.write_text(text)
    with pytest.raises(ImportFailure, match=message):
        load_program(path)


def test_what_returns_its_argument_is_at_the_graph_level(tmp_path: Path) -> None:
    tensor = "!torch.vtensor<[2],f32>"
    (tmp_path / "model.mlir").write_text(f"func.func @main(%x: {tensor}) -> {tensor} {{ return %x : {tensor} }}")
    assert load_program(tmp_path / "model.mlir").level == "graph"


def test_exported_program_and_pt2(tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    exported = torch.export.export(model, (torch.randn(4, 3),))
    torch.export.save(exported, tmp_path / "linear.pt2")
    for source in (exported, tmp_path / "linear.pt2", str(tmp_path / "linear.pt2")):
        program = load_program(source)
        assert [spec.name for spec in program.signatures["main"].inputs] == ["input"]
        np.testing.assert_array_equal(program.parameters["weight"], model.weight.detach().numpy())
