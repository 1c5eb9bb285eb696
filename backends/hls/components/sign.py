"""sign: 1 for 0 and more, -1 below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Array
from stepwell.backends.hls.components.pointwise import Pointwise, pointwise_circuit


@dataclass(frozen=True)
class Sign(Pointwise):
    """Every element's sign, 2 bits of which are wires; then as all pointwise components end, see ``stream.sign``."""

    kind: ClassVar[str] = "sign"

    @property
    def registered(self) -> bool:
        return False

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        return (self.rescale.reference(np.where(frames[0] >= 0, 1, -1)),)

    def circuit(self) -> Circuit:
        return pointwise_circuit(self, self._sign)

    def _sign(self, c: Circuit, elements: Sequence[Wire]) -> Wire:
        (value,) = elements
        if value.width > 1:
            c.discard(f"{value.name[1:]}_magnitude", c.bits(value, 0, value.width - 1))
        return c.concat([c.constant(1, 1), c.bits(value, value.width - 1, 1)])
