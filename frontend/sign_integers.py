"""Unsigned integers of 16 bits and more become signed ones of the same bits as a program is imported."""

from __future__ import annotations

import torch
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree
from torch_mlir import ir

from stepwell.passes.base import PassContext
from stepwell.passes.pipeline import parse_element
from stepwell.passes.runner import run_element

_SIGNED = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}


def sign_integers(module: ir.Module) -> None:
    """Retype what is unsigned in a module of the graph level, and compute with wider numbers where that matters.

    Raises:
        UnsupportedError: an operator on 64 bits that has no such form.
    """
    with module.context, ir.Location.unknown():
        run_element(parse_element("sign-integers"), module.operation, PassContext())


def sign_types(program: ExportedProgram) -> None:
    """Name signed types where operators name unsigned ones, for which torch-mlir has no number; results keep theirs."""
    for node in program.graph.nodes:
        if any(leaf in _SIGNED for leaf in _types(node)):
            node.args, node.kwargs = pytree.tree_map(
                lambda leaf: _SIGNED.get(leaf, leaf) if isinstance(leaf, torch.dtype) else leaf,
                (node.args, node.kwargs),
            )


def _types(node: torch.fx.Node) -> list[torch.dtype]:
    return [leaf for leaf in pytree.tree_leaves((node.args, node.kwargs)) if isinstance(leaf, torch.dtype)]
