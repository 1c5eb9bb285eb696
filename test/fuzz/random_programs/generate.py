"""How random programs are put together, and hypothesis's strategy of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch
from hypothesis import strategies as st

from random_programs.operators import elementwise, indexing, products, reductions, views
from random_programs.program import FLOATS, INTEGERS, Builder, Choose, Program

_KINDS = (elementwise, reductions, views, products, indexing)
#: Many sizes are ragged; nothing and one are among them.
_SIZES = (1, 2, 3, 4, 5, 7, 8, 17, 0)


@st.composite
def programs(draw: Callable[[st.SearchStrategy[Any]], Any], most: int = 12) -> Program:
    """Programs of about ``most`` operators at the most, which hypothesis can shrink."""
    return make_program(lambda low, high: int(draw(st.integers(low, high))), most)


def numbered(number: int) -> Program:
    """Program ``number``: the same one in every run."""
    source = random.Random(number)
    return make_program(source.randint)


def make_program(choose: Choose, most: int = 12) -> Program:
    """A program; a third of them has a dynamic size."""
    builder = Builder(choose, dynamic=choose(1, 3) == 3)
    for _ in range(choose(1, 3)):
        rank = builder.pick([2, 3, 4, 1, 0])
        shape: list[int | None] = [builder.pick(_SIZES[:6] if rank > 3 else _SIZES) for _ in range(rank)]
        if builder.lengths and rank:
            shape[choose(0, rank - 1) if builder.chance(3) else 0] = None
        kind = choose(0, 5)
        dtype = torch.bool if kind == 5 else builder.pick(INTEGERS if kind == 4 else FLOATS)
        builder.add_input(shape, dtype)
    if builder.lengths and not any(builder.dynamic):
        builder.add_input([None, 3], torch.float32)
    wanted = len(builder.nodes) + choose(3, most)
    for _ in range(3 * most):
        builder.pick(builder.pick(_KINDS).RULES)(builder)
        if len(builder.nodes) >= wanted:
            break
    return builder.finish()
