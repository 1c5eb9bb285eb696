"""Elementwise chains as kernels: right values when emulated, PTX that ptxas takes."""

import re
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from torch_mlir import ir

from stepwell.backends.cuda import toolkit
from stepwell.backends.cuda.ptx import PTX_VERSIONS, generate_ptx
from stepwell.backends.cuda.toolkit import assemble
from stepwell.backends.interpreter.entry import run_entry
from stepwell.support.errors import ToolError

Lower = Callable[..., ir.Module]


def chain(kind: str, sizes: str = "?x7", bias: str = "7") -> str:
    """(x * b + b) through exp for floats, in three separate operations."""
    maps = "affine_map<(i, j) -> (i, j)>"
    last = f"math.exp %a : {kind}" if "f" in kind else f"arith.addi %a, %a : {kind}"
    mul, add = ("arith.mulf", "arith.addf") if "f" in kind else ("arith.muli", "arith.addi")
    tensor = f"tensor<{sizes}x{kind}>"
    dynamic = "?" in sizes
    return f"""
    func.func @main(%x: {tensor} {{stepwell.input = "x"}}, %b: tensor<{bias}x{kind}> {{stepwell.parameter = "b"}})
        -> ({tensor} {{stepwell.output = "0"}}) {{
      %c0 = arith.constant 0 : index
      %n = tensor.dim %x, %c0 : {tensor}
      %e = tensor.empty({"%n" if dynamic else ""}) : {tensor}
      %0 = linalg.generic {{indexing_maps = [{maps}, affine_map<(i, j) -> (j)>, {maps}],
          iterator_types = ["parallel", "parallel"]}}
          ins(%x, %b : {tensor}, tensor<{bias}x{kind}>) outs(%e : {tensor}) {{
        ^bb0(%a: {kind}, %c: {kind}, %o: {kind}):
          %p = {mul} %a, %c : {kind}
          %q = {add} %p, %c : {kind}
          linalg.yield %q : {kind}
      }} -> {tensor}
      %1 = linalg.generic {{indexing_maps = [{maps}, {maps}], iterator_types = ["parallel", "parallel"]}}
          ins(%0 : {tensor}) outs(%e : {tensor}) {{
        ^bb0(%a: {kind}, %o: {kind}):
          %q = {last}
          linalg.yield %q : {kind}
      }} -> {tensor}
      return %1 : {tensor}
    }}"""


@pytest.mark.parametrize("rows", [0, 1, 5, 64])
def test_emulated_kernels(emulated: Lower, rows: int) -> None:
    x = np.random.default_rng(0).standard_normal((rows, 7), np.float32)
    b = np.linspace(-1, 1, 7, dtype=np.float32)
    (result,), _ = run_entry(emulated(chain("f32")), [x], {"b": b}, {})
    np.testing.assert_allclose(result, np.exp(x * b + b), rtol=1e-6)


@pytest.mark.parametrize("kind", ["f64", "bf16", "i32"])
def test_emulated_dtypes(emulated: Lower, kind: str) -> None:
    dtype: Any = {"f64": np.float64, "bf16": ml_dtypes.bfloat16, "i32": np.int32}[kind]
    x = np.arange(14).reshape(2, 7).astype(dtype) / (1 if kind == "i32" else 8)
    x, b = x.astype(dtype), np.arange(7).astype(dtype)
    (result,), _ = run_entry(emulated(chain(kind)), [x], {"b": b}, {})
    y = (x * b + b).astype(dtype)
    expected = 2 * y if kind == "i32" else np.exp(y.astype(np.float64))
    tolerance = 2e-2 if kind == "bf16" else 1e-12
    np.testing.assert_allclose(result.astype(np.float64), expected, rtol=tolerance)


def test_one_kernel_for_the_chain(to_nvvm: Lower) -> None:
    module = to_nvvm(chain("f32"))
    ptx = generate_ptx(module, "sm_90a")
    assert re.findall(r"\.entry (\w+)", ptx) == ["rows_0"]
    assert ".target sm_90a" in ptx
    assert "ex2.approx" in ptx
    assert "call" not in ptx
    assert {*re.findall(r"st\.global\S*", ptx)} == {"st.global.v4.b32", "st.global.b32"}
    assert ptx == generate_ptx(to_nvvm(chain("f32")), "sm_90a")


@pytest.mark.parametrize("kind", ["f16", "bf16", "f32", "f64", "i8", "i32", "i64"])
def test_ptxas_takes_every_dtype(to_nvvm: Lower, kind: str) -> None:
    cubin = assemble(generate_ptx(to_nvvm(chain(kind)), "sm_90a"), "sm_90a")
    assert cubin is not None
    assert cubin.startswith(b"\x7fELF")


@pytest.mark.parametrize("arch", PTX_VERSIONS)
def test_every_architecture(to_nvvm: Lower, arch: str) -> None:
    assert f".target {arch}\n" in generate_ptx(to_nvvm(chain("i32", "3x7")), arch)


def test_a_single_element_is_a_kernel_too(to_nvvm: Lower) -> None:
    assert ".entry rows_0" in generate_ptx(to_nvvm(chain("i32", "1x1", "1")), "sm_80")


def test_without_libdevice(to_nvvm: Lower, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolkit, "_roots", lambda: iter(()))
    with pytest.raises(ToolError) as failure:
        generate_ptx(to_nvvm(chain("f32").replace("math.exp", "math.acosh")), "sm_90a")
    assert "__nv_acoshf" in str(failure.value)
    assert "pip install 'stepwell[cuda]'" in str(failure.value)
    assert ".entry" in generate_ptx(to_nvvm(chain("i32")), "sm_90a")


def test_without_ptxas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolkit, "_roots", lambda: iter(()))
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert assemble("", "sm_90a") is None


def test_ptxas_refuses() -> None:
    with pytest.raises(ToolError, match="ptxas refused the kernel"):
        assemble("this is no PTX", "sm_90a")


def test_emulated_scatter(emulated: Lower, to_nvvm: Lower) -> None:
    text = """
      func.func @main(%x: tensor<8xf32> {stepwell.input = "x"}, %at: tensor<?xi64> {stepwell.input = "at"},
                      %from: tensor<?xf32> {stepwell.input = "from"}) -> tensor<8xf32> {
        %c0 = arith.constant 0 : index
        %c1 = arith.constant 1 : index
        %count = tensor.dim %at, %c0 : tensor<?xi64>
        %r = scf.for %n = %c0 to %count step %c1 iter_args(%t = %x) -> tensor<8xf32> {
          %place = tensor.extract %at[%n] : tensor<?xi64>
          %index = arith.index_cast %place : i64 to index
          %v = tensor.extract %from[%n] : tensor<?xf32>
          %next = tensor.insert %v into %t[%index] : tensor<8xf32>
          scf.yield %next : tensor<8xf32>
        }
        return %r : tensor<8xf32>
      }"""
    x, module = np.random.default_rng(0).standard_normal(8, np.float32), emulated(text)
    for at in (np.array([5, 0, 7]), np.array([], np.int64)):
        values = np.arange(len(at), dtype=np.float32)
        (result,), _ = run_entry(module, [x, at, values], {}, {})
        expected = x.copy()
        expected[at] = values
        np.testing.assert_array_equal(result, expected)
    assert assemble(generate_ptx(to_nvvm(text), "sm_90a"), "sm_90a") is not None


def test_emulated_scatter_into_one_number(emulated: Lower) -> None:
    text = """
      func.func @main(%at: tensor<3xi64> {stepwell.input = "at"}) -> tensor<8xf32> {
        %c0 = arith.constant 0 : index
        %c1 = arith.constant 1 : index
        %count = arith.constant 3 : index
        %half = arith.constant 0.5 : f32
        %zeros = arith.constant dense<0.0> : tensor<8xf32>
        %r = scf.for %n = %c0 to %count step %c1 iter_args(%t = %zeros) -> tensor<8xf32> {
          %place = tensor.extract %at[%n] : tensor<3xi64>
          %index = arith.index_cast %place : i64 to index
          %next = tensor.insert %half into %t[%index] : tensor<8xf32>
          scf.yield %next : tensor<8xf32>
        }
        return %r : tensor<8xf32>
      }"""
    (result,), _ = run_entry(emulated(text), [np.array([5, 0, 7])], {}, {})
    np.testing.assert_array_equal(result, np.array([0.5, 0, 0, 0, 0, 0.5, 0, 0.5], np.float32))


def test_slices_are_inserted_with_steps(emulated: Lower) -> None:
    text = """
    func.func @main(%x: tensor<9x8xf32> {stepwell.input = "x"}, %y: tensor<3x2xf32> {stepwell.input = "y"},
        %z: tensor<3xf32> {stepwell.input = "z"}) -> (tensor<9x8xf32> {stepwell.output = "0"}) {
      %0 = tensor.insert_slice %y into %x[1, 2] [3, 2] [3, 4] : tensor<3x2xf32> into tensor<9x8xf32>
      %1 = tensor.insert_slice %z into %0[8, 1] [1, 3] [1, 2] : tensor<3xf32> into tensor<9x8xf32>
      return %1 : tensor<9x8xf32>
    }"""
    x, y, z = (np.random.default_rng(0).standard_normal(shape, np.float32) for shape in ((9, 8), (3, 2), (3,)))
    (result,), _ = run_entry(emulated(text), [x, y, z], {}, {})
    x[1:9:3, 2:8:4] = y
    x[8, 1:7:2] = z
    np.testing.assert_array_equal(result, x)
