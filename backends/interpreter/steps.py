"""Closures that move values between a frame and a kernel."""

from __future__ import annotations

from stepwell.backends.interpreter.registry import Frame, Kernel, Step


def then_clear(step: Step, slots: list[int]) -> Step:
    """``step``, after which ``slots`` are empty."""

    def run(frame: Frame) -> None:
        step(frame)
        for slot in slots:
            frame[slot] = None

    return run


def kernel_step(kernel: Kernel, inputs: list[int], outputs: list[int]) -> Step:
    """``kernel`` between slots; the common arities are spelled out because they are the inner loop."""
    if len(outputs) == 1:
        out = outputs[0]
        if len(inputs) == 1:
            (a,) = inputs

            def unary(frame: Frame) -> None:
                frame[out] = kernel(frame[a])

            return unary
        if len(inputs) == 2:
            a, b = inputs

            def binary(frame: Frame) -> None:
                frame[out] = kernel(frame[a], frame[b])

            return binary

        def single(frame: Frame) -> None:
            frame[out] = kernel(*[frame[slot] for slot in inputs])

        return single

    if not outputs:

        def effect(frame: Frame) -> None:
            kernel(*[frame[slot] for slot in inputs])

        return effect

    def several(frame: Frame) -> None:
        values = kernel(*[frame[slot] for slot in inputs])
        for slot, value in zip(outputs, values, strict=True):
            frame[slot] = value

    return several
