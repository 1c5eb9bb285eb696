"""Code for a machine without an operating system: one static library of code and weights, and its header."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch_mlir import ir

from stepwell.backends.base import Code, Lowered
from stepwell.backends.llvm.bare.archive import make_static_library
from stepwell.backends.llvm.bare.elf import read_symbols
from stepwell.backends.llvm.bare.entries import bare_entries, entry_symbol, parameter_module
from stepwell.backends.llvm.bare.header import PARAMETERS, bare_header
from stepwell.backends.llvm.codegen import compile_text, generate
from stepwell.backends.llvm.cpu import Cpu
from stepwell.backends.llvm.describe import read_entries, read_layout
from stepwell.passes.buffer.lower_assert import HANDLER
from stepwell.support.errors import UnsupportedError
from stepwell.support.locations import describe_location
from stepwell.support.signature import Signature
from stepwell.support.walk import named, operations

CODE, LIBRARY, HEADER = "model.o", "model.a", "model.h"
_WEIGHTS = "parameters.o"
_ALLOCATION = "_mlir_memref_to_llvm_aligned_alloc"


def emit_bare(lowered: Lowered, cpu: Cpu) -> Code:
    """The object and the header.

    Raises:
        UnsupportedError: the program needs memory whose size only a run tells, or checks that this CPU has no way for.
    """
    _check_results(lowered.signatures)
    _check_memory(lowered.module.operation)
    called = _called(lowered.module.operation)
    assertions = HANDLER in called
    if assertions and not cpu.is_arm:
        raise UnsupportedError(
            f"the program checks values as it runs, which needs an Arm without an operating system, not '{cpu.arch}'",
            where=describe_location(called[HANDLER].location),
        )
    entries = read_entries(lowered.module)
    layout = read_layout(lowered.module)
    sizes = [arguments.parameters for arguments in entries.values() if arguments.parameters is not None]
    made = generate(
        lowered.module,
        cpu,
        opt_level=lowered.target.integer("opt", 3),
        extra=[bare_entries(entries, lowered.signatures, cpu.index_bits, assertions=assertions)],
        exports=[entry_symbol(name) for name in entries],
        formats=["o", *(form for form in ("ll", "s") if form in lowered.forms)],
    )
    code = made.pop("o")
    header = bare_header(
        entries,
        lowered.signatures,
        cpu,
        parameter_bytes=max(sizes, default=0),
        undefined=read_symbols(code).undefined,
        assertions=assertions,
    )
    arenas = {name: arguments.arena or 0 for name, arguments in entries.items()}
    facts: dict[str, Any] = {"triple": cpu.triple, "cpu": cpu.name, "features": list(cpu.needed)}
    facts |= {"arena_bytes": arenas, "parameter_bytes": max(sizes, default=0)}
    return Code({CODE: code, HEADER: header.encode()}, facts, layout, forms=made)


def bare_library(code: bytes, cpu: Cpu, weights: bytes) -> bytes:
    """A static library of ``code`` and of the weights, in an object of their own."""
    members = {CODE: code}
    if weights:
        text = parameter_module(weights, PARAMETERS)
        members[_WEIGHTS] = compile_text(text, cpu, exports=[PARAMETERS])
    return make_static_library(members)


def _check_results(signatures: Mapping[str, Signature]) -> None:
    for signature in signatures.values():
        for spec in signature.results:
            if any(not isinstance(size, int) for size in spec.shape):
                raise UnsupportedError(
                    f"result '{spec}' has a size that only a run tells, and a caller without a heap can't wait for it",
                    hint="return a tensor of fixed size, and how much of it counts",
                )


def _check_memory(module: ir.Operation) -> None:
    for op in operations(module):
        if op.name == "llvm.call" and _callee(op) == _ALLOCATION:
            raise UnsupportedError(
                "a buffer that is not in the arena needs a heap, which a machine without an operating system lacks",
                where=describe_location(op.location),
                hint="its size depends on data, or each step of a loop hands one on: leave that part of the model out",
            )


def _called(module: ir.Operation) -> dict[str, ir.Operation]:
    """Symbol -> a call of it."""
    return {_callee(op): op for op in named(module, "llvm.call")}


def _callee(op: ir.Operation) -> str:
    return ir.FlatSymbolRefAttr(op.attributes["callee"]).value if "callee" in op.attributes else ""
