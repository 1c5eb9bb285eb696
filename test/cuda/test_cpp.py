"""Kernels printed as CUDA C++: nvcc takes every family, without spills and with about as many registers as ours."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from function import Function
from torch import nn
from torch.nn import functional as F
from torch_mlir import ir
from torch_mlir.passmanager import PassManager

import stepwell
from stepwell.backends.cuda.cpp.file import print_cuda
from stepwell.backends.cuda.kernels.gemm_wgmma import WgmmaProblem, WgmmaSchedule, build_gemm
from stepwell.backends.cuda.kernels.instructions import declare_shared
from stepwell.backends.cuda.pipeline import NVVM
from stepwell.backends.cuda.ptx import generate_ptx
from stepwell.backends.cuda.toolkit import compile_cpp
from stepwell.dialects.context import make_context
from stepwell.driver.cli import main
from stepwell.passes.base import PassContext
from stepwell.passes.pipeline import parse_element
from stepwell.passes.runner import run_element
from stepwell.support.errors import CodegenError, ToolError

BF16 = torch.bfloat16


class Table(nn.Module):
    """Windows, and a table of constants."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.max_pool2d(x, 2) * torch.tensor([[1.0, 2.0, -3.0], [4.0, 5.0, 0.1]]).to(x.dtype)


def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


QKV = tuple(torch.randn(1, 2, 96, 64).to(BF16) for _ in range(3))
FAMILIES: dict[str, tuple[nn.Module, tuple[torch.Tensor, ...], str]] = {
    "softmax": (Function(lambda x: torch.softmax(x, -1)), (torch.randn(8, 999),), "sm_80"),
    "norm": (nn.LayerNorm(512).to(BF16), (torch.randn(4, 512).to(BF16),), "sm_90a"),
    "transpose": (Function(lambda x: x.transpose(1, 2) + 1), (torch.randn(2, 70, 90),), "sm_80"),
    "columns": (Function(lambda x: x.sum(0)), (torch.randn(700, 90),), "sm_90a"),
    "points": (nn.Conv2d(3, 4, 3), (torch.randn(1, 3, 9, 9),), "sm_80"),
    "sequential": (Function(lambda x: x.topk(3)[0]), (torch.randn(4, 9),), "sm_80"),
    "table": (Table(), (torch.randn(1, 2, 4, 6).to(BF16),), "sm_80"),
    "bytes": (Function(lambda x: (x * 3).clamp(-5, 100)), (torch.ones(3, 7, dtype=torch.int8),), "sm_75"),
    "simt f32": (nn.Linear(128, 384), (torch.randn(64, 128),), "sm_80"),
    "simt f64": (nn.Linear(36, 64).double(), (torch.randn(8, 36).double(),), "sm_90a"),
    "mma": (nn.Sequential(nn.Linear(128, 384), nn.GELU()).to(BF16), (torch.randn(64, 128).to(BF16),), "sm_80"),
    "mma odd": (nn.Linear(37, 65).half(), (torch.randn(8, 37).half(),), "sm_90a"),
    "wgmma": (nn.Sequential(nn.Linear(128, 384), nn.GELU()).to(BF16), (torch.randn(64, 128).to(BF16),), "sm_90a"),
    "attention": (Function(attention), QKV, "sm_90a"),
    "float8": (
        Function(lambda x, y: torch._scaled_mm(x, y.t(), torch.tensor(0.3), torch.tensor(0.7), out_dtype=BF16)),
        (torch.randn(64, 128).to(torch.float8_e4m3fn), torch.randn(384, 128).to(torch.float8_e4m3fn)),
        "sm_90a",
    ),
    "casts to float8": (Function(lambda x: x.to(torch.float8_e5m2)), (torch.randn(8, 99),), "sm_80"),
}


def registers(report: str) -> dict[str, int]:
    """Of each kernel; none spills or has a note of ``ptxas`` about it."""
    assert not re.search(r"[1-9]\d* bytes spill", report), report
    assert not re.search(r"C7\d\d\d|warning", report), report
    found = re.findall(r"entry function '(\w+)'.*?Used (\d+) registers", report, re.DOTALL)
    return {name: int(count) for name, count in found}


def ours(module: ir.Module, arch: str) -> str:
    """PTX of the kernels, without the host's code around them."""
    with module.context, ir.Location.unknown():
        copy = ir.Module.parse(str(module))
        for op in list(copy.body.operations):
            if op.operation.name == "func.func":
                op.operation.erase()
        run_element(parse_element("expand-float8"), copy.operation, PassContext())
        PassManager.parse(f"builtin.module({NVVM[-1]})").run(copy.operation)
        return generate_ptx(copy, arch)


@pytest.mark.parametrize("family", FAMILIES)
def test_families(family: str, assemble_ptx: Callable[[str, str], Any]) -> None:
    model, inputs, arch = FAMILIES[family]
    module = stepwell.lower(model.eval(), inputs, target=f"cuda,arch={arch}", to="kernel")
    text = print_cuda(module)
    for chip in dict.fromkeys((arch, "sm_90a")):
        expected = registers(assemble_ptx(ours(module, chip), chip).report)
        found = registers(compile_cpp(text, chip)[1])
        assert found.keys() == expected.keys()
        assert all(found[name] <= 1.3 * expected[name] + 8 for name in found), (found, expected)


@pytest.mark.parametrize(
    ("problem", "schedule"),
    [
        (WgmmaProblem("bf16", "bf16", left_transposed=True), WgmmaSchedule()),
        (
            WgmmaProblem("bf16", "f32", right_transposed=True),
            WgmmaSchedule(rows=64, columns=128, stages=8, consumers=1, cluster=1, split=4),
        ),
        (WgmmaProblem("s8", "s32", right_transposed=True), WgmmaSchedule()),
        (WgmmaProblem(right_transposed=True), WgmmaSchedule(cluster=1, stream=1)),
        (
            WgmmaProblem(right_transposed=True),
            WgmmaSchedule(rows=64, columns=16, stages=8, consumers=1, cluster=1, stream=1, turned=1),
        ),
        (WgmmaProblem("e4m3", right_transposed=True, promote=True), WgmmaSchedule(columns=128, stages=6)),
    ],
)
def test_products_by_wgmma(problem: WgmmaProblem, schedule: WgmmaSchedule) -> None:
    with make_context(torch=False), ir.Location.unknown():
        module = ir.Module.parse("module attributes {gpu.container_module} { gpu.module @kernels {} }")
        with ir.InsertionPoint(module.body.operations[0].regions[0].blocks[0]):
            declare_shared()
            build_gemm("gemm", problem, schedule)
        text = print_cuda(module)
    _, report = compile_cpp(text, "sm_90a")
    assert registers(report)["gemm"] <= 65536 // schedule.threads
    assert "__launch_bounds__" in text
    assert ("__cluster_dims__" in text) == (schedule.blocks > 1)


def test_what_a_reader_sees() -> None:
    module = stepwell.lower(FAMILIES["norm"][0], FAMILIES["norm"][1], target="cuda", to="kernel")
    text = print_cuda(module)
    assert "// torch/nn/modules/normalization.py:" in text
    assert "__nv_bfloat16* input, uint64_t input_offset" in text
    assert "__nv_bfloat16* weight" in text
    assert "__nv_bfloat16* result" in text
    assert "load<Vec<__nv_bfloat16, 8>, 16>(input + " in text
    assert re.search(r"= shuffle_xor_1\(\w+\);", text)
    assert text == print_cuda(stepwell.lower(FAMILIES["norm"][0], FAMILIES["norm"][1], target="cuda", to="kernel"))


def test_strict_numbers_are_not_contracted() -> None:
    model = Function(lambda x: x * x + 1)
    module = stepwell.lower(model, (torch.randn(4, 8),), target="cuda,fp=strict", to="kernel")
    text = print_cuda(module)
    assert "__fmul_rn(" in text
    assert "__fadd_rn(" in text


def test_a_part_of_a_memref_of_dynamic_size() -> None:
    with make_context(torch=False), ir.Location.unknown():
        module = ir.Module.parse("""
        module attributes {gpu.container_module} { gpu.module @kernels {
          gpu.func @k(%x: memref<?x?xf32>, %first: index, %count: index) kernel {
            %i = gpu.thread_id x
            %c0 = arith.constant 0 : index
            %part = memref.subview %x[%first, %c0] [%count, 1] [2, 1]
                : memref<?x?xf32> to memref<?x1xf32, strided<[?, 1], offset: ?>>
            %one = arith.constant 1.0 : f32
            memref.store %one, %part[%i, %c0] : memref<?x1xf32, strided<[?, 1], offset: ?>>
            gpu.return
        } } }""")
        text = print_cuda(module)
    assert "argument0_stride0 * 2ull" in text
    compile_cpp(text, "sm_80")


def test_an_operation_without_a_form_is_refused_by_name() -> None:
    with make_context(torch=False), ir.Location.unknown():
        module = ir.Module.parse("""
        module attributes {gpu.container_module} { gpu.module @kernels {
          gpu.func @k(%x: memref<4xf32>) kernel {
            %0 = gpu.subgroup_id : index
            memref.prefetch %x[%0], read, locality<3>, data : memref<4xf32>
            gpu.return
        } } }""")
        with pytest.raises(CodegenError, match=r"gpu.subgroup_id has no form in CUDA C\+\+"):
            print_cuda(module)


def test_the_command_writes_it_beside_the_artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[1] / "driver")
    assert main(["compile", "cli_model:make", "--target", "cuda", "-o", str(tmp_path / "out"), "--emit", "cu,ptx"]) == 0
    text = (tmp_path / "out" / "model.cu").read_text()
    kernels = re.findall(r"\.entry (\w+)", (tmp_path / "out" / "model.ptx").read_text())
    assert re.findall(r'extern "C" __global__ .*?(\w+)\(\n', text) == kernels


def test_nvcc_refuses() -> None:
    with pytest.raises(ToolError, match=r"nvcc refused the kernels: .*error"):
        compile_cpp("this is no C++", "sm_80")


def test_without_nvcc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwell.backends.cuda.toolkit._roots", lambda: iter(()))
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ToolError, match="nvcc was not found"):
        compile_cpp("", "sm_80")
