"""The first two stages of every pipeline: to backend-legal torch operators, and on to the tensor level."""

from __future__ import annotations

from collections.abc import Sequence

from stepwell.passes.pipeline import Nested, Stage, Upstream, parse_element

_KEPT = ("aten.flatten.using_ints", "aten.unflatten.int")
"""Operators that torch-mlir would decompose into guesses; ``lower-views`` takes them."""


def graph_stage(keep: Sequence[str] = ()) -> Stage:
    """Functional torch operators in the form that lowers; ends at level ``graph``.

    Args:
        keep: operators that stay whole, ``aten.gelu`` for one.
    """
    whole = f"{{keep={','.join(keep)}}}" if keep else ""
    return Stage(
        "graph",
        "graph",
        [
            parse_element("fold-empty"),
            parse_element("cut-operators"),
            parse_element("widen-bytes"),
            parse_element("widen-float8"),
            parse_element(f"decompose{whole}"),
            Nested("func.func", [Upstream("torch-match-quantized-custom-ops")]),
            Upstream(
                "torchdynamo-export-to-torch-backend-pipeline",
                f"extra-library= backend-legal-ops={','.join((*_KEPT, *keep))}",
            ),
            parse_element("join-operators"),
            parse_element("simplify"),
            parse_element("select-values"),
        ],
    )


def tensor_stage(*, rows: bool = False) -> Stage:
    """linalg, tensor, arith, math, scf; ends at level ``tensor``: no torch, no tm_tensor.

    With ``rows`` scans go row by row.
    """
    return Stage(
        "tensor",
        "tensor",
        [
            parse_element("lower-views"),
            parse_element("cut-operators"),
            Upstream("torch-backend-to-linalg-on-tensors-backend-pipeline"),
            parse_element("join-operators"),
            parse_element("drop-torch-attributes"),
            parse_element("lower-tm-tensor{rows=true}" if rows else "lower-tm-tensor"),
            parse_element("exact-extrema"),
            parse_element("exact-positions"),
            parse_element("widen-sums"),
            parse_element("bound-shifts"),
            Upstream("canonicalize"),
            Upstream("cse"),
            parse_element("check-indices"),
            parse_element("check-divisors"),
            parse_element("check-shapes"),
        ],
    )
