"""Unsigned integers of 16 bits and more become signed ones of the same bits as a program is imported."""

from __future__ import annotations

import torch
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree
from torch_mlir import ir

from stepwell.passes.base import PassContext
from stepwell.passes.pipeline import parse_element
from stepwell.passes.runner import run_element
from stepwell.support.carried import SIGNED


def has_unsigned(program: ExportedProgram) -> bool:
    """Whether any value of ``program`` is of unsigned integers of 16 bits or more."""
    values = (value for node in program.graph.nodes for value in pytree.tree_leaves(node.meta.get("val")))
    return any(isinstance(value, torch.Tensor) and value.dtype in SIGNED for value in values)


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
        node.args, node.kwargs = pytree.tree_map_only(
            torch.dtype, lambda dtype: SIGNED.get(dtype, dtype), (node.args, node.kwargs)
        )
