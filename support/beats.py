"""How many elements of a stream travel together, where both the hardware and who asks for it must know."""

from __future__ import annotations


def right_beat(layout: str, inner: int, outer: int, unroll: tuple[int, int], *, whole: bool) -> int:
    """Elements of a beat of a product's right matrix, ``inner`` by ``outer``, in the ``layout`` of ``stream.matmul``.

    Args:
        whole: all that is multiplied in a cycle, if those are whole rows as they come.
    """
    by_input, by_output = unroll
    beat, row = (by_output, outer) if layout == "kn" else (by_input, inner)
    return by_input * by_output if whole and beat == row else beat
