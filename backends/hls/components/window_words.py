"""How the beats of a window lie in a memory of pixels, where each is of one tap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stepwell.backends.hls.components.window import Window

_FEW = 256
"""Bits of a window that registers hold: for fewer a memory and its addresses take as much."""


@dataclass(frozen=True)
class Words:
    """Words of ``size`` elements of which each pixel has ``of_pixel``. A window is read block by block of its channels,
    tap by tap, ``of_tap`` words each. ``finished``: a word is a beat as it is."""

    size: int
    of_pixel: int
    of_tap: int
    finished: bool

    @property
    def blocks(self) -> int:
        """Parts of the channels that are read one after the other."""
        return self.of_pixel // self.of_tap


def words_of(spec: Window) -> Words | None:
    """The words of ``spec``; None where its beats are not whole words of one tap, or parts of them, or few bits."""
    channels, (come, go) = spec.input.shape[1], (spec.input.beat, spec.output.beat)
    inner = channels // spec.groups
    run = inner if spec.lanes == 1 else spec.lanes  # channels of a tap that follow each other
    of_one_tap = inner % go == 0 if spec.lanes == 1 else inner == 1 and go == run
    size = max(come, go)
    whole = size % min(come, go) == 0 and run % size == 0
    many = spec.windows.taps > 1 and spec.windows.taps * channels * spec.input.bits > _FEW
    if not (of_one_tap and whole and many):
        return None
    return Words(size, channels // size, run // size, size == go and not any(spec.padding))
