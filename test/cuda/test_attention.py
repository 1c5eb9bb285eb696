"""Attention kernels assemble as they are meant to; what cannot be built is refused with a reason."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from torch_mlir import ir
from torch_mlir.dialects import llvm
from torch_mlir.passmanager import PassManager

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.attention_adjust import Adjust, Place
from stepwell.backends.cuda.kernels.attention_mma import build_mma_attention
from stepwell.backends.cuda.kernels.attention_mma_schedule import SHARED_LIMIT, MmaSchedule, choose_mma_schedule
from stepwell.backends.cuda.kernels.attention_schedule import (
    AttentionProblem,
    AttentionSchedule,
    Layout,
    choose_schedule,
    planes_together,
)
from stepwell.backends.cuda.kernels.attention_tiles import Sizes
from stepwell.backends.cuda.kernels.attention_wgmma import build_attention
from stepwell.backends.cuda.kernels.real import Real
from stepwell.backends.cuda.pipeline import NVVM
from stepwell.backends.cuda.ptx import generate_ptx
from stepwell.dialects.context import make_context

Assemble = Callable[[str, str], Any]


def slope(values: Sequence[ir.Value], sizes: Sizes) -> Adjust:
    """Adds the number in memory at the head's place times the key's."""
    f32, pointer = ir.F32Type.get(), ir.Type.parse("!llvm.ptr")

    def adjust(pair: Sequence[Real], at: Place) -> list[Real]:
        place = llvm.getelementptr(pointer, values[0], [at.head.wide()], [-(2**31)], f32, None)
        return [score + Real(llvm.load(f32, place)) for score in pair]

    return adjust


def ptx_of(problem: AttentionProblem, schedule: AttentionSchedule | MmaSchedule, *, adjusted: bool = False) -> str:
    with make_context(torch=False), ir.Location.unknown():
        module = ir.Module.parse("module attributes {gpu.container_module} { gpu.module @kernels {} }")
        kernels = module.body.operations[0].regions[0]
        with ir.InsertionPoint(kernels.blocks[0] if len(kernels.blocks) else kernels.blocks.append()):
            isa.declare_shared()
            if isinstance(schedule, MmaSchedule):
                extra = [ir.Type.parse("!llvm.ptr")] if adjusted else []
                build_mma_attention("attention", problem, schedule, adjust=slope if adjusted else None, extra=extra)
            elif adjusted:
                build_attention("attention", problem, schedule, slope, [ir.Type.parse("!llvm.ptr")])
            else:
                build_attention("attention", problem, schedule)
        PassManager.parse(f"builtin.module({NVVM[-1]})").run(module.operation)
        return generate_ptx(module, "sm_80" if isinstance(schedule, MmaSchedule) else "sm_90a")


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    ("head", "element", "adjusted"),
    [(64, "bf16", False), (128, "bf16", False), (128, "f16", True), (72, "f16", False), (256, "bf16", False)],
)
def test_kernels_assemble(head: int, element: str, adjusted: bool, causal: bool, assemble_ptx: Assemble) -> None:
    problem = AttentionProblem(head, element, causal)
    schedule = choose_schedule(problem, adjusted=adjusted)
    ptx = ptx_of(problem, schedule, adjusted=adjusted)
    assembled = assemble_ptx(ptx, "sm_90a")
    assert "0 bytes spill stores" in assembled.report
    assert "Potential Performance Loss" not in assembled.report
    assert assembled.registers * schedule.threads <= 65536


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    ("head", "element", "adjusted"),
    [(40, "f16", False), (64, "bf16", True), (128, "bf16", False), (128, "bf16", True), (256, "f16", False)],
)
def test_kernels_of_older_chips_assemble(
    head: int, element: str, adjusted: bool, causal: bool, assemble_ptx: Assemble
) -> None:
    problem = AttentionProblem(head, element, causal)
    schedule = choose_mma_schedule(problem, adjusted=adjusted)
    assembled = assemble_ptx(ptx_of(problem, schedule, adjusted=adjusted), "sm_80")
    assert "0 bytes spill stores" in assembled.report


def test_instruction_mix_of_older_chips() -> None:
    problem, schedule = AttentionProblem(64), MmaSchedule(warps=4, strips=2, keys=32)
    ptx = ptx_of(problem, schedule)
    loops, steps, sixteens = 2, 64 // 16, 32 // 16  # the block at the edge, and those inside
    products = 2 * sixteens * steps * schedule.strips * 2
    assert ptx.count("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32") == loops * products
    assert ptx.count("ldmatrix.sync.aligned.m8n8.x4.shared") == loops * steps * (schedule.strips + sixteens)
    assert ptx.count("ldmatrix.sync.aligned.m8n8.x4.trans.shared") == loops * steps * sixteens
    lines = schedule.threads // 8
    assert ptx.count("cp.async.cg.shared.global") == schedule.queries // lines + (1 + loops) * 2 * 32 // lines
    assert "ld.global" not in ptx


@pytest.mark.parametrize("causal", [False, True])
def test_instruction_mix(causal: bool) -> None:
    problem = AttentionProblem(128, causal=causal)
    schedule = choose_schedule(problem)
    ptx = ptx_of(problem, schedule)
    shape = r"wgmma\.mma_async\.sync\.aligned\.m64n128k16\.f32\.bf16\.bf16 \{[^}]*\}, "
    loops = 3 if causal else 2  # blocks at an edge, blocks inside, and what is before and behind both
    assert len(re.findall(shape + r"%rd", ptx)) == loops * 128 // 16
    assert len(re.findall(shape + r"\{%r\d+, %r\d+, %r\d+, %r\d+\}", ptx)) == loops * schedule.keys // 16
    assert len(re.findall(r"setmaxnreg\.(?:inc|dec)", ptx)) == 2
    weights = schedule.keys // 2
    assert weights * loops <= ptx.count("ex2.approx") <= (weights + 2) * loops
    assert ptx.count("cp.async.bulk.tensor.4d.global") == problem.parts
    assert "st.global" not in ptx
    assert "ld.global" not in ptx


def test_same_text_twice() -> None:
    problem = AttentionProblem(64)
    assert ptx_of(problem, choose_schedule(problem)) == ptx_of(problem, choose_schedule(problem))


def test_instructions_that_threads_meet_in_are_not_copied() -> None:
    ptx = ptx_of(AttentionProblem(64, causal=True), AttentionSchedule(consumers=3))
    meeting = re.findall(r"bar\.sync \S+, 256", ptx)
    assert len(meeting) == 4  # keys passed by, first keys, at an edge, inside


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (AttentionSchedule(keys=100), "keys at a time are a multiple of 16 up to 256, not 100"),
        (AttentionSchedule(consumers=4), "1 to 3 warpgroups multiply, not 4"),
        (AttentionSchedule(stages=1), "two stages are the least"),
        (AttentionSchedule(consumers=3), "take 160 of a thread's 160 registers: take fewer keys"),
        (AttentionSchedule(stages=3), "bytes of shared memory are more than 232448"),
    ],
)
def test_wrong_schedules(schedule: AttentionSchedule, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        schedule.check(AttentionProblem(128))


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (MmaSchedule(warps=3), "1, 2, 4 or 8 warps have 1 or 2 strips each, not 3 and 2"),
        (MmaSchedule(keys=24), "a multiple of 16 up to 128, not 24"),
        (MmaSchedule(warps=8, keys=16), "a multiple of 32 up to 128, not 16"),
        (MmaSchedule(keys=128), "bytes of shared memory are more than 101376"),
    ],
)
def test_wrong_schedules_of_older_chips(schedule: MmaSchedule, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        schedule.check(AttentionProblem(128), SHARED_LIMIT)


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (AttentionProblem(264), "a head has a multiple of 8 numbers, up to 256, not 264"),
        (AttentionProblem(20), "a multiple of 8"),
        (AttentionProblem(64, "f32"), "bf16 and f16, not f32"),
    ],
)
def test_wrong_problems(problem: AttentionProblem, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        choose_schedule(problem)


@pytest.mark.parametrize("adjusted", [False, True])
def test_every_head_has_a_schedule(adjusted: bool) -> None:
    for head in range(8, 257, 8):
        problem = AttentionProblem(head)
        choose_schedule(problem, adjusted=adjusted).check(problem)
        choose_mma_schedule(problem, adjusted=adjusted).check(problem, SHARED_LIMIT)


def test_memory_does_not_overlap() -> None:
    problem = AttentionProblem(128)
    layout = Layout(problem, AttentionSchedule())
    assert layout.keys == 2 * 128 * 128 * 2
    assert layout.values - layout.keys == layout.results - layout.values == 2 * 128 * 128 * 2
    assert layout.barriers - layout.results == 128 * 128 * 2


def test_planes_together() -> None:
    assert planes_together(AttentionProblem(64), 132) == 1
    assert planes_together(AttentionProblem(64, causal=True), 132) == 33
