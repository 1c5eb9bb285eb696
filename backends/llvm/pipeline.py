"""The CPU's pipeline: a readable list of passes from the graph level to the LLVM dialect."""

from __future__ import annotations

from stepwell.backends.llvm.cpu import CpuModel
from stepwell.backends.llvm.lower import lowering_elements
from stepwell.passes.pipeline import Pipeline, Stage, parse_element
from stepwell.passes.stages import graph_stage, tensor_stage


def cpu_pipeline(fp: str, cpu: CpuModel) -> Pipeline:
    """All stages.

    Args:
        fp: numerics policy: ``strict``, ``contract`` or ``fast``. Strict takes no pass that rounds elsewhere than the
            model does: no folded normalisation, no fused multiply-add.
        cpu: what the schedules are made for.
    """
    graph, schedule = graph_stage(), _stage("schedule", "tensor", "fuse", "canonicalize", "cse")
    buffer = buffer_stage()
    if fp != "strict":
        graph.elements.append(parse_element("fold-batch-norm"))
        # Ahead of fusion, which rewrites products by the reshapes around them.
        schedule.elements.insert(0, parse_element(f"pack{{vector-bits={cpu.vector_bits} registers={cpu.registers}}}"))
        schedule.elements.append(parse_element("pack-convolutions"))
        # Ahead of the memory plan: tiles start in registers, and buffers that nobody writes any more are not planned.
        buffer.elements.insert(1, parse_element(_contractions(cpu)))
    return Pipeline(
        [
            graph,
            tensor_stage(),
            schedule,
            _stage("prepare", "tensor", "split-prepare", "detach-prepare"),
            buffer,
            backend_stage(fp),
        ]
    )


def buffer_stage() -> Stage:
    """From tensors to memory: buffers, one arena, one parameter buffer, outputs from the caller."""
    return _stage(
        "buffer",
        "buffer",
        "bufferize",
        "plan-memory",
        "free-buffers",
        "place-parameters",
        "bind-outputs",
        "canonicalize",
        "cse",
    )


def _contractions(cpu: CpuModel) -> str:
    return f"vectorize-contractions{{registers={cpu.registers} vector-bits={cpu.vector_bits} l2={cpu.l2_bytes}}}"


def backend_stage(fp: str) -> Stage:
    """From loops to the LLVM dialect."""
    return _stage("llvm", "backend", *lowering_elements(fp))


def _stage(name: str, level: str, *elements: str) -> Stage:
    return Stage(name, level, [parse_element(element) for element in elements])
