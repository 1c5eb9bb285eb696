"""The CPU's pipeline: a readable list of passes from the graph level to the LLVM dialect."""

from __future__ import annotations

from stepwell.backends.llvm.cpu import CpuModel
from stepwell.backends.llvm.lower import lowering_elements
from stepwell.passes.pipeline import Pipeline, Stage, parse_element
from stepwell.passes.stages import graph_stage, tensor_stage


def cpu_pipeline(fp: str, cpu: CpuModel, *, index_bits: int = 64, bare: bool = False) -> Pipeline:
    """All stages.

    Args:
        fp: numerics policy: ``strict``, ``contract`` or ``fast``. Strict takes no pass that rounds elsewhere than the
            model does: no folded normalisation, no fused multiply-add.
        cpu: what the schedules are made for.
        index_bits: the width of sizes and addresses.
        bare: for a machine without threads and with little stack.
    """
    graph, buffer = graph_stage(), buffer_stage(bare=bare)
    # A filter that Winograd's products take is four times as large.
    growth = "{max-growth=4.0}" if fp == "fast" else ""
    # Weights are laid out ahead of fusion, which rewrites products by the reshapes around them.
    layouts = [] if fp == "strict" else _layouts(fp, cpu)
    prepare = _stage("prepare", "tensor", "narrow-products", *layouts, f"split-prepare{growth}", "detach-prepare")
    if fp != "strict":
        graph.elements.append(parse_element("fold-batch-norm"))
        # Ahead of torch-mlir's own way with statistics.
        Pipeline([graph]).insert_after("decompose", "split-moments")
        # Ahead of the memory plan: tiles start in registers, and buffers that nobody writes any more are not planned.
        buffer.elements[1:1] = [parse_element(_convolutions(cpu)), parse_element(_contractions(fp, cpu))]
    buffer.elements += [parse_element(text) for text in _rows(fp, cpu)]
    return Pipeline(
        [
            graph,
            tensor_stage(rows=True),
            prepare,
            _stage("schedule", "tensor", *_schedule(fp, cpu)),
            buffer,
            _stage("llvm", "backend", *lowering_elements(fp, cpu.fma, index_bits=index_bits, threads=not bare)),
        ]
    )


def buffer_stage(*, bare: bool = False) -> Stage:
    """From tensors to memory: buffers, one arena, one parameter buffer, outputs from the caller.

    Where memory is scarce and one thread runs everything, temporaries of loops are in the arena too.
    """
    return _stage(
        "buffer",
        "buffer",
        "bufferize",
        "fuse-rows",
        *(["scf-forall-to-for", "plan-memory{stack-limit=0}"] if bare else ["plan-memory{dynamic=true}"]),
        "free-buffers",
        "place-parameters",
        "bind-outputs",
        "canonicalize",
        "cse",
    )


def _schedule(fp: str, cpu: CpuModel) -> list[str]:
    """Fused, and in blocks where rows are read as columns: rows of a power of two share one set of the cache."""
    # The quotient of a softmax is taken behind the product, which rounds elsewhere than the model does.
    attention = f"fuse-attention{{near={cpu.l1_bytes} scratch={cpu.l2_bytes}}}"
    softmax = [] if fp == "strict" else ["flush-softmax", attention]
    if softmax and cpu.fma:
        softmax.append("share-reciprocal")
    tiled = "tile{across=16 loop=forall ops=linalg.generic}"
    return ["fuse", *softmax, tiled, "math-expand-ops{ops=fpowi}", "canonicalize", "cse"]


def _layouts(fp: str, cpu: CpuModel) -> list[str]:
    """Weights in panels, images with channels last, and filters packed by two vectors of them."""
    lanes = 2 * max(4, cpu.vector_bits // 32)
    winograd = f"winograd-convolutions{{vector-bits={16 * lanes} l2={cpu.l2_bytes}}}"
    return [
        f"matmul-to-matvec{{least={max(4, cpu.vector_bits // 32)}}}",
        "propagate-layouts",
        "canonicalize",
        "cse",
        *([winograd] if fp == "fast" else []),
        f"pack{{vector-bits={cpu.vector_bits} registers={cpu.registers}{_narrow(fp, cpu)}}}",
        f"pack-convolutions{{lanes={lanes}}}",
        "canonicalize",
        "cse",
    ]


def _convolutions(cpu: CpuModel) -> str:
    bits = max(128, cpu.vector_bits)
    return f"vectorize-convolutions{{registers={cpu.registers} vector-bits={bits} l2={cpu.l2_bytes}}}"


def _contractions(fp: str, cpu: CpuModel) -> str:
    sizes = f"registers={cpu.registers} vector-bits={cpu.vector_bits} l2={cpu.l2_bytes}"
    return f"vectorize-contractions{{{sizes}{_narrow(fp, cpu)}}}"


def _narrow(fp: str, cpu: CpuModel) -> str:
    """What multiplies narrow numbers; tiles of bf16 take subnormal numbers for zero."""
    tiles = [kind for kind in cpu.tiles if kind != "bf16" or fp == "fast"]
    dots = f" dots={','.join(cpu.dots)}" if cpu.dots else ""
    return dots + (f" tiles={','.join(tiles)}" if tiles else "")


def _rows(fp: str, cpu: CpuModel) -> list[str]:
    reassociate = "false" if fp == "strict" else "true"
    compare = str(not cpu.maximum and fp != "fast").lower()
    return [
        f"vectorize-transposes{{vector-bits={cpu.vector_bits}}}",
        f"vectorize-rows{{vector-bits={cpu.vector_bits} compare={compare} reassociate={reassociate}}}",
    ]


def _stage(name: str, level: str, *elements: str) -> Stage:
    return Stage(name, level, [parse_element(element) for element in elements])
