"""How threads move 16 bytes at a time between global and shared memory, without a copy engine."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels.global_memory import copy_async
from stepwell.backends.cuda.kernels.instructions import ptx
from stepwell.backends.cuda.kernels.word import Word, select

CHUNK = 16
"""Bytes of an access."""


def copy_in(target: Word, source: ir.Value, there: ir.Value) -> None:
    """Copy 16 bytes from address ``source`` (``i64``) to shared memory in the background; zeros unless ``there``."""
    copy_async(target, source, CHUNK, select(there, CHUNK, 0))


def copies_wait() -> None:
    """Wait until all of the thread's copies are done."""
    ptx("cp.async.wait_all;", "~{memory}")


def copy_out(target: ir.Value, source: Word, wanted: ir.Value) -> None:
    """Copy 16 bytes of shared memory to address ``target`` (``i64``) where ``wanted``."""
    text = (
        "{ .reg .pred wanted; .reg .b32 a, b, c, d; setp.ne.b32 wanted, $2, 0; "
        "@wanted ld.shared.v4.b32 {a, b, c, d}, [$1]; @wanted st.global.v4.b32 [$0], {a, b, c, d}; }"
    )
    ptx(text, "l,r,r,~{memory}", [target, source.value, arith.extui(ir.IntegerType.get_signless(32), wanted)])
