"""The pipeline of target ``cuda``: fuse a chain of elementwise operations, one thread an element, down to NVVM."""

from __future__ import annotations

from stepwell.passes.pipeline import Pipeline, Stage, parse_element
from stepwell.passes.stages import graph_stage, tensor_stage

FUSE = ("linalg-fuse-elementwise-ops", "canonicalize", "cse")

#: Each fused operation is one parallel loop over its elements: still loops on memory, so the interpreter can run it.
#: No canonicalize behind it: that would take the loop around a single element away.
ELEMENTS = ("bufferize", "flatten-elementwise", "cse")

#: From loops to kernels; gpu-to-loops would take the result back to loops.
KERNELS = ("gpu-launch-sink-index-computations", "gpu-kernel-outlining", "canonicalize", "cse")

#: From kernels to the NVVM dialect. bf16 and f16 arithmetic has instructions, their math functions have not.
NVVM = (
    "plan-launches",
    "gpu.module("
    "math-extend-to-supported-types{target-type=f32 extra-types=f64},"
    "expand-strided-metadata,lower-affine,convert-scf-to-cf,"
    "convert-gpu-to-nvvm{index-bitwidth=64},"
    "canonicalize,cse,convert-nvvm-to-llvm,reconcile-unrealized-casts)",
)


def cuda_pipeline(fp: str, threads: int) -> Pipeline:
    """All stages.

    Args:
        fp: numerics policy: ``strict``, ``contract`` or ``fast``.
        threads: threads of a block.
    """
    return Pipeline(
        [
            graph_stage(),
            tensor_stage(),
            _stage("prepare", "tensor", "detach-prepare"),
            *kernel_stages(fp, threads),
        ]
    )


def kernel_stages(fp: str, threads: int) -> list[Stage]:
    """The stages from the tensor level down."""
    return [
        _stage("fuse", "tensor", *FUSE),
        _stage("buffer", "buffer", *ELEMENTS, f"set-fp-policy{{policy={fp}}}"),
        _stage("kernels", "kernel", f"map-to-gpu{{threads={threads}}}", *KERNELS),
        _stage("nvvm", "backend", *NVVM),
    ]


def _stage(name: str, level: str, *elements: str) -> Stage:
    return Stage(name, level, [parse_element(element) for element in elements])
