"""Components whose parallelism is so many elements of an input by so many elements of the output."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from stepwell.backends.hls.components.base import Component, divisors


@dataclass(frozen=True)
class Unrolled(Component):
    """One input and one output, in beats of ``unroll`` elements; both must divide the innermost sizes."""

    unroll: tuple[int, int]

    @property
    def parallelism(self) -> tuple[int, ...]:
        return self.unroll

    def choices(self) -> Sequence[tuple[int, ...]]:
        return list(itertools.product(divisors(self.input.innermost), divisors(self.output.innermost)))

    def spread(self, parallelism: tuple[int, ...]) -> Self:
        by_input, by_output = parallelism
        inputs, outputs = (self.input.cut(by_input),), (self.output.cut(by_output),)
        return replace(self, unroll=(by_input, by_output), inputs=inputs, outputs=outputs)
