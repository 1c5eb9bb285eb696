"""Products by wgmma: every element type and schedule assembles clean; what does not fit is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from torch_mlir import ir

from stepwell.backends.cuda.kernels.choose_wgmma import choose
from stepwell.backends.cuda.kernels.epilogue import MakeEpilogue
from stepwell.backends.cuda.kernels.gemm_wgmma import WgmmaProblem, WgmmaSchedule, build_gemm

Assemble = Callable[..., Any]

NARROW = WgmmaSchedule(rows=64, columns=64, stages=12, consumers=1, cluster=1)


@pytest.mark.parametrize(
    ("problem", "instruction"),
    [
        (WgmmaProblem("bf16", "bf16"), "m64n256k16.f32.bf16.bf16"),
        (WgmmaProblem("f16", "f32", left_transposed=True), "m64n256k16.f32.f16.f16"),
        (WgmmaProblem("bf16", "f16", left_transposed=True, right_transposed=True), "m64n256k16.f32.bf16.bf16"),
        (WgmmaProblem("tf32", "f32", right_transposed=True), "m64n256k8.f32.tf32.tf32"),
        (WgmmaProblem("e4m3", "bf16", right_transposed=True), "m64n256k32.f32.e4m3.e4m3"),
        (WgmmaProblem("e5m2", "f16", right_transposed=True), "m64n256k32.f32.e5m2.e5m2"),
        (WgmmaProblem("s8", "s32", right_transposed=True), "m64n256k32.s32.s8.s8"),
        (WgmmaProblem("s8", "s8", right_transposed=True), "m64n256k32.s32.s8.s8"),
    ],
)
def test_elements(problem: WgmmaProblem, instruction: str, assemble: Assemble) -> None:
    kernel = assemble(lambda: build_gemm("gemm", problem, WgmmaSchedule()), "sm_90a")
    kernel.check(168)
    assert kernel.ptx.count(f"wgmma.mma_async.sync.aligned.{instruction}") == 8  # the first stage, and the loop's
    assert "multicast::cluster" in kernel.ptx
    assert "st.global" not in kernel.ptx


@pytest.mark.parametrize(
    "schedule",
    [
        WgmmaSchedule(rows=192, columns=192, stages=3, consumers=3),
        WgmmaSchedule(rows=256, columns=128, cluster=1),
        WgmmaSchedule(rows=64, columns=256, stages=5, consumers=1, cluster=1),
        NARROW,
    ],
)
def test_schedules(schedule: WgmmaSchedule, assemble: Assemble) -> None:
    problem = WgmmaProblem(right_transposed=True)
    kernel = assemble(lambda: build_gemm("gemm", problem, schedule), "sm_90a")
    kernel.check(65536 // schedule.threads)
    assert ("setmaxnreg" in kernel.ptx) == (schedule.consumers > 1)


def test_split_depth(assemble: Assemble) -> None:
    schedule = WgmmaSchedule(rows=64, columns=128, stages=8, consumers=1, cluster=1, split=4)
    problem = WgmmaProblem(result="f32", right_transposed=True)
    kernel = assemble(lambda: build_gemm("gemm", problem, schedule), "sm_90a")
    kernel.check(168)
    assert ".reqnctapercluster 4" in kernel.ptx
    assert kernel.ptx.count("st.shared::cluster.v4.f32") == 16
    assert kernel.ptx.count("ld.shared.v4.f32") == 16


@pytest.mark.parametrize(("alignment", "store"), [(2, "st.global.u16"), (8, "st.global.b32")])
def test_odd_rows(alignment: int, store: str, assemble: Assemble) -> None:
    problem = WgmmaProblem(right_transposed=True, alignment=alignment)
    kernel = assemble(lambda: build_gemm("gemm", problem, WgmmaSchedule()), "sm_90a")
    kernel.check(168)
    assert store in kernel.ptx
    assert "global.shared::cta.bulk_group" not in kernel.ptx


@pytest.mark.parametrize(
    "schedule",
    [
        WgmmaSchedule(columns=128, stages=6),
        WgmmaSchedule(columns=192),
        WgmmaSchedule(rows=192, columns=128, consumers=3),
        WgmmaSchedule(rows=64, columns=192, consumers=1, cluster=1),
    ],
)
def test_promoted_sums(schedule: WgmmaSchedule, assemble: Assemble) -> None:
    problem = WgmmaProblem("e4m3", right_transposed=True, promote=True)
    kernel = assemble(lambda: build_gemm("gemm", problem, schedule), "sm_90a")
    kernel.check(65536 // schedule.threads)
    assert kernel.ptx.count("add.rn.f32") + kernel.ptx.count("add.f32") >= 64


def test_epilogue(assemble: Assemble, biased: MakeEpilogue) -> None:
    def build() -> None:
        bias = ir.MemRefType.get([64], ir.F32Type.get())
        build_gemm("gemm", WgmmaProblem(right_transposed=True), WgmmaSchedule(), biased, [bias])

    kernel = assemble(build, "sm_90a")
    kernel.check(168)
    assert "ld.global" in kernel.ptx


@pytest.mark.parametrize(
    ("problem", "schedule", "message"),
    [
        (WgmmaProblem(), WgmmaSchedule(stages=6), "bytes of shared memory are more than"),
        (WgmmaProblem(), WgmmaSchedule(rows=100), "rows are a multiple of 64"),
        (WgmmaProblem(), WgmmaSchedule(consumers=4, rows=256), "1, 2 or 3 warpgroups"),
        (WgmmaProblem(), WgmmaSchedule(rows=192, consumers=3), "sums are at most 64 by 192 here"),
        (WgmmaProblem(), WgmmaSchedule(cluster=3), "3 blocks do not share the right matrix"),
        (WgmmaProblem(), WgmmaSchedule(split=2), "not both"),
        (WgmmaProblem(), WgmmaSchedule(cluster=1, split=16), "at most 8 blocks"),
        (WgmmaProblem(), WgmmaSchedule(columns=128, cluster=1, split=8), "do not fit the ring"),
        (WgmmaProblem("s8", "s8", right_transposed=True), NARROW, "stored 128 columns at a time"),
        (WgmmaProblem("e4m3"), WgmmaSchedule(), "must be contiguous"),
        (WgmmaProblem("f64"), WgmmaSchedule(), "elements are bf16"),
        (WgmmaProblem("bf16", "s8"), WgmmaSchedule(), "by an epilogue only"),
        (WgmmaProblem("s8", "s32", right_transposed=True, promote=True), WgmmaSchedule(), "nothing to promote"),
        (WgmmaProblem(alignment=1), WgmmaSchedule(), "are not aligned to 1 bytes"),
        (WgmmaProblem("bf16", promote=True), WgmmaSchedule(), "at most 64 by 192 here"),
    ],
)
def test_refused(problem: WgmmaProblem, schedule: WgmmaSchedule, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_gemm("gemm", problem, schedule)


def test_choice() -> None:
    problem = WgmmaProblem(right_transposed=True)
    large = choose(problem, 8192, 8192, 8192)
    assert (large.rows, large.columns, large.split) == (128, 256, 1)
    promoted = WgmmaProblem("e4m3", right_transposed=True, promote=True)
    assert choose(promoted, 8192, 8192, 8192).cluster == 1
    few = choose(problem, 256, 256, 16384)
    assert few.split > 1
    few_rows = choose(problem, 16, 4096, 4096)
    assert (few_rows.columns, few_rows.turned) == (16, 1)
    assert few_rows.split > 1, "64 tiles leave half of the chip idle"
    assert not choose(problem, 100, 4096, 4096).turned, "rows fill tiles"
    assert not choose(WgmmaProblem(left_transposed=True), 16, 4096, 4096).columns < 64
    ragged = choose(problem, 4352, 4096, 4096)
    assert ragged.stream, "a last turn for 20 tiles of 512"
    assert not choose(problem, 4096, 4096, 4096).stream
    for result in ("f32", "bf16"):
        for element in ("bf16", "e4m3", "tf32"):
            other = WgmmaProblem(element, result, right_transposed=True, promote=element == "e4m3")
            choose(other, 1000, 776, 520, batch=3).check(other)
