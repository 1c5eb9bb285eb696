"""Blocks that stream through the depths of all tiles, and results of few rows: numbers, flags, what is refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from test_emulate import ELEMENTS, SMALL, TOLERANCES, operand
from test_schedules import asked
from torch import nn
from torch_mlir import ir

from stepwell.backends.cuda.emulate.engine import TensorMap
from stepwell.backends.cuda.emulate.kernel import Kernel
from stepwell.backends.cuda.kernels.gemm_wgmma import build_gemm
from stepwell.backends.cuda.kernels.instructions import declare_shared
from stepwell.backends.cuda.kernels.wgmma_schedule import WgmmaProblem, WgmmaSchedule
from stepwell.backends.cuda.kernels.wgmma_tiles import share_out
from stepwell.backends.cuda.kernels.window import Window
from stepwell.dialects.context import make_context
from stepwell.driver.verify import verify
from stepwell.passes.schedules.book import Entry
from stepwell.passes.schedules.database import Database
from stepwell.support.errors import ExecutionError
from stepwell.support.walk import inside, named

Array = np.ndarray[Any, Any]

STREAM = replace(SMALL, stream=1)
TURNED = WgmmaSchedule(64, 16, 4, consumers=1, cluster=1, turned=1)
BOTH = WgmmaSchedule(128, 24, 4, consumers=2, cluster=1, stream=1, turned=1)
LINEAR = WgmmaProblem("bf16", "f32", right_transposed=True)


def built(problem: WgmmaProblem, schedule: WgmmaSchedule, mistake: Callable[[str], bool]) -> Kernel:
    """The kernel, without the instructions that are a ``mistake`` to leave out."""
    with make_context(torch=False), ir.Location.unknown():
        module = ir.Module.parse("module attributes {gpu.container_module} { gpu.module @kernels {} }")
        with ir.InsertionPoint(module.body.operations[0].regions[0].blocks[0]):
            declare_shared()
            build_gemm("gemm", problem, schedule)
        for op in list(inside(module.operation)):
            if op.name == "llvm.inline_asm" and mistake(ir.StringAttr(op.attributes["asm_string"]).value):
                op.erase()
        return Kernel(named(module.operation, "gpu.func")[0], module)


def multiply(
    problem: WgmmaProblem,
    schedule: WgmmaSchedule,
    sizes: tuple[int, int, int, int],
    blocks: int,
    *,
    eager: bool = False,
    mistake: Callable[[str], bool] = lambda text: False,
) -> None:
    """Two runs with the same flags, each against exact sums."""
    batch, m, n, k = sizes
    left, right = operand(batch, m, k, problem.element), operand(batch, k, n, problem.element)
    result = np.empty((batch, m, n), ELEMENTS[problem.result])
    matrices = [
        np.ascontiguousarray(left.swapaxes(1, 2)) if problem.left_transposed else left,
        np.ascontiguousarray(right.swapaxes(1, 2)) if problem.right_transposed else right,
    ]
    multiplied, rows, columns = schedule.multiplied(problem), m, n
    if schedule.turned:
        matrices, rows, columns = matrices[::-1], n, m
    arguments: list[Any] = [
        TensorMap(array, (1, height, 128 // array.itemsize))
        for array, height in zip([*matrices, result], (*schedule.boxes(multiplied), 64), strict=True)
    ]
    arguments += [np.int32(size) for size in (rows, columns, k, batch)]
    if multiplied.direct:
        arguments[2] = result
        arguments += [np.int32(n), np.int64(m * n)]
    flags = np.zeros(schedule.partial_flags(blocks), np.int32)
    tiles = -(-rows // (schedule.rows * schedule.cluster)) * -(-columns // schedule.columns) * batch
    if schedule.stream:
        shares = share_out(tiles, -(-k // multiplied.depth), blocks // schedule.cluster)
        arguments += [np.full(schedule.partial_sums(blocks), np.nan, np.float32), flags, *map(np.int32, shares)]
    kernel = built(problem, schedule, mistake)
    exact = np.int64 if result.dtype.kind == "i" else np.float64
    wanted = left.astype(exact) @ right.astype(exact)
    for _ in range(2):
        result[...] = 111
        kernel.launch((blocks, 1, 1), schedule.threads, schedule.shared_bytes, arguments, eager=eager)
        distance = np.abs(result.astype(exact) - wanted).max()
        assert distance <= TOLERANCES[problem.result] * max(1, np.abs(wanted).max()), distance
        assert not flags.any()


@pytest.mark.parametrize("blocks", [1, 5, 13, 50])
def test_streams(blocks: int) -> None:
    """Twelve tiles of four steps: whole turns and a part of one, less than one, and more blocks than steps."""
    multiply(WgmmaProblem("bf16", "f32"), STREAM, (2, 137, 71, 203), blocks, eager=blocks % 2 == 0)


@pytest.mark.parametrize(
    ("problem", "schedule"),
    [
        (WgmmaProblem("s8", "s32", right_transposed=True), STREAM),
        (WgmmaProblem("e5m2", "f32", right_transposed=True, promote=True), STREAM),
        (WgmmaProblem("bf16", "bf16", alignment=2), STREAM),
        (LINEAR, replace(TURNED, columns=8)),
        (LINEAR, BOTH),
        (LINEAR, replace(STREAM, cluster=2)),
        (LINEAR, replace(TURNED, rows=128, consumers=2, columns=24, split=4)),
        (WgmmaProblem("bf16", "bf16", alignment=2), TURNED),
        (WgmmaProblem("s8", "s32", right_transposed=True, alignment=4), BOTH),
        (WgmmaProblem("tf32", "f32", right_transposed=True, alignment=4), TURNED),
        (WgmmaProblem("f16", "f16", left_transposed=True, alignment=2), replace(TURNED, columns=64, stages=3)),
    ],
)
def test_elements(problem: WgmmaProblem, schedule: WgmmaSchedule) -> None:
    n, blocks = (
        137 if problem.alignment < 16 else 136,
        5 * schedule.cluster if schedule.split == 1 else 4 * schedule.split,
    )
    multiply(problem, schedule, (2, 13, n, 200), blocks, eager=True)


@pytest.mark.parametrize("blocks", [1, 7, 132])
@pytest.mark.parametrize("tiles", [0, 1, 6, 7, 13, 14, 300])
def test_shares(tiles: int, blocks: int) -> None:
    """Turns that all blocks have are whole, and at most two turns of tiles are shared, evenly."""
    shared, size, longer = share_out(tiles, 9, blocks)
    assert isinstance(shared, int)
    assert (tiles - shared) % blocks == 0
    assert shared < 2 * blocks
    assert size * blocks + longer == shared * 9
    assert longer < blocks
    assert (shared == 0) == (tiles % blocks == 0)


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ("ld.acquire", "block 1 reads global memory that block 0 wrote, and waited for no flag behind that"),
        ("st.release", "all threads wait for each other: .* at the flag .* which no block launched before has raised"),
        ("st.relaxed", None),
    ],
)
def test_mistakes(mistake: str, message: str | None) -> None:
    """A flag not waited for, one not raised, and one not put back, which the test itself finds."""
    with pytest.raises(ExecutionError if message else AssertionError, match=message):
        multiply(LINEAR, STREAM, (1, 64, 64, 512), 2, mistake=lambda text: mistake in text)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (WgmmaSchedule(64, 64, 6, consumers=1, cluster=1, split=2, stream=1), "stream through the depth or split it"),
        (WgmmaSchedule(64, 192, 2, consumers=1, cluster=1, split=8, turned=1), "bytes of sums do not fit the ring"),
        (replace(TURNED, columns=12), "columns multiples of 8 up to 256"),
        (replace(TURNED, turned=2), "stream and turned are 0 or 1"),
        (replace(TURNED, cluster=4), "do not share the right matrix in parts of 8 rows"),
        (replace(TURNED, turned=0), "columns 64, 128, 192 or 256"),
    ],
)
def test_refused(schedule: WgmmaSchedule, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_gemm("gemm", LINEAR, schedule)


def test_what_is_not_turned_or_streamed() -> None:
    window = Window((8, 8), (8, 8), (1, 1), (1, 1), (1, 1), (0, 0), 64, (4096, 512, 64))
    with pytest.raises(ValueError, match="pixels of a window are rows"):
        TURNED.check(WgmmaProblem(window=window))
    with pytest.raises(ValueError, match="blocks stream through products of matrices, not of windows"):
        STREAM.check(WgmmaProblem(window=window))
    with pytest.raises(ValueError, match="columns 64, 128, 192 or 256"):
        TURNED.check(WgmmaProblem(left_transposed=True))


@pytest.mark.parametrize(
    "schedule",
    [
        WgmmaSchedule(stream=1),
        WgmmaSchedule(192, 192, 3, consumers=3, cluster=1, stream=1),
        WgmmaSchedule(columns=192, cluster=1, stream=1),
    ],
)
def test_streams_assemble(schedule: WgmmaSchedule, assemble: Callable[..., Any]) -> None:
    kernel = assemble(lambda: build_gemm("gemm", LINEAR, schedule), "sm_90a")
    kernel.check(65536 // schedule.threads)
    for instruction in ("st.release.gpu", "ld.acquire.gpu", "st.relaxed.gpu"):
        assert kernel.ptx.count(instruction) == 1
    sums = schedule.sums_of_group // 128
    assert kernel.ptx.count("st.global.v4.f32") == kernel.ptx.count("ld.global.v4.f32") == sums // 4


def test_turned_products_assemble(assemble: Callable[..., Any]) -> None:
    kernel = assemble(lambda: build_gemm("gemm", WgmmaProblem(right_transposed=True), TURNED), "sm_90a")
    kernel.check(64)
    assert kernel.ptx.count("wgmma.mma_async.sync.aligned.m64n16k16.f32.bf16.bf16") == 8
    assert kernel.ptx.count("st.global.b32") == 4
    assert "stmatrix" not in kernel.ptx


@pytest.mark.parametrize("values", [{"columns": 16, "stream": 1, "turned": 1}, {"cluster": 2, "stream": 1}])
def test_a_model(values: dict[str, int], tmp_path: Any) -> None:
    """What the host passes, and what follows the product."""
    model = nn.Sequential(nn.Linear(200, 136), nn.GELU()).to(torch.bfloat16).eval()
    x = torch.randn(13, 200).to(torch.bfloat16)
    key = next(key for key in asked(model, x) if key.kind == "cuda-wgmma")
    schedule = {"rows": 64, "columns": 64, "stages": 4, "consumers": 1, "cluster": 1, "split": 1, "turned": 0} | values
    Database([Entry(key, "sm_90a", schedule)]).write(tmp_path / "schedules.json")
    report = verify(model, (x,), target=f"cuda,schedules={tmp_path / 'schedules.json'}")
    assert report.passed, report.table()
    rows = {row.stage: row for row in report.rows}
    assert rows["kernels"].how == "emulator"
    assert rows["kernels"].error <= 4 * rows["group"].error + 1e-6
