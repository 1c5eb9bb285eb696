"""Kernels whose threads meet, in numpy: every family against float64, and every mistake that is found."""

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from function import Function
from torch import nn
from torch.nn import functional as F
from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.backend import CudaBackend
from stepwell.backends.cuda.emulate.engine import TensorMap
from stepwell.backends.cuda.emulate.kernel import Kernel
from stepwell.backends.cuda.kernels.attention_mma import build_mma_attention
from stepwell.backends.cuda.kernels.attention_mma_schedule import MmaSchedule
from stepwell.backends.cuda.kernels.attention_schedule import (
    AttentionProblem,
    AttentionSchedule,
    Layout,
    choose_schedule,
)
from stepwell.backends.cuda.kernels.attention_wgmma import build_attention
from stepwell.backends.cuda.kernels.choose_pointers import choose_mma, choose_simt
from stepwell.backends.cuda.kernels.gemm_mma import build_gemm_mma
from stepwell.backends.cuda.kernels.gemm_simt import SimtSchedule, build_gemm_simt
from stepwell.backends.cuda.kernels.gemm_wgmma import build_gemm
from stepwell.backends.cuda.kernels.instructions import declare_shared
from stepwell.backends.cuda.kernels.pointer_product import PointerProblem
from stepwell.backends.cuda.kernels.wgmma_schedule import WgmmaProblem, WgmmaSchedule
from stepwell.backends.target import Target
from stepwell.dialects.context import make_context
from stepwell.driver.api import compile
from stepwell.driver.verify import verify
from stepwell.passes.base import Pass, PassContext
from stepwell.support.errors import ExecutionError
from stepwell.support.walk import inside, named

BF16 = torch.bfloat16
E4, E5 = torch.float8_e4m3fn, torch.float8_e5m2
Array = np.ndarray[Any, Any]

ELEMENTS: dict[str, Any] = {
    "bf16": ml_dtypes.bfloat16, "f16": np.float16, "tf32": np.float32, "f32": np.float32, "f64": np.float64,
    "e4m3": ml_dtypes.float8_e4m3fn, "e5m2": ml_dtypes.float8_e5m2, "s8": np.int8, "s32": np.int32,
}  # fmt: skip
TOLERANCES = {"bf16": 2**-8, "f16": 2**-11, "f32": 1e-5, "f64": 1e-13, "s8": 0, "s32": 0}


class Table(nn.Module):
    """Windows times a table of constants, and a product."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 9)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.max_pool2d(x, 2) * torch.tensor([[1.0, 2.0, -3.0], [4.0, 5.0, 0.1]])
        return torch.softmax(self.linear(y.reshape(2, 6)), -1)


class Float8(nn.Module):
    """A linear layer of 8-bit floats, its input scaled by row and its weights by column, with a bias."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.randn(outputs, inputs).to(E4))
        self.register_buffer("scale", torch.rand(1, outputs) + 0.5)
        self.register_buffer("bias", torch.randn(outputs).to(BF16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x[:, :1].float().abs() + 0.5
        return torch._scaled_mm(x, self.weight.t(), rows, self.scale, bias=self.bias, out_dtype=BF16)


def attention(causal: bool) -> nn.Module:
    return Function(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=causal))


def heads(length: int, size: int, kind: torch.dtype = BF16) -> tuple[torch.Tensor, ...]:
    return tuple(torch.randn(1, 2, length, size).to(kind) for _ in range(3))


MODELS: dict[str, tuple[nn.Module, tuple[torch.Tensor, ...], str]] = {
    "softmax of odd rows": (Function(lambda x: torch.softmax(x, -1)), (torch.randn(3, 257),), "cuda"),
    "softmax of one": (Function(lambda x: torch.softmax(x, -1)), (torch.randn(1, 1),), "cuda"),
    "long norm": (nn.LayerNorm(8192), (torch.randn(2, 8192),), "cuda"),
    "norm": (nn.LayerNorm(96).to(BF16), (torch.randn(5, 96).to(BF16),), "cuda"),
    "transpose": (Function(lambda x: x.transpose(1, 2) * 2), (torch.randn(2, 37, 65),), "cuda"),
    "transpose f64": (Function(lambda x: x.transpose(1, 2) * 2), (torch.randn(2, 37, 64).double(),), "cuda"),
    "table": (Table(), (torch.randn(1, 2, 4, 6),), "cuda,arch=sm_80"),
    "columns": (Function(lambda x: x.sum(0)), (torch.randn(701, 33),), "cuda"),
    "simt": (nn.Linear(67, 131), (torch.randn(7, 67),), "cuda,arch=sm_80"),
    "mma": (nn.Sequential(nn.Linear(72, 136), nn.GELU()).to(BF16), (torch.randn(65, 72).to(BF16),), "cuda,arch=sm_80"),
    "mma odd": (nn.Linear(37, 65).half(), (torch.randn(9, 37).half(),), "cuda"),
    "wgmma": (nn.Sequential(nn.Linear(72, 136), nn.GELU()).to(BF16), (torch.randn(65, 72).to(BF16),), "cuda"),
    "wgmma split": (nn.Linear(4096, 64).to(BF16), (torch.randn(3, 4096).to(BF16),), "cuda"),
    "wgmma float8": (Float8(80, 136), (torch.randn(65, 80).to(E4),), "cuda"),
    "wgmma float8 to 8 bits": (
        Function(lambda x, y: torch._scaled_mm(x, y.t(), torch.tensor(0.3), torch.tensor(0.7))),
        (torch.randn(32, 64).to(E4), torch.randn(48, 64).to(E4)),
        "cuda",
    ),
    "mma float8": (Float8(80, 136), (torch.randn(65, 80).to(E4),), "cuda,arch=sm_89"),
    "float8 as bf16": (Float8(80, 136), (torch.randn(65, 80).to(E4),), "cuda,arch=sm_80"),
    "rows of float8": (Function(lambda x: torch.softmax(x.to(E5).float(), -1).to(E4)), (torch.randn(5, 257),), "cuda"),
    "tf32": (nn.Sequential(nn.Linear(36, 136), nn.GELU()), (torch.randn(65, 36),), "cuda,tf32=true"),
    "tf32 by rows": (Function(lambda x, y: x @ y), (torch.randn(9, 36), torch.randn(36, 24)), "cuda,tf32=true"),
    "tf32 images": (nn.Conv2d(6, 24, 3, padding=1), (torch.randn(2, 6, 9, 7),), "cuda,tf32=true"),
    "tf32 images by the copy engine": (
        nn.Sequential(nn.Conv2d(36, 24, 3, (2, 1), 1, (1, 2)), nn.GELU()),
        (torch.randn(3, 36, 9, 8),),
        "cuda,tf32=true",
    ),
    "images by the copy engine": (
        nn.Conv2d(40, 24, 3, (2, 1), 1, (1, 2)).to(BF16),
        (torch.randn(3, 40, 9, 8).to(BF16),),
        "cuda",
    ),
    "left transposed": (
        Function(lambda x, y: x.T @ y),
        (torch.randn(40, 72).to(BF16), torch.randn(40, 24).to(BF16)),
        "cuda",
    ),
    "attention": (attention(False), heads(70, 64), "cuda"),
    "attention causal": (attention(True), heads(200, 128), "cuda"),
    "attention f16": (attention(False), heads(64, 64, torch.float16), "cuda"),
    "attention apart": (attention(False), heads(33, 32), "cuda,arch=sm_80"),
}


@pytest.mark.parametrize("name", MODELS)
def test_families(name: str) -> None:
    model, inputs, target = MODELS[name]
    report = verify(model.eval(), inputs, target=target)
    assert report.passed, report.table()
    rows = {row.stage: row for row in report.rows}
    assert rows["kernels"].how == "emulator", report.table()
    rounding = 2**-10 if "tf32" in target else 1e-6
    assert rows["kernels"].error <= 4 * rows["group"].error + rounding


def test_rows_at_places_are_threads() -> None:
    model = Function(lambda x, places, rows: x.index_copy(0, places, rows))
    inputs = torch.randn(50, 33), torch.randperm(50)[:20], torch.randn(20, 33)
    report = verify(model, inputs, target="cuda")
    assert report.passed, report.table()
    assert compile(model, inputs, target="cuda", cache=False).report.notes["lower-kernels"]["scatter"] == 1


# -- products alone: what models do not reach -------------------------------------------------------------------------


def built(build: Callable[[], None]) -> Kernel:
    """The kernel that ``build`` makes."""
    with make_context(torch=False), ir.Location.unknown():
        module = ir.Module.parse("module attributes {gpu.container_module} { gpu.module @kernels {} }")
        with ir.InsertionPoint(module.body.operations[0].regions[0].blocks[0]):
            declare_shared()
            build()
        return Kernel(named(module.operation, "gpu.func")[0], module)


def operand(batch: int, rows: int, columns: int, element: str) -> Array:
    generator = np.random.default_rng()
    if element == "s8":
        return generator.integers(-4, 4, (batch, rows, columns)).astype(np.int8)
    values = generator.standard_normal((batch, rows, columns)).astype(np.float32)
    if element == "tf32":
        return (values.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)
    return values.astype(ELEMENTS[element])


def check(result: Array, left: Array, right: Array, kind: str) -> None:
    exact = np.int64 if result.dtype.kind == "i" else np.float64
    wanted = left.astype(exact) @ right.astype(exact)
    distance = np.abs(result.astype(exact) - wanted).max()
    assert distance <= TOLERANCES[kind] * max(1, np.abs(wanted).max()), distance


SMALL = WgmmaSchedule(rows=64, columns=64, stages=3, consumers=1, cluster=1)
WGMMA = [
    (WgmmaProblem("f16", "f32", left_transposed=True), SMALL),
    (WgmmaProblem("bf16", "f16", left_transposed=True, right_transposed=True), SMALL),
    (WgmmaProblem("tf32", "f32", right_transposed=True), SMALL),
    (WgmmaProblem("e4m3", "bf16", right_transposed=True), SMALL),
    (WgmmaProblem("e5m2", "f32", right_transposed=True, promote=True), SMALL),
    (WgmmaProblem("s8", "s32", right_transposed=True), SMALL),
    (WgmmaProblem("bf16", "bf16", alignment=2), SMALL),
    (WgmmaProblem("bf16", "f32"), WgmmaSchedule(rows=128, columns=64, stages=3, consumers=2, cluster=2)),
    (WgmmaProblem("bf16", "f32", right_transposed=True), WgmmaSchedule(192, 64, 3, consumers=3, cluster=1)),
    (WgmmaProblem("bf16", "f32"), WgmmaSchedule(64, 64, 6, consumers=1, cluster=1, split=4)),
]


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize(("problem", "schedule"), WGMMA)
def test_wgmma(problem: WgmmaProblem, schedule: WgmmaSchedule, eager: bool) -> None:
    batch, m, n, k = 2, 137, 71, 203
    left, right = operand(batch, m, k, problem.element), operand(batch, k, n, problem.element)
    result = np.full((batch, m, n), 111, ELEMENTS[problem.result])
    memory = [
        np.ascontiguousarray(left.swapaxes(1, 2)) if problem.left_transposed else left,
        np.ascontiguousarray(right.swapaxes(1, 2)) if problem.right_transposed else right,
        result,
    ]
    maps: list[Any] = [
        TensorMap(array, (1, height, 128 // array.itemsize))
        for array, height in zip(memory, (*schedule.boxes(problem), 64), strict=True)
    ]
    sizes: list[Any] = [np.int32(size) for size in (m, n, k, batch)]
    if problem.direct:
        maps[2] = result
        sizes += [np.int32(n), np.int64(m * n)]
    tiles = -(-m // (schedule.rows * schedule.cluster)) * -(-n // schedule.columns) * batch
    clusters = tiles if schedule.split > 1 else min(tiles, 3)  # so that blocks take several tiles
    kernel = built(lambda: build_gemm("gemm", problem, schedule))
    grid = (clusters * schedule.blocks, 1, 1)
    kernel.launch(grid, schedule.threads, schedule.shared_bytes, [*maps, *sizes], eager=eager)
    check(result, left, right, problem.result)


POINTERS = [
    *(
        PointerProblem(element, result, left, right, alignment)
        for element, result, alignment in (("bf16", "bf16", 16), ("tf32", "f32", 8), ("f16", "f32", 2))
        for left in (False, True)
        for right in (False, True)
    ),
    PointerProblem("s8", "s32", right_transposed=True),
    PointerProblem("f32", "f32", left_transposed=True, alignment=4),
    PointerProblem("f64", "f64", right_transposed=True),
]


@pytest.mark.parametrize("problem", POINTERS)
def test_products_by_pointers(problem: PointerProblem) -> None:
    batch, m, n, k = 2, 72, 80, 48
    left, right = operand(batch, m, k, problem.element), operand(batch, k, n, problem.element)
    result = np.full((batch, m, n), 111, ELEMENTS[problem.result])
    memory = [
        np.ascontiguousarray(left.swapaxes(1, 2)) if problem.left_transposed else left,
        np.ascontiguousarray(right.swapaxes(1, 2)) if problem.right_transposed else right,
        result,
    ]
    simt = problem.element in ("f32", "f64")
    schedule = choose_simt(problem, m, n) if simt else choose_mma(problem, m, n)
    kernel = built(lambda: (build_gemm_simt if simt else build_gemm_mma)("gemm", problem, schedule))
    arguments = [
        *memory,
        *(np.int32(size) for size in (m, n, k, batch)),
        *(np.int32(array.shape[2]) for array in memory),
        *(np.int64(array[0].size) for array in memory),
    ]
    shared = schedule.shared_bytes(problem) if isinstance(schedule, SimtSchedule) else schedule.shared_bytes
    kernel.launch((schedule.grid(m, n, batch), 1, 1), schedule.threads, shared, arguments)
    check(result, left, right, problem.result)


ATTENTION = [
    (AttentionProblem(64, "bf16"), None),
    (AttentionProblem(72, "f16", causal=True), None),
    (AttentionProblem(128, "bf16", causal=True), AttentionSchedule(keys=64, consumers=3, staging=False)),
    (AttentionProblem(40, "f16"), MmaSchedule(warps=2, strips=1, keys=32)),
    (AttentionProblem(64, "bf16", causal=True), MmaSchedule(warps=4, strips=2, keys=32)),
]


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize(("problem", "schedule"), ATTENTION)
def test_attention(problem: AttentionProblem, schedule: AttentionSchedule | MmaSchedule | None, eager: bool) -> None:
    """Two heads of queries share one of keys; the last query sees the last key."""
    batch, heads, queries, keys = 2, 2, 77, 131
    schedule = schedule or choose_schedule(problem)
    q, k, v = (
        operand(batch, number * length, problem.head, problem.element).reshape(batch, number, length, problem.head)
        for number, length in ((heads, queries), (1, keys), (1, keys))
    )
    result = np.full(q.shape, 111, q.dtype)
    tensors = [q, k, v, result]
    scale, diagonal = problem.head**-0.5, keys - queries if problem.causal else 0
    sizes = [*(np.int32(size) for size in (queries, keys, heads, batch, heads, 1, diagonal)), np.float32(scale)]
    tiles = -(-queries // schedule.queries) * batch * heads
    if isinstance(schedule, MmaSchedule):
        kernel = built(lambda: build_mma_attention("attention", problem, schedule))
        strides = [np.int32(stride // 2) for array in tensors for stride in array.strides[:3]]
        shared, given = schedule.shared_bytes(problem), [*tensors, *strides, *sizes]
    else:
        kernel = built(lambda: build_attention("attention", problem, schedule))
        boxes = (schedule.queries, schedule.keys, schedule.keys, 64)
        maps = [TensorMap(array, (1, 1, rows, 64)) for array, rows in zip(tensors, boxes, strict=True)]
        shared, given = Layout(problem, schedule).size, [*maps, *sizes]
        tiles = min(tiles, 3)  # so that blocks take several
    kernel.launch((tiles, 1, 1), schedule.threads, shared, given, eager=eager)
    scores = q.astype(np.float64) @ k.astype(np.float64).swapaxes(2, 3) * scale
    if problem.causal:
        scores = np.where(np.arange(keys) <= np.arange(queries)[:, None] + diagonal, scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    wanted = weights / weights.sum(-1, keepdims=True) @ v.astype(np.float64)
    assert np.abs(result.astype(np.float64) - wanted).max() <= 2**-6


@pytest.mark.parametrize(("number", "message"), [(0, "more threads arrive"), (1, "read before"), (2, "read before")])
def test_a_wait_of_a_pipeline_is_missing(number: int, message: str) -> None:
    """The wait of the loading thread for a free stage, and those for a full one in the first step and the loop."""
    problem, m, n, k = WgmmaProblem(right_transposed=True), 64, 64, 1024
    with make_context(torch=False), ir.Location.unknown():
        module = ir.Module.parse("module attributes {gpu.container_module} { gpu.module @kernels {} }")
        with ir.InsertionPoint(module.body.operations[0].regions[0].blocks[0]):
            declare_shared()
            build_gemm("gemm", problem, SMALL)
        waits = [op for op in inside(module.operation) if "try_wait" in str(op.attributes.get("asm_string", ""))]
        waits[number].erase()
        kernel = Kernel(named(module.operation, "gpu.func")[0], module)
    memory = [operand(1, m, k, "bf16"), operand(1, n, k, "bf16"), np.zeros((1, m, n), ELEMENTS["bf16"])]
    maps = [TensorMap(array, (1, 64, 64)) for array in memory]
    with pytest.raises(ExecutionError, match=message):
        kernel.launch((1, 1, 1), SMALL.threads, SMALL.shared_bytes, [*maps, *(np.int32(size) for size in (m, n, k, 1))])


# -- mistakes in kernels ----------------------------------------------------------------------------------------------


class WithoutBarriers(Pass):
    """A mistake: threads do not wait for each other."""

    name = "without-barriers"
    summary = "a planted mistake"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        for inner in inside(op):
            if inner.name == "llvm.inline_asm" and "bar.sync 0" in str(inner.attributes["asm_string"]):
                inner.erase()


class OtherScale(Pass):
    """A mistake: a constant of a kernel is another one."""

    name = "other-scale"
    summary = "a planted mistake"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        for product in named(named(op, "gpu.module")[0], "arith.mulf")[:1]:
            with ir.InsertionPoint(product), product.location:
                wrong = arith.addf(product.operands[0], product.operands[0])
            product.operands[0] = wrong


@pytest.mark.parametrize("mistake", [WithoutBarriers(), OtherScale()])
def test_verify_names_a_wrong_pass(mistake: Pass) -> None:
    pipeline = CudaBackend().pipeline(CudaBackend().resolve(Target("cuda")))
    pipeline.insert_after("lower-kernels", mistake)
    report = verify(nn.LayerNorm(8192), (torch.randn(2, 8192),), target="cuda", pipeline=pipeline)
    assert report.first_pass == mistake.name
    if isinstance(mistake, WithoutBarriers):
        assert "threads race at byte" in report.table() or "read before anything is written" in report.table()


def test_kernels_that_would_take_minutes_are_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwell.backends.cuda.emulate.effort._LIMIT", 100)
    report = verify(nn.Linear(64, 64), (torch.randn(64, 64),), target="cuda")
    assert report.passed
    assert "kernels" not in {row.stage for row in report.rows}
    assert "stage 'kernels' was not run: emulating the kernels would take about" in report.table()
