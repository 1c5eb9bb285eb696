"""What this machine can do at most: floating-point operations and memory traffic, measured by loops of our own."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import llvmlite.binding as llvm
import numpy as np

from stepwell.backends.llvm.codegen import target_machine
from stepwell.backends.llvm.cpu import cpu_model, host
from stepwell.backends.llvm.link import LoadedObject

# Independent chains of multiply-adds: enough for two units of a latency of five cycles.
_CHAINS = 12

# Bytes of each of the three arrays of a stream: beyond what a core gets of any cache, and within its own.
_MEMORY_BYTES, _CACHE_BYTES = 128 << 20, 64 << 10

# Tries are short, so that one falls between what else the machine does.
_SECONDS, _ALL_TRIES, _LEAST_TRIES = 0.005, 0.25, 5


@dataclass(frozen=True)
class Peaks:
    """The machine's roof, with ``threads`` threads at once.

    Attributes:
        flops: float32 operations a second of a loop of fused multiply-adds in registers.
        memory: bytes a second of ``a = b + s * c`` over arrays of 128 MiB; 12 bytes an element.
        cache: the same over arrays of 64 KiB.
    """

    threads: int
    flops: float
    memory: float
    cache: float


def measure_peaks(threads: int = 1) -> Peaks:
    """Measure for about a second; the best of several tries counts. Needs 384 MiB of memory a thread."""
    lanes = cpu_model(host()).vector_bits // 32
    code = LoadedObject([_compile(lanes)], {}, exports=("multiply_add", "triad"))
    multiply_add = ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_int64)(code.address("multiply_add"))
    triad = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(
        code.address("triad")
    )
    flops = _rate([lambda n: multiply_add(n)] * threads, 2 * lanes * _CHAINS)
    rates = []
    for size in (_MEMORY_BYTES, _CACHE_BYTES):
        arrays = [[np.ones(size // 4, np.float32) for _ in range(3)] for _ in range(threads)]
        loops = [_stream(triad, three) for three in arrays]
        rates.append(_rate(loops, 3 * size))
    return Peaks(threads, flops, *rates)


def _stream(triad: Callable[..., None], arrays: Sequence[np.ndarray]) -> Callable[[int], object]:
    pointers = [array.ctypes.data for array in arrays]
    return lambda repeats: triad(*pointers, len(arrays[0]), repeats)


def _rate(loops: Sequence[Callable[[int], object]], work: int) -> float:
    """Work a second, where one turn of each loop does ``work``; the loops run at once, each in a thread."""
    turns = 1
    while (seconds := _together(loops, turns)) < _SECONDS:
        turns *= 2 if seconds > _SECONDS / 8 else 8
    tries: list[float] = []
    while sum(tries) < _ALL_TRIES or len(tries) < _LEAST_TRIES:
        tries.append(_together(loops, turns))
    return work * turns * len(loops) / min(tries)


def _together(loops: Sequence[Callable[[int], object]], turns: int) -> float:
    if len(loops) == 1:
        start = time.perf_counter()
        loops[0](turns)
        return time.perf_counter() - start
    gate = threading.Barrier(len(loops) + 1)

    def body(loop: Callable[[int], object]) -> None:
        gate.wait()
        loop(turns)  # the interpreter's lock is free while native code runs

    workers = [threading.Thread(target=body, args=(loop,)) for loop in loops]
    for worker in workers:
        worker.start()
    gate.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    return time.perf_counter() - start


def _compile(lanes: int) -> bytes:
    machine = target_machine(host())
    context = llvm.create_context()
    try:
        module = llvm.parse_assembly(_multiply_add(lanes) + _triad(lanes), context)
        module.triple = machine.triple
        module.data_layout = str(machine.target_data)
        code = bytes(machine.emit_object(module))
        module.close()
        return code
    finally:
        context.close()


def _multiply_add(lanes: int) -> str:
    """``float multiply_add(int64_t turns)``: each turn one fused multiply-add in each of the chains."""
    vector = f"<{lanes} x float>"
    chains = range(_CHAINS)
    start = "\n".join(f"  %x{i} = phi {vector} [ splat (float {i}.0), %entry ], [ %y{i}, %loop ]" for i in chains)
    body = "\n".join(
        f"  %y{i} = call {vector} @llvm.fma.v{lanes}f32({vector} %x{i}, {vector} splat (float 0.5), "
        f"{vector} splat (float 1.0))"
        for i in chains
    )
    total = "\n".join(f"  %s{i} = fadd {vector} {'%y0' if i == 1 else f'%s{i - 1}'}, %y{i}" for i in range(1, _CHAINS))
    return f"""
declare {vector} @llvm.fma.v{lanes}f32({vector}, {vector}, {vector})

define float @multiply_add(i64 %turns) {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
{start}
{body}
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %turns
  br i1 %more, label %loop, label %done
done:
{total}
  %result = extractelement {vector} %s{_CHAINS - 1}, i32 0
  ret float %result
}}
"""


def _triad(lanes: int) -> str:
    """``void triad(float *a, float *b, float *c, int64_t n, int64_t turns)``: a = b + 0.5 c, ``turns`` times."""
    vector, step = f"<{lanes} x float>", 4 * lanes
    parts = "\n".join(
        f"""  %j{u} = add i64 %j, {u * lanes}
  %b{u} = getelementptr float, ptr %b, i64 %j{u}
  %c{u} = getelementptr float, ptr %c, i64 %j{u}
  %a{u} = getelementptr float, ptr %a, i64 %j{u}
  %vb{u} = load {vector}, ptr %b{u}, align 4
  %vc{u} = load {vector}, ptr %c{u}, align 4
  %va{u} = call {vector} @llvm.fma.v{lanes}f32({vector} %vc{u}, {vector} splat (float 0.5), {vector} %vb{u})
  store {vector} %va{u}, ptr %a{u}, align 4"""
        for u in range(4)
    )
    return f"""
define void @triad(ptr %a, ptr %b, ptr %c, i64 %n, i64 %turns) {{
entry:
  br label %outer
outer:
  %turn = phi i64 [ 0, %entry ], [ %turned, %ended ]
  br label %loop
loop:
  %j = phi i64 [ 0, %outer ], [ %further, %loop ]
{parts}
  %further = add i64 %j, {step}
  %more = icmp slt i64 %further, %n
  br i1 %more, label %loop, label %ended
ended:
  %turned = add i64 %turn, 1
  %again = icmp slt i64 %turned, %turns
  br i1 %again, label %outer, label %done
done:
  ret void
}}
"""
