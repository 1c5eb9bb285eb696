"""Products by mma.sync and without tensor cores: they assemble clean for their architectures."""

from collections.abc import Callable
from typing import Any

import pytest
from torch_mlir import ir

from stepwell.backends.cuda.kernels.choose_pointers import choose_mma, choose_simt
from stepwell.backends.cuda.kernels.epilogue import MakeEpilogue
from stepwell.backends.cuda.kernels.gemm_mma import MmaSchedule, build_gemm_mma
from stepwell.backends.cuda.kernels.gemm_simt import SimtSchedule, build_gemm_simt
from stepwell.backends.cuda.kernels.pointer_product import PointerProblem

Assemble = Callable[..., Any]


@pytest.mark.parametrize("left_transposed", [False, True])
@pytest.mark.parametrize("right_transposed", [False, True])
@pytest.mark.parametrize(
    ("element", "result", "instruction"),
    [("bf16", "bf16", "m16n8k16.row.col.f32.bf16.bf16.f32"), ("tf32", "f32", "m16n8k8.row.col.f32.tf32.tf32.f32")],
)
def test_mma_layouts(
    element: str, result: str, instruction: str, left_transposed: bool, right_transposed: bool, assemble: Assemble
) -> None:
    problem = PointerProblem(element, result, left_transposed, right_transposed)
    kernel = assemble(lambda: build_gemm_mma("gemm", problem, MmaSchedule()), "sm_80")
    kernel.check(255)
    assert kernel.ptx.count(f"mma.sync.aligned.{instruction}") == 64
    assert "cp.async.cg.shared.global" in kernel.ptx
    plain = not left_transposed or right_transposed
    assert ("ldmatrix.sync.aligned.m8n8.x4.shared" in kernel.ptx) == plain
    transposed = element == "bf16" and (left_transposed or not right_transposed)
    assert ("x4.trans" in kernel.ptx) == transposed


@pytest.mark.parametrize("arch", ["sm_80", "sm_86", "sm_89", "sm_90a"])
def test_mma_integers(arch: str, assemble: Assemble) -> None:
    problem = PointerProblem("s8", "s32", right_transposed=True)
    kernel = assemble(lambda: build_gemm_mma("gemm", problem, MmaSchedule()), arch)
    kernel.check(255)
    assert "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32" in kernel.ptx


@pytest.mark.parametrize(("element", "arch"), [("e4m3", "sm_89"), ("e5m2", "sm_90a")])
def test_mma_float8(element: str, arch: str, assemble: Assemble) -> None:
    problem = PointerProblem(element, "bf16", right_transposed=True)
    schedule = choose_mma(problem, 4096, 4096)
    kernel = assemble(lambda: build_gemm_mma("gemm", problem, schedule), arch)
    kernel.check(255)
    assert kernel.ptx.count(f"mma.sync.aligned.m16n8k32.row.col.f32.{element}.{element}.f32") == 32
    assert ".version 8.4" in kernel.ptx  # older ones have not the instruction


@pytest.mark.parametrize(("alignment", "copy"), [(8, "cp.async.ca"), (4, "cp.async.ca"), (2, "ld.global.u16")])
def test_mma_short_rows(alignment: int, copy: str, assemble: Assemble) -> None:
    problem = PointerProblem("f16", "f16", right_transposed=True, alignment=alignment, paired=False)
    schedule = choose_mma(problem, 4096, 4096)
    kernel = assemble(lambda: build_gemm_mma("gemm", problem, schedule), "sm_80")
    kernel.check(255)
    assert copy in kernel.ptx
    assert "st.global.u16" in kernel.ptx


def test_mma_few_columns(assemble: Assemble) -> None:
    problem = PointerProblem("bf16", "bf16", right_transposed=True)
    schedule = choose_mma(problem, 25088, 8, batch=32)
    assert (schedule.columns, schedule.threads) == (16, 64)
    kernel = assemble(lambda: build_gemm_mma("gemm", problem, schedule), "sm_80")
    kernel.check(255)
    assert choose_mma(PointerProblem("bf16", "bf16"), 25088, 8, batch=32).columns > 16, "the depth is not contiguous"


@pytest.mark.parametrize("left_transposed", [False, True])
@pytest.mark.parametrize("right_transposed", [False, True])
@pytest.mark.parametrize(("element", "alignment"), [("f32", 16), ("f32", 4), ("f64", 16)])
def test_simt(element: str, alignment: int, left_transposed: bool, right_transposed: bool, assemble: Assemble) -> None:
    problem = PointerProblem(element, element, left_transposed, right_transposed, alignment, paired=alignment == 16)
    schedule = choose_simt(problem, 4096, 4096)
    kernel = assemble(lambda: build_gemm_simt("gemm", problem, schedule), "sm_80")
    kernel.check(255)
    assert kernel.ptx.count(f"fma.rn.{element}") == schedule.thread_rows * schedule.thread_columns * schedule.depth
    assert ("ld.global.v" in kernel.ptx) == (alignment == 16)
    assert "mma" not in kernel.ptx


@pytest.mark.parametrize(
    ("rows", "columns", "tile"),
    [
        (4096, 4096, (128, 128)),
        (2048, 2048, (128, 128)),
        (1024, 1024, (128, 64)),
        (1024, 2048, (128, 64)),
        (3000, 3000, (128, 64)),
        (512, 512, (64, 64)),
        (64, 4096, (64, 64)),
    ],
)
def test_simt_tiles(rows: int, columns: int, tile: tuple[int, int]) -> None:
    """As they were fastest on an H100, of three."""
    schedule = choose_simt(PointerProblem("f32", "f32"), rows, columns)
    assert (schedule.rows, schedule.columns) == tile
    assert choose_simt(PointerProblem("f64", "f64"), rows, columns).columns == 64


@pytest.mark.parametrize("alignment", [4, 16])
def test_simt_half_tile(alignment: int, assemble: Assemble) -> None:
    problem = PointerProblem("f32", "f32", right_transposed=True, alignment=alignment)
    schedule = choose_simt(problem, 1024, 1024)
    kernel = assemble(lambda: build_gemm_simt("gemm", problem, schedule), "sm_80")
    kernel.check(168)


@pytest.mark.parametrize("family", ["mma", "simt"])
def test_epilogue(family: str, assemble: Assemble, biased: MakeEpilogue) -> None:
    def build() -> None:
        bias = ir.MemRefType.get([64], ir.F32Type.get())
        if family == "mma":
            build_gemm_mma("gemm", PointerProblem("bf16", "bf16"), MmaSchedule(), biased, [bias])
        else:
            build_gemm_simt("gemm", PointerProblem("f32", "bf16"), SimtSchedule(), biased, [bias])

    kernel = assemble(build, "sm_80")
    kernel.check(255)
    assert "cvt.rn.bf16x2.f32" in kernel.ptx


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: build_gemm_mma("g", PointerProblem("s8", "s32"), MmaSchedule()), "must be contiguous"),
        (lambda: build_gemm_mma("g", PointerProblem("f32", "f32"), MmaSchedule()), "elements are bf16"),
        (lambda: build_gemm_mma("g", PointerProblem("bf16", "bf16"), MmaSchedule(rows=40)), "a warp has multiples"),
        (lambda: build_gemm_mma("g", PointerProblem("bf16", "bf16"), MmaSchedule(depth_bytes=48)), "not 48"),
        (lambda: build_gemm_mma("g", PointerProblem("bf16", "bf16"), MmaSchedule(stages=9)), "9 stages take"),
        (lambda: build_gemm_mma("g", PointerProblem("bf16", "bf16", alignment=3), MmaSchedule()), "not 3"),
        (lambda: build_gemm_mma("g", PointerProblem("bf16", "bf16"), MmaSchedule(columns=32)), "at least 128 bytes"),
        (lambda: build_gemm_simt("g", PointerProblem("bf16", "bf16"), SimtSchedule()), "elements are f32, f64"),
        (lambda: build_gemm_simt("g", PointerProblem("f64", "f32"), SimtSchedule()), "are not stored as f32"),
        (lambda: build_gemm_simt("g", PointerProblem("f32", "f32"), SimtSchedule(6)), "multiples of 4"),
        (lambda: build_gemm_simt("g", PointerProblem("f32", "f32"), SimtSchedule(depth=6)), "do not share a tile"),
        (lambda: build_gemm_simt("g", PointerProblem("f32", "f32"), SimtSchedule(depth=64)), "shared memory are more"),
    ],
)
def test_refused(build: Callable[[], None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
