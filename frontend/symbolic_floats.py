"""Floating-point arithmetic on sizes: what torch writes as calls of Python's functions, as operators that import."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.export import ExportedProgram

aten = torch.ops.aten

_OPERATORS: dict[Any, Any] = {torch.sym_float: aten.Float.Scalar, math.trunc: aten.Int.Scalar}


def operators_on_floats(program: ExportedProgram) -> None:
    """A size as a floating-point number, and the integral part of one: sizes times a factor, as in interpolation."""
    for node in program.graph.nodes:
        if node.op == "call_function" and node.target in _OPERATORS:
            node.target = _OPERATORS[node.target]
