"""The pipeline of target ``cuda``: operations grouped into kernels, kernels built by family, down to NVVM."""

from __future__ import annotations

from dataclasses import dataclass

from stepwell.backends.cuda.kernels.chip import OLDEST_FLOAT8, OLDEST_MMA
from stepwell.passes.pipeline import Pipeline, Stage, parse_element
from stepwell.passes.stages import graph_stage, tensor_stage

#: Structured operations all in one form, with elementwise ones where their results are used.
FUSE = (
    "sink-assertions",
    "fuse{narrow=true results=true}",
    "linalg-generalize-named-ops",
    "fold-transposes",
    "split-scatters",
    "resolve-ranked-shaped-type-result-dims",
    "canonicalize",
    "cse",
)

#: Images with channels last, of whole chunks of 16 bytes; what is a product then.
LAYOUTS = (
    "propagate-layouts{alone=false}",
    "canonicalize",
    "cse",
    "space-to-depth",
    "convolutions-to-products",
    "canonicalize",
    "cse",
)

#: What changes how numbers are rounded and added up.
LOOSE = ("widen-arithmetic", "split-reductions", "canonicalize", "cse")

_FLOAT8 = "f8E4M3FN,f8E5M2"

_SMALL = 256 * 1024
"""Bytes of work on weights that is done ahead of time, however much larger than the weights what comes of it is."""

#: From kernels to the NVVM dialect. bf16 and f16 arithmetic has instructions, their math functions have not.
NVVM = (
    "plan-launches",
    "expand-float8",
    "gpu.module("
    "math-extend-to-supported-types{target-type=f32 extra-types=f64},"
    "expand-strided-metadata,lower-affine,convert-scf-to-cf,canonicalize,cse,"
    "convert-gpu-to-nvvm{index-bitwidth=64},"
    "canonicalize,cse,convert-nvvm-to-llvm,reconcile-unrealized-casts)",
)


@dataclass(frozen=True)
class CudaOptions:
    """What a program is compiled for.

    Attributes:
        fp: numerics policy: ``strict``, ``contract`` or ``fast``.
        arch: the architecture that kernels are built for.
        threads: threads of a block, where a kernel has no number of its own.
        plain: whether all kernels are to be such as loops can emulate.
        library: whether cuBLASLt computes the products that it takes.
        libdevice: whether NVIDIA's libdevice computes functions that kernels have ways of their own for.
        tf32: whether tensor cores multiply f32.
    """

    fp: str = "contract"
    arch: str = "sm_90a"
    threads: int = 256
    plain: bool = False
    library: bool = False
    libdevice: bool = False
    tf32: bool = False

    @property
    def strict(self) -> bool:
        """Whether nothing may round elsewhere than the model does."""
        return self.fp == "strict"


def cuda_pipeline(options: CudaOptions) -> Pipeline:
    """All stages."""
    graph = graph_stage()
    layouts: tuple[str, ...] = () if options.strict else LAYOUTS
    if not options.strict:
        graph.elements += [parse_element("fold-batch-norm"), parse_element("join-scales")]
        Pipeline([graph]).insert_after("decompose", "split-moments")
    return Pipeline(
        [
            graph,
            tensor_stage(),
            _stage(
                "prepare",
                "tensor",
                "narrow-products" if _number(options.arch) >= OLDEST_FLOAT8 else "narrow-products{wide-float8=true}",
                *layouts,
                _contiguous_depth(options),
                f"split-prepare{{small={_SMALL}}}",
                "detach-prepare",
            ),
            *kernel_stages(options),
        ]
    )


def _contiguous_depth(options: CudaOptions) -> str:
    """The pass with the types that tensor cores take with the depth contiguous only; ``wgmma`` filters too."""
    types = "i8,f32" if options.tf32 else "i8"
    filters = " filters=true" if options.tf32 and options.arch == "sm_90a" else ""
    return f"contiguous-depth{{types={types} always={_FLOAT8}{filters}}}"


def kernel_stages(options: CudaOptions) -> list[Stage]:
    """The stages from the tensor level down."""
    arch, plain = options.arch, options.plain
    whole = _number(arch) >= OLDEST_MMA and not options.strict and not plain
    cuts = ["attention=true"] * whole + ["bare-products=true"] * options.library
    outline = f"outline-kernels{{{' '.join(cuts)}}}" if cuts else "outline-kernels"
    chosen = [name for name in ("plain", "library", "libdevice", "tf32") if getattr(options, name)]
    chosen += ["fast"] * (options.fp == "fast")
    words = [f"arch={arch}", f"threads={options.threads}", *(f"{name}=true" for name in chosen)]
    build = f"lower-kernels{{{' '.join(words)}}}"
    return [
        _stage("fuse", "tensor", *FUSE, *([] if options.strict else LOOSE)),
        _stage("group", "tensor", outline, "canonicalize", "cse"),
        _stage("kernels", "kernel", build, f"set-fp-policy{{policy={options.fp}}}"),
        _stage("nvvm", "backend", *NVVM),
    ]


def _number(arch: str) -> int:
    return int(arch.removeprefix("sm_").rstrip("a"))


def _stage(name: str, level: str, *elements: str) -> Stage:
    return Stage(name, level, [parse_element(element) for element in elements])
