"""LLVM at work in several threads: llvmlite holds one lock over all of its calls, what takes long goes around it.

LLVM asks only that a context, and what was made in it, is used by one thread at a time.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import llvmlite.binding as llvm
from llvmlite.binding import ffi

S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True)
class Scope:
    """A context of LLVM and the modules in it."""

    context: llvm.ContextRef
    _owned: ExitStack

    def own(self, module: llvm.ModuleRef) -> llvm.ModuleRef:
        """``module``, which goes when the scope ends."""
        self._owned.callback(module.close)
        return module

    def parse(self, text: str) -> llvm.ModuleRef:
        """The module of ``text``.

        Raises:
            RuntimeError: LLVM does not parse it.
        """
        with ffi.OutputString() as message:
            pointer = _unlocked("LLVMPY_ParseAssembly")(self.context, ctypes.c_char_p(text.encode()), message)
            module = llvm.ModuleRef(pointer, self.context)
            if message:
                module.close()
                raise RuntimeError(f"LLVM IR parsing error\n{message}")
        return self.own(module)


@contextmanager
def scope() -> Iterator[Scope]:
    """A fresh context. Modules are gone before it; the garbage collector would not keep that order."""
    with ExitStack() as owned:
        context = llvm.create_context()
        owned.callback(context.close)
        yield Scope(context, owned)


def optimise(module: llvm.ModuleRef, machine: llvm.TargetMachine, level: int) -> None:
    """What LLVM does at ``-O`` of ``level``."""
    tuning = llvm.create_pipeline_tuning_options(speed_level=level)
    if level >= 2:
        tuning.loop_vectorization = tuning.slp_vectorization = tuning.loop_interleaving = True
    # Unrolling is the schedules' business: LLVM's took 109 s where 3 s do, on a two-layer transformer of static shape.
    tuning.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, tuning)
    _unlocked("LLVMPY_RunNewModulePassManager")(builder.getModulePassManager(), module, builder)


def settle(module: llvm.ModuleRef, machine: llvm.TargetMachine) -> None:
    """Let functions know what all their callers give them, and drop what nobody uses."""
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_ipsccp_pass()
    passes.add_dead_arg_elimination_pass()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))


def emit_object(module: llvm.ModuleRef, machine: llvm.TargetMachine) -> bytes:
    """The object of ``module``, which emission changes.

    Raises:
        RuntimeError: LLVM has no code for it.
    """
    with ffi.OutputString() as message:
        buffer = _unlocked("LLVMPY_TargetMachineEmitToMemory")(machine, module, 1, message)
        if not buffer:
            raise RuntimeError(str(message))
    try:
        return ctypes.string_at(ffi.lib.LLVMPY_GetBufferStart(buffer), ffi.lib.LLVMPY_GetBufferSize(buffer))
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)


def in_threads(work: Callable[[S], T], items: Sequence[S]) -> list[T]:
    """``work`` of each item in their order, on as many cores as there are; the first error when all have ended.

    The threads don't keep the process alive: LLVM can't be stopped.
    """
    left, results, failures = list(enumerate(items)), dict[int, T](), dict[int, BaseException]()

    def body() -> None:
        while left and not failures:
            try:
                number, item = left.pop(0)
            except IndexError:  # another thread was faster
                return
            try:
                results[number] = work(item)
            except BaseException as error:
                failures[number] = error

    threads = [threading.Thread(target=body, daemon=True) for _ in range(min(len(left), _cores()))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[min(failures)]
    return [results[number] for number in range(len(items))]


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@cache
def _unlocked(name: str) -> Any:
    """llvmlite's function ``name`` without the lock."""
    locked, function = getattr(ffi.lib, name), ctypes.CDLL(ffi.lib._name)[name]
    function.argtypes, function.restype = locked.argtypes, locked.restype
    return function
