"""The target ``cuda``: chains of elementwise operators as PTX, and as a cubin where there is an assembler."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from torch_mlir import ir

from stepwell.backends.base import Backend, Capabilities, Code, Lowered, Runnable
from stepwell.backends.cuda.cpp.file import print_cuda
from stepwell.backends.cuda.pipeline import CudaOptions, cuda_pipeline
from stepwell.backends.cuda.plan import Plan
from stepwell.backends.cuda.ptx import PTX_VERSIONS, generate_ptx
from stepwell.backends.cuda.toolkit import assemble, libdevice, ptxas
from stepwell.backends.target import Target
from stepwell.passes.pipeline import Pipeline
from stepwell.passes.schedules.book import Schedules
from stepwell.passes.schedules.database import read_database
from stepwell.support.errors import CodegenError, Error, UsageError
from stepwell.support.parameter_file import aligned_layout
from stepwell.support.signature import Signature

_DTYPES = frozenset({"i1", "i8", "ui8", "i16", "i32", "i64", "f8E4M3FN", "f8E5M2", "f16", "bf16", "f32", "f64"})
_PTX, _CUBIN = "model.ptx", "model.cubin"
_MOST_THREADS = 1024


class CudaBackend(Backend):
    """Compiles without a GPU; running needs NVIDIA's driver."""

    name: ClassVar[str] = "cuda"
    summary: ClassVar[str] = "PTX and cubin for NVIDIA GPUs"
    options: ClassVar[Mapping[str, str]] = {
        "arch": f"the architecture: {', '.join(PTX_VERSIONS)} (default sm_90a)",
        "threads": "threads of a block, a multiple of 32 (default 256)",
        "plain": "true for kernels of one thread an element, which need no emulator to be checked (default false)",
        "math": "libdevice for NVIDIA's functions and exact quotients in place of own ones (default own)",
        "tf32": "true for products of f32 on tensor cores, which round them to 10 bits of fraction (default false)",
        "schedules": "a file with schedules that stepwell tune found, or that were written by hand",
        "libraries": "cublaslt for products by NVIDIA's library, to compare with (default none)",
        "fp": "strict, contract (default: fused multiply-add) or fast",
    }
    kept_stage: ClassVar[str] = "prepare"  # weights are prepared by then: what follows shapes kernels alone
    code_forms: ClassVar[tuple[str, ...]] = ("ptx", "cubin")
    printed_forms: ClassVar[Mapping[str, str]] = {"cu": "kernel"}

    def resolve(self, target: Target) -> Target:
        super().resolve(target)
        arch = target.choice("arch", PTX_VERSIONS, "sm_90a")
        fp = target.choice("fp", ("strict", "contract", "fast"), "contract")
        threads = target.integer("threads", 256)
        if threads % 32 or not 32 <= threads <= _MOST_THREADS:
            raise UsageError(f"a block of {threads} threads is not possible", hint="take a multiple of 32 up to 1024")
        plain = target.choice("plain", ("false", "true"), "false")
        libraries = target.choice("libraries", ("none", "cublaslt"), "none")
        math = target.choice("math", ("own", "libdevice"), "own")
        options = {"libraries": libraries} if libraries != "none" else {}
        options |= {"schedules": target.options["schedules"]} if "schedules" in target.options else {}
        options |= {"math": math} if math != "own" else {}
        if target.choice("tf32", ("false", "true"), "false") == "true":
            if fp == "strict":
                raise UsageError("fp=strict computes products of f32 in f32", hint="leave out fp=strict or tf32=true")
            options |= {"tf32": "true"}
        return Target(self.name, arch=arch, fp=fp, threads=threads, plain=plain, **options)

    def capabilities(self, target: Target) -> Capabilities:
        return Capabilities(_DTYPES)

    def schedules(self, target: Target) -> Schedules:
        arch, file = target.get("arch", "sm_90a"), target.get("schedules")
        return Schedules(read_database(Path(file)).entries if file else (), arch)

    def pipeline(self, target: Target) -> Pipeline:
        options = CudaOptions(
            target.get("fp", "contract"),
            target.get("arch", "sm_90a"),
            target.integer("threads", 256),
            plain=target.get("plain", "false") == "true",
            library=target.get("libraries", "none") == "cublaslt",
            libdevice=target.get("math", "own") == "libdevice",
            tf32=_tf32(target),
        )
        return cuda_pipeline(options)

    def coarsest(self, target: Target) -> str | None:
        return "tf32" if _tf32(target) else None

    def emit(self, lowered: Lowered) -> Code:
        attributes = lowered.module.operation.attributes
        if "stepwell.launches" not in attributes:
            raise CodegenError("the module has no launch plan", hint="run plan-launches behind gpu-kernel-outlining")
        plans = json.loads(ir.StringAttr(attributes["stepwell.launches"]).value)
        arch = lowered.target.get("arch")
        ptx = generate_ptx(lowered.module, arch)
        files = {_PTX: ptx.encode()}
        cubin = assemble(ptx, arch)
        if cubin is not None:
            files[_CUBIN] = cubin
        names = {
            buffer["name"]: None
            for plan in plans.values()
            for buffer in plan["buffers"]
            if buffer["kind"] == "parameter"
        }
        states = [state.name for signature in lowered.signatures.values() for state in signature.states]
        names |= {f"state:{name}": None for name in states}
        return Code(files, {"arch": arch, "launches": plans}, aligned_layout(lowered.parameters, names))

    def code_form(self, code: Code, form: str) -> bytes:
        file = f"model.{form}"
        if file == _CUBIN and _CUBIN not in code.files:
            raise UsageError("there is no cubin without ptxas", hint="pip install 'stepwell[cuda]'")
        return code.files[file]

    def print_form(self, module: ir.Operation, form: str) -> str:
        return print_cuda(module)

    def load(
        self, code: Code, signatures: dict[str, Signature], parameter_file: Path, folder: Path | None = None
    ) -> Runnable:
        from stepwell.backends.cuda.runnable import CudaRunnable

        plans = {entry: Plan.from_data(data) for entry, data in code.facts["launches"].items()}
        arch = code.facts["arch"]
        return CudaRunnable(code.files[_PTX], arch, plans, signatures, parameter_file, cubin=code.files.get(_CUBIN))

    def doctor(self) -> list[tuple[str, bool, str]]:
        from stepwell.backends.cuda.driver import default_driver

        tool = ptxas()
        rows = [("ptxas", tool is not None, str(tool) if tool else "pip install 'stepwell[cuda]'")]
        probes: list[tuple[str, Callable[[], str]]] = [
            ("libdevice", lambda: str(libdevice())),
            ("GPU", lambda: default_driver().name),
        ]
        for what, probe in probes:
            try:
                rows.append((what, True, probe()))
            except Error as error:
                rows.append((what, False, error.hint or error.what))
        return rows


def _tf32(target: Target) -> bool:
    return target.get("tf32", "false") == "true"
