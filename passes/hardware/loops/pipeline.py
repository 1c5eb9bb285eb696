"""The passes from linalg on tensors to hardware for functions that no component computes: loops over memories."""

from __future__ import annotations

from collections.abc import Sequence

from stepwell.passes.pipeline import Element, parse_element

_TO_LOOPS = (
    "linalg-generalize-named-ops",
    "linalg-fuse-elementwise-ops",
    "bufferize",
    "expand-copy{contiguous=true}",
    "linalg-to-affine",
    "fold-views",
    "func.func(affine-loop-normalize{promote-single-iter=true})",
    "canonicalize",
    "cse",
)
_TO_HARDWARE = (
    "canonicalize",
    "cse",
    "forward-stores",
    "promote-accumulators",
    "forward-stores",
    "canonicalize",
    "cse",
    "balance-sums",
    "bank-memories",
    "narrow-loops",
    "copy-memories",
    "schedule-loops",
    "affine-to-stream",
    "inline-graphs",
)


def loop_passes(factors: Sequence[int]) -> list[Element]:
    """The passes in order; ``factors`` are those of ``unroll-nests``."""
    unroll = f"unroll-nests{{factors={','.join(map(str, factors))}}}"
    return [parse_element(text) for text in (*_TO_LOOPS, "initialise-memories", "fuse-nests", unroll, *_TO_HARDWARE)]
