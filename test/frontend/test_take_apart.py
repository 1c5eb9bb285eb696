"""Operators that only PyTorch's decompositions take apart, in modules that did not come from PyTorch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch_mlir import ir

import stepwell
from stepwell.dialects.context import make_context
from stepwell.frontend.take_apart import take_apart
from stepwell.support.walk import operations


def written(tmp_path: Path, arguments: str, result: str, body: str) -> Path:
    file = tmp_path / "model.mlir"
    file.write_text(f"func.func @main({arguments}) -> {result} {{\n{body}\nreturn %0 : {result}\n}}\n")
    return file


def names(text: str) -> list[str]:
    with make_context():
        module = ir.Module.parse(text)
        take_apart(module)
        return [op.name for op in operations(module.operation)]


PRODUCT = """
  %0 = torch.aten.matmul %x, %y : !torch.vtensor<[3],f32>, !torch.vtensor<[2,3,4],f32> -> !torch.vtensor<[2,4],f32>
"""


def test_a_product_of_a_vector_and_matrices(tmp_path: Path) -> None:
    file = written(
        tmp_path, "%x: !torch.vtensor<[3],f32>, %y: !torch.vtensor<[2,3,4],f32>", "!torch.vtensor<[2,4],f32>", PRODUCT
    )
    x, y = torch.randn(3), torch.randn(2, 3, 4)
    torch.testing.assert_close(stepwell.compile(file, target="cpu")(x, y), x @ y)


def test_open_sizes_stay_open(tmp_path: Path) -> None:
    body = PRODUCT.replace("[2,", "[?,")
    file = written(
        tmp_path, "%x: !torch.vtensor<[3],f32>, %y: !torch.vtensor<[?,3,4],f32>", "!torch.vtensor<[?,4],f32>", body
    )
    program = stepwell.compile(file, target="cpu")
    for count in (1, 2, 6):
        x, y = torch.randn(3), torch.randn(count, 3, 4)
        torch.testing.assert_close(program(x, y), x @ y)


def test_what_lowers_stays() -> None:
    found = names("""
func.func @main(%x: !torch.vtensor<[3],f32>) -> !torch.vtensor<[3],f32> {
  %0 = torch.aten.relu %x : !torch.vtensor<[3],f32> -> !torch.vtensor<[3],f32>
  return %0 : !torch.vtensor<[3],f32>
}
""")
    assert "torch.aten.relu" in found


def test_sizes_that_depend_on_values_are_refused(tmp_path: Path) -> None:
    body = """
  %dim = torch.constant.int 0
  %yes = torch.constant.bool true
  %0, %1, %2 = torch.aten.unique_dim %x, %dim, %yes, %yes, %yes : !torch.vtensor<[6],f32>, !torch.int, !torch.bool,
    !torch.bool, !torch.bool -> !torch.vtensor<[?],f32>, !torch.vtensor<[?],si64>, !torch.vtensor<[?],si64>
"""
    file = written(tmp_path, "%x: !torch.vtensor<[6],f32>", "!torch.vtensor<[?],f32>", body)
    with pytest.raises(stepwell.Error, match=r"aten\.unique_dim"):
        stepwell.compile(file, target="cpu")


def test_an_operator_that_torch_does_not_know_either(tmp_path: Path) -> None:
    body = """
  %0 = torch.operator "mine.twice"(%x) : (!torch.vtensor<[3],f32>) -> !torch.vtensor<[3],f32>
"""
    file = written(tmp_path, "%x: !torch.vtensor<[3],f32>", "!torch.vtensor<[3],f32>", body)
    with pytest.raises(stepwell.Error, match=r"mine\.twice"):
        stepwell.compile(file, target="cpu")
