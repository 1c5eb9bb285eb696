"""The way from the buffer level to the LLVM dialect, as pipeline text."""

from __future__ import annotations

from stepwell.passes.pipeline import Stage, parse_element


def lowering_elements(
    fp: str = "contract", fma: bool = True, *, index_bits: int = 64, threads: bool = True
) -> list[str]:
    """Pipeline elements that take any module of the buffer level to the LLVM dialect.

    Leftover linalg operations, vectors of any rank, scf and affine loops, all arith and math operations on f16, bf16,
    f32 and f64 have a lowering. The code that results calls libm, and of the runtime ``stepwell_assert_failed``;
    allocation goes through ``_mlir_memref_to_llvm_aligned_alloc`` and ``_mlir_memref_to_llvm_free``, which
    :mod:`stepwell.backends.llvm.support` defines.

    Args:
        fp: numerics policy: ``strict``, ``contract`` or ``fast``.
        fma: whether the target multiplies and adds in one instruction.
        index_bits: the width of sizes and addresses, 32 or 64.
        threads: whether loops may run on the runtime's threads.
    """
    width = f"index-bitwidth={index_bits}"
    return [
        "declare-entries",
        "lower-assert",
        "expand-copy",
        "convert-linalg-to-parallel-loops",
        "scf-forall-to-parallel",
        "parallelize-loops" if threads else "parallelize-loops{blocks=1}",
        "canonicalize",
        "cse",
        "outline-parallel-loops",
        "outline-loops",
        "func.func(lower-vector-mask,lower-vector-multi-reduction,convert-vector-to-scf{full-unroll=true})",
        "lower-affine",
        # Narrow floats are storage: arithmetic happens in f32 and rounds back.
        "math-extend-to-supported-types{target-type=f32 extra-types=f64}",
        "func.func(arith-emulate-unsupported-floats{source-types=bf16,f8E4M3FN,f8E5M2 target-type=f32})",
        f"set-fp-policy{{policy={fp}}}",
        # After the flags are set: their arithmetic must round as written. Strict calls the C library.
        "expand-float8",
        *([] if fp == "strict" else [f"expand-math{{fma={str(fma).lower()}}}"]),
        "canonicalize",
        "cse",
        "expand-strided-metadata",
        "lower-affine",
        # No target has bf16 conversions everywhere: integer operations vectorise, library calls do not.
        "arith-expand{include-bf16=true}",
        "convert-complex-to-standard",
        "canonicalize",
        "cse",
        "convert-scf-to-cf",
        *([] if index_bits == 64 else _narrow_vectors(index_bits)),
        "convert-vector-to-llvm{enable-x86=true}",  # and the tiles of x86
        "convert-math-to-llvm",
        "convert-math-to-funcs{min-width-of-fpowi-exponent=1}",
        "convert-math-to-libm",
        "convert-vector-to-llvm",  # what taking vectors apart for libm left behind
        "convert-complex-to-llvm",
        f"convert-index-to-llvm{{{width}}}",
        f"convert-ub-to-llvm{{{width}}}",
        f"finalize-memref-to-llvm{{use-generic-functions=true use-aligned-alloc=true {width}}}",
        f"convert-arith-to-llvm{{{width}}}",
        # Branches that carry tiles of x86, whose type the next pass does not know.
        *(["convert-to-llvm{filter-dialects=cf,x86}"] if index_bits == 64 else []),
        f"convert-cf-to-llvm{{{width}}}",
        f"convert-func-to-llvm{{{width}}}",
        "reconcile-unrealized-casts",
        "canonicalize",
        "cse",
    ]


def _narrow_vectors(index_bits: int) -> list[str]:
    """Vector loads and stores with indices of another width, which ``convert-vector-to-llvm`` has no option for."""
    return [f"set-index-width{{bits={index_bits}}}", "convert-to-llvm{dynamic=true filter-dialects=vector}"]


def lowering_stage(fp: str = "contract", fma: bool = True) -> Stage:
    """The same as a stage that ends at level ``backend``."""
    return Stage("llvm", "backend", [parse_element(text) for text in lowering_elements(fp, fma)])
