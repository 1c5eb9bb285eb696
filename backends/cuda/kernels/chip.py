"""What schedules count on of a chip."""

MULTIPROCESSORS = 132
"""Of an H100 or H200 (SXM)."""

_REGISTERS, _OF_A_THREAD, _BESIDE_SUMS = 65536, 255, 32
"""Of a multiprocessor, of one thread at most, and what a thread that multiplies needs beside its sums at least."""

OLDEST_MMA = 80
"""The architecture that brought ``cp.async`` and products of bf16."""

OLDEST_FLOAT8 = 89
"""That which brought products of 8-bit floats."""


def too_many_registers(threads: int, blocks: int, sums: int) -> str | None:
    """Why ``blocks`` of so many threads each, which hold so many words of sums, do not fit; None where they do."""
    registers = min(_OF_A_THREAD, _REGISTERS // (threads * blocks))
    needed = -(-sums // threads) + _BESIDE_SUMS
    if needed <= registers:
        return None
    return (
        f"a thread's sums take {needed - _BESIDE_SUMS} of its {registers} registers: "
        "take a smaller tile, more threads, or fewer blocks"
    )
