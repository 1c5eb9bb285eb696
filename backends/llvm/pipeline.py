"""The CPU's pipeline: a readable list of passes from the graph level to the LLVM dialect."""

from __future__ import annotations

from stepwell.backends.llvm.lower import lowering_elements
from stepwell.frontend.stages import graph_stage, tensor_stage
from stepwell.passes.pipeline import Pipeline, Stage, parse_element


def cpu_pipeline(fp: str) -> Pipeline:
    """All stages.

    Args:
        fp: numerics policy: ``strict``, ``contract`` or ``fast``.
    """
    graph = graph_stage()
    if fp != "strict":  # folding rounds elsewhere than the model does
        graph.elements.append(parse_element("fold-batch-norm"))
    return Pipeline(
        [
            graph,
            tensor_stage(),
            _stage("prepare", "tensor", "split-prepare", "detach-prepare"),
            buffer_stage(),
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


def backend_stage(fp: str) -> Stage:
    """From loops to the LLVM dialect."""
    return _stage("llvm", "backend", *lowering_elements(fp))


def _stage(name: str, level: str, *elements: str) -> Stage:
    return Stage(name, level, [parse_element(element) for element in elements])
