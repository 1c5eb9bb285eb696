"""The target ``cpu``: machine code through the LLVM dialect and llvmlite.

What makes code is imported where it is made: to load code, from an artifact or the cache, takes none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from stepwell.backends.base import Backend, Capabilities, Code, Lowered, Runnable
from stepwell.backends.llvm.cpu import Cpu, check_machine, host
from stepwell.backends.llvm.cpu_levels import resolve_levels, schedule_cpu_text, schedule_model
from stepwell.backends.llvm.foreign_runtime import runtime_archive
from stepwell.backends.llvm.link import OBJECT, link_shared, make_archive, objects_of
from stepwell.backends.llvm.runnable import CpuRunnable, ForeignRunnable
from stepwell.backends.llvm.toolchain import find_compiler, find_toolchain
from stepwell.backends.target import Target
from stepwell.passes.pipeline import Pipeline
from stepwell.passes.schedules.book import Schedules
from stepwell.support import native
from stepwell.support.errors import ArtifactError, Error, UsageError
from stepwell.support.parameter_file import read_data
from stepwell.support.signature import Signature
from stepwell.support.threads import MOST_THREADS

_DTYPES = frozenset({"i1", "i8", "ui8", "i16", "i32", "i64", "f8E4M3FN", "f8E5M2", "f16", "bf16", "f32", "f64"})
_LIBRARY = "model.so"
_CROSS = ("aarch64-linux-gnu", "riscv64-linux-gnu")  # what doctor looks for; others work as well


class CpuBackend(Backend):
    """Compiles for the host, or ahead of time for the CPU that the options name."""

    name: ClassVar[str] = "cpu"
    summary: ClassVar[str] = "machine code through LLVM"
    options: ClassVar[Mapping[str, str]] = {
        "triple": "architecture-vendor-system; the host's by default",
        "cpu": "a CPU as LLVM names it, or several in one library: x86-64-v2+v3+v4; host by default",
        "features": "features to add or take away: avx2,-avx512f",
        "fp": "strict, contract (default: fused multiply-add, reassociated reductions) or fast",
        "opt": "LLVM's optimisation level, 0 to 3 (default 3)",
        "threads": "threads for the loops of this model; by default as many as stepwell.set_threads says",
        "schedules": "a file with schedules that stepwell tune found",
        "profile": "true: code that times its loop nests, for stepwell profile",
    }
    kept_stage: ClassVar[str] = "prepare"  # weights are prepared by then: what follows shapes code alone
    beside_torch: ClassVar[bool] = True
    code_forms: ClassVar[tuple[str, ...]] = ("ll", "s", "o", "a", "so")

    def resolve(self, target: Target) -> Target:
        super().resolve(target)
        cpu, *better = resolve_levels(target)
        target.choice("fp", ("strict", "contract", "fast"), "contract")
        target.choice("opt", ("0", "1", "2", "3"), "3")
        target.choice("profile", ("true", "false"), "false")
        if not 0 <= target.integer("threads", 0) <= MOST_THREADS:
            raise UsageError(
                f"threads={target.get('threads')} can't be had", hint=f"0 (all cores) to {MOST_THREADS} threads can"
            )
        _check_place(cpu, better, target)
        explicit = {"triple": cpu.triple, "cpu": cpu.name, "features": cpu.feature_text}
        if better:  # each has features of its own, which its name implies
            explicit = {"triple": cpu.triple, "cpu": "+".join(level.name for level in [cpu, *better])}
        return Target(self.name, **{**target.options, **explicit})

    def capabilities(self, target: Target) -> Capabilities:
        bare = resolve_levels(target)[0].bare
        return Capabilities(_DTYPES, dynamic_shapes=not bare, states=not bare)

    def pipeline(self, target: Target) -> Pipeline:
        from stepwell.backends.llvm.pipeline import cpu_pipeline

        levels = resolve_levels(target)
        place = levels[0]
        pipeline = cpu_pipeline(
            target.get("fp", "contract"), schedule_model(levels), index_bits=place.index_bits, bare=place.bare
        )
        if target.get("profile") == "true":
            pipeline.insert_before("declare-entries", "instrument")
        return pipeline

    def schedules(self, target: Target) -> Schedules:
        cpu, file = schedule_cpu_text(resolve_levels(target)), target.get("schedules")
        if not file:
            return Schedules((), cpu)
        from stepwell.passes.schedules.database import read_database

        return Schedules(read_database(Path(file)).entries, cpu)

    def emit(self, lowered: Lowered) -> Code:
        from stepwell.backends.llvm.emit import emit_code

        return emit_code(lowered)

    def package(self, code: Code, parameter_file: Path) -> Code:
        cpu = _cpu_of(code)
        if cpu.bare:
            from stepwell.backends.llvm.bare.emit import CODE, HEADER, LIBRARY, bare_library

            weights = read_data(parameter_file) if code.facts["parameter_bytes"] else b""
            library = bare_library(code.files[CODE], cpu, weights)
            return Code({LIBRARY: library, HEADER: code.files[HEADER]}, code.facts, code.layout)
        # Shared libraries are made for Linux; an artifact for another system keeps the object, for its own linker.
        if _LIBRARY in code.files or "linux" not in cpu.triple:
            return code
        library = link_shared(objects_of(code.files), runtime_archive(cpu), cpu)
        return Code({_LIBRARY: library}, code.facts, code.layout)

    def code_form(self, code: Code, form: str) -> bytes:
        if form == "o":
            return code.files[OBJECT]
        if form in ("a", "so"):
            cpu = _cpu_of(code)
            if cpu.bare:  # the artifact's own library is there already
                raise UsageError(f"there is no '{form}' for '{cpu.triple}'", hint="it has o, ll, s and model.a")
            make = make_archive if form == "a" else link_shared
            return make(objects_of(code.files), runtime_archive(cpu), cpu)
        return super().code_form(code, form)

    def load(
        self, code: Code, signatures: dict[str, Signature], parameter_file: Path, folder: Path | None = None
    ) -> Runnable:
        try:
            check_machine(_cpu_of(code))
            if _cpu_of(code).bare:
                raise ArtifactError(
                    "the code is for a machine without an operating system", hint="link it with a program"
                )
        except ArtifactError as refusal:
            if folder is not None:
                raise
            return ForeignRunnable(refusal)
        if folder is not None and _LIBRARY in code.files:
            return CpuRunnable.from_library(folder / _LIBRARY, signatures, parameter_file)
        return CpuRunnable.from_objects(objects_of(code.files), signatures, parameter_file)

    def doctor(self) -> list[tuple[str, bool, str]]:
        rows = [("processor", True, f"{host().name}, needs of code made here: {' '.join(host().needed)}")]
        probes: list[tuple[str, Callable[[], str]]] = [
            ("linker", lambda: " ".join(find_compiler())),
            ("runtime", lambda: str(native.archive())),
            *((f"linker for {triple}", partial(_cross_linker, triple)) for triple in _CROSS if triple != _here()),
        ]
        for what, probe in probes:
            try:
                rows.append((what, True, probe()))
            except Error as error:
                rows.append((what, False, error.hint or error.what))
        return rows


def _check_place(cpu: Cpu, better: Sequence[Cpu], target: Target) -> None:
    """Refuse what the place that code is made for can't have."""
    if cpu.index_bits == 32 and not cpu.bare:
        raise UsageError(
            f"'{cpu.triple}' has 32-bit pointers and an operating system",
            hint="code for 32 bits is made without one, for example triple=thumbv7em-none-eabi",
        )
    if cpu.bare and (better or target.get("profile") == "true"):
        what = "times its loops" if target.get("profile") == "true" else "chooses among CPUs"
        raise UsageError(f"code for '{cpu.triple}' can't be such that {what}", hint="nothing there tells it")


def _cross_linker(triple: str) -> str:
    return " ".join(find_toolchain(Cpu(triple, "generic")).cc)


def _here() -> str:
    return f"{host().arch}-linux-gnu"


def _cpu_of(code: Code) -> Cpu:
    facts = code.facts
    return Cpu(facts["triple"], facts["cpu"], tuple(f"+{feature}" for feature in facts["features"]))
