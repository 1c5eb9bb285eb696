"""The first two stages of every pipeline: to backend-legal torch operators, and on to the tensor level."""

from __future__ import annotations

from stepwell.passes.pipeline import Element, Nested, Stage, Upstream, parse_element
from stepwell.passes.registry import is_registered

_KEPT = ("aten.flatten.using_ints", "aten.unflatten.int")
"""Operators that torch-mlir would decompose into guesses; ``lower-views`` takes them."""


def _ours(*names: str) -> list[Element]:
    return [parse_element(name) for name in names if is_registered(name)]


def graph_stage() -> Stage:
    """Functional torch operators in the form that lowers; ends at level ``graph``."""
    return Stage(
        "graph",
        "graph",
        [
            Nested("func.func", [Upstream("torch-match-quantized-custom-ops")]),
            Upstream(
                "torchdynamo-export-to-torch-backend-pipeline", f"extra-library= backend-legal-ops={','.join(_KEPT)}"
            ),
        ],
    )


def tensor_stage() -> Stage:
    """linalg, tensor, arith, math, scf; ends at level ``tensor``: no torch, no tm_tensor."""
    return Stage(
        "tensor",
        "tensor",
        [
            *_ours("lower-views"),
            Upstream("torch-backend-to-linalg-on-tensors-backend-pipeline"),
            *_ours("lower-tm-tensor", "check-casts"),
            Upstream("canonicalize"),
            Upstream("cse"),
        ],
    )
