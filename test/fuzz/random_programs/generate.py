"""Hypothesis strategies of random programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import strategies as st

from random_programs.operators import elementwise, indexing, products, reductions, views
from random_programs.program import FLOATS, INTEGERS, Builder, Program

_KINDS = (elementwise, reductions, views, products, indexing)
#: Many sizes are ragged; nothing and one are among them.
_SIZES = (1, 2, 3, 4, 5, 7, 8, 17, 0)


@st.composite
def programs(draw: Callable[[st.SearchStrategy[Any]], Any], most: int = 14) -> Program:
    """Programs of up to ``most`` operators; a third of them has a dynamic size."""
    dynamic = draw(st.integers(1, 3)) == 3
    builder = Builder(draw, dynamic)
    for _ in range(draw(st.integers(1, 3))):
        rank = draw(st.sampled_from([2, 3, 4, 1, 0]))
        shape: list[int | None] = [draw(st.sampled_from(_SIZES[:6] if rank > 3 else _SIZES)) for _ in range(rank)]
        if dynamic and rank:
            shape[draw(st.integers(0, rank - 1)) if builder.chance(3) else 0] = None
        kind = draw(st.integers(0, 5))
        dtype = torch.bool if kind == 5 else draw(st.sampled_from(INTEGERS if kind == 4 else FLOATS))
        builder.add_input(shape, dtype)
    if builder.lengths and not any(builder.dynamic):
        builder.add_input([None, 3], torch.float32)
    wanted = len(builder.nodes) + draw(st.integers(3, most))
    for _ in range(3 * most):
        rule = draw(st.sampled_from(draw(st.sampled_from(_KINDS)).RULES))
        rule(builder)
        if len(builder.nodes) >= wanted:
            break
    return builder.finish()
