"""Instructions given as text: what each does, by what its text looks like."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
from torch_mlir import ir

from stepwell.backends.cuda.emulate import accesses, barriers, engine, flags, matrix, registers
from stepwell.backends.cuda.emulate.call import Call, Run, RunWaiting
from stepwell.backends.cuda.emulate.lanes import Active
from stepwell.backends.cuda.emulate.machine import Unit, Wait
from stepwell.backends.cuda.emulate.program import Builder, Step, Waiting
from stepwell.support.errors import UnsupportedError
from stepwell.support.locations import describe_location

_PLACES = r"\{[^}]*\}"
_TENSOR = r"cp\.async\.bulk\.tensor\.(\d)d\."
_INTO = rf"{_TENSOR}shared::cluster\.global\.mbarrier::complete_tx::bytes"
_WGMMA = r"setp\.ne\.b32 add, (\d), 0; wgmma\.mma_async\.sync\.aligned\.m64n(\d+)k(\d+)\.f32\.(\w+)\.\w+"

INSTRUCTIONS: list[tuple[str, Run]] = [
    (r"shfl\.sync\.bfly\.b32 \$0, \$1, (\d+), 0x1f, 0xffffffff;", registers.shuffle_xor),
    (r"shfl\.sync\.idx\.b32 \$0, \$1, 0, 0x1f, 0xffffffff;", registers.of_first_lane),
    (r"\{ \.reg \.pred mine, any; .* vote\.sync\.any\.pred any, mine, 0xffffffff; .* \}", registers.any_lane),
    (r"mov\.u32 \$0, %cluster_ctarank;", registers.rank),
    (r"cvt\.rn\.(bf16|f16)x2\.f32 \$0, \$2, \$1;", registers.pack_halves),
    (r"cvt\.pack\.sat\.s8\.s32\.b32 \$0, \$2, \$1, 0;", registers.pack_bytes),
    (r"cvt\.rna\.tf32\.f32 \$0, \$1;", registers.round_to_tf32),
    (r"div\.full\.f32 \$0, \$1, \$2;", registers.approximate(np.divide)),
    (r"ex2\.approx(\.ftz)?\.f32 \$0, \$1;", registers.approximate(np.exp2)),
    (r"lg2\.approx(\.ftz)?\.f32 \$0, \$1;", registers.approximate(np.log2)),
    (r"rcp\.approx(\.ftz)?\.f32 \$0, \$1;", registers.approximate(registers.reciprocal)),
    (r"rsqrt\.approx(\.ftz)?\.f32 \$0, \$1;", registers.approximate(registers.reciprocal_root)),
    (r"sqrt\.approx(\.ftz)?\.f32 \$0, \$1;", registers.approximate(np.sqrt)),
    (r"tanh\.approx\.f32 \$0, \$1;", registers.approximate(np.tanh)),
    (r"mapa\.shared::cluster\.u32 \$0, \$1, \$2;", accesses.map_to_block),
    (r"ld\.shared(\.v\d)?\.(\w+) .*", accesses.load_shared),
    (r"st\.shared::cluster\.v4\.(\w+) .*", accesses.store_in_cluster),
    (r"st\.shared(\.v\d)?\.(\w+) .*", accesses.store_shared),
    (r"(?:mov\.\w+ \$\d, \w+; )+@\$\d ld\.global(\.v\d)?\.(\w+) .*", accesses.load_global),
    (r"@\$\d st\.global(\.v\d)?\.(\w+) .*", accesses.store_global),
    (r"st\.release\.gpu\.global\.b32 \[\$0\], 1;", flags.raise_flag),
    (r"st\.relaxed\.gpu\.global\.b32 \[\$0\], 0;", flags.lower_flag),
    (r"\{ \.reg \.pred wanted; .* @wanted st\.global\.v4\.b32 \[\$0\], \{a, b, c, d\}; \}", accesses.copy_chunk),
    (r"cp\.async\.c[ag]\.shared\.global \[\$0\], \[\$1\], (\d+), \$2;", accesses.copy_async),
    (r"cp\.async\.commit_group;", accesses.copies_close),
    (r"cp\.async\.wait_group (\d+);", accesses.copies_wait),
    (r"cp\.async\.wait_all;", accesses.copies_wait_all),
    (rf"ldmatrix\.sync\.aligned\.m8n8\.x4(\.trans)?\.shared\.b16 {_PLACES}, \[\$4\+(\d+)\];", accesses.load_matrices),
    (rf"stmatrix\.sync\.aligned\.m8n8\.x4\.shared\.b16 \[\$0\], {_PLACES};", accesses.store_matrices),
    (r"bar\.warp\.sync 0xffffffff;", barriers.sync_warp),
    (r"bar\.arrive \$0, \$1;", barriers.arrive_threads),
    (r"mbarrier\.init\.shared::cta\.b64 \[\$0\], \$1;", barriers.barrier_init),
    (r"mbarrier\.arrive\.expect_tx\.shared::cta\.b64 _, \[\$0\], \$1;", barriers.barrier_expect),
    (r"mbarrier\.arrive\.shared::cta\.b64 _, \[\$0\];", barriers.barrier_arrive),
    (r"\{ .* @mine mbarrier\.arrive\.shared::cta\.b64 _, \[\$0\]; \}", barriers.barrier_arrive_if),
    (r"\{ .* mapa.* mbarrier\.arrive\.shared::cluster\.b64 _, \[there\]; \}", barriers.barrier_arrive_at),
    (r"fence\.mbarrier_init\.release\.cluster;", barriers.nothing),
    (r"fence\.proxy\.async\.shared::cta;", barriers.nothing),
    (r"setmaxnreg\.(inc|dec)\.sync\.aligned\.u32 \d+;", barriers.nothing),
    (r"prefetch\.tensormap \[\$0\];", engine.prefetch_map),
    (rf"{_INTO} \[\$0\], \[\$1, {_PLACES}\], \[\$2\];", engine.copy_in),
    (rf"\{{ .* {_INTO}\.multicast::cluster \[\$0\], \[\$1, {_PLACES}\], \[\$2\], mask; \}}", engine.copy_in),
    (
        rf"\{{ .* {_TENSOR}shared::cluster\.global\.im2col\.mbarrier::complete_tx::bytes "
        rf"\[\$0\], \[\$1, {_PLACES}\], \[\$2\], {_PLACES}; \}}",
        engine.copy_pixels_in,
    ),
    (rf"{_TENSOR}global\.shared::cta\.bulk_group \[\$0, {_PLACES}\], \[\$\d\];", engine.copy_out),
    (r"cp\.async\.bulk\.commit_group;", engine.copies_commit),
    (r"cp\.async\.bulk\.wait_group\.read (\d+);", engine.copies_wait_read),
    (r"mma\.sync\.aligned\.m16n8k\d+\.row\.col\.\w+\.(\w+)\.\w+\.\w+ .*", matrix.multiply),
    (rf"\{{ \.reg \.pred add; {_WGMMA} .*, add, 1, 1, ([01, ]+); \}}", matrix.multiply_by_text),
    (r"wgmma\.fence\.sync\.aligned;", matrix.passed),
    (r"wgmma\.commit_group\.sync\.aligned;", matrix.commit),
    (r"wgmma\.wait_group\.sync\.aligned (\d+);", matrix.wait),
]  # fmt: skip
"""What an instruction's whole text looks like, and what it does."""

WAITING: list[tuple[str, RunWaiting]] = [
    (r"bar\.sync 0;", barriers.sync_block),
    (r"bar\.sync \$0, \$1;", barriers.sync_threads),
    (r"barrier\.cluster\.arrive\.release\S*; barrier\.cluster\.wait\.acquire\S*", barriers.sync_cluster),
    (r"\{ \.reg \.pred down; .* ld\.acquire\.gpu\.global\.b32 flag, \[\$0\]; .*\}", flags.wait_for_flag),
    (r"\{ \.reg \.pred done; again: mbarrier\.try_wait\.parity\.shared::cta\.b64 done, .*\}", barriers.barrier_wait),
]  # fmt: skip
"""The same for those that may have to wait."""


def make_assembly(op: ir.Operation, builder: Builder) -> Step | Waiting:
    """``llvm.inline_asm``.

    Raises:
        UnsupportedError: an instruction that is not in the tables.
    """
    text = " ".join(ir.StringAttr(op.attributes["asm_string"]).value.split())
    operands, results = builder.slots(list(op.operands)), builder.slots(list(op.results))
    kinds = _kinds(op)
    for pattern, wait in WAITING:
        if (found := re.fullmatch(pattern, text)) is not None:
            return Waiting(partial(_wait, wait, found, operands))
    for pattern, does in INSTRUCTIONS:
        if (found := re.fullmatch(pattern, text)) is not None:
            return partial(_run, does, found, kinds, operands, results)
    raise UnsupportedError(
        f"the instruction '{text[:80]}' is not emulated",
        where=describe_location(op.location),
        hint="add it to backends/cuda/emulate/assembly.py",
    )


def _kinds(op: ir.Operation) -> tuple[ir.Type, ...]:
    if not len(op.results):
        return ()
    text = str(op.results[0].type)
    if not text.startswith("!llvm.struct<("):
        return (op.results[0].type,)
    return tuple(ir.Type.parse(part, op.context) for part in text[14:-2].split(", "))


def _wait(wait: RunWaiting, found: re.Match[str], operands: list[int], unit: Unit, active: Active) -> Wait:
    return wait(Call(unit, active, found, (), [unit.slots[slot] for slot in operands]))


def _run(
    does: Run,
    found: re.Match[str],
    kinds: tuple[ir.Type, ...],
    operands: list[int],
    results: list[int],
    unit: Unit,
    active: Active,
) -> None:
    made = does(Call(unit, active, found, kinds, [unit.slots[slot] for slot in operands]))
    for slot in results:
        unit.slots[slot] = made
