"""Random dataflow graphs of small components: chains that part and meet, beats that do not fit, weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.hls.components.base import Array
from stepwell.dialects import stream
from stepwell.dialects.context import make_context
from stepwell.passes.hardware.wiring import Beats, insert_forks

WIDTH, BITS = 12, 8
_BEATS = [1, 2, 3, 4, 6, 12]
_END = {"shift": 1, "rounding": "floor", "clamp": [-128, 127]}


class RandomGraph:
    """A module with one graph of ``size`` components on ``rows`` rows of 12 elements, and its weights."""

    def __init__(self, seed: int, size: int, rows: int) -> None:
        self.random = np.random.default_rng(seed)
        self.shape = rows, WIDTH
        self.parameters: dict[str, Array] = {}
        self.beats = Beats()
        context = make_context(torch=False)
        stream.load(context)
        with context, ir.Location.unknown():
            self.module = ir.Module.create()
            with ir.InsertionPoint(self.module.body):
                graph = stream.GraphOp(sym_name=ir.StringAttr.get("main"))
                block = graph.body.blocks.append()
            with ir.InsertionPoint(block):
                self._fill(size)
            insert_forks(block)
            self.module.operation.verify()

    def _fill(self, size: int) -> None:
        values = [stream.SourceOp(input=ir.StringAttr.get("x"), output=self._type(self._beat())).output]
        for number in range(size):
            kind = self.random.choice(["linear", "add", "requantize", "weighted"], p=[0.35, 0.35, 0.2, 0.1])
            values.append(getattr(self, f"_{kind}")(values, number))
        unread = [value for value in values if not list(value.uses)]
        for number, value in enumerate(unread):
            stream.SinkOp(stream=value, output=ir.StringAttr.get(str(number)))

    def _linear(self, values: list[ir.Value], number: int) -> ir.Value:
        unroll = self._beat(), self._beat()
        weight = f"w{number}"
        self.parameters[weight] = self.random.integers(-128, 128, (WIDTH, WIDTH)).astype(np.int8)
        attributes: dict[str, Any] = {
            "weight": weight, "weight_bits": BITS, "weight_layout": "kn", "bias": "", "bias_bits": BITS,
            "inner": WIDTH, "outer": WIDTH, "groups": 1, "lanes": 1, "unroll": list(unroll), "accumulator": 20, **_END,
            "shift": 9,
        }  # fmt: skip
        return self._make("linear", [self.beats.fit(self._any(values), unroll[0])], attributes, unroll[1])

    def _add(self, values: list[ir.Value], number: int) -> ir.Value:
        beat = self._beat()
        return self._make("add", [self.beats.fit(self._any(values), beat) for _ in range(2)], _END, beat)

    def _requantize(self, values: list[ir.Value], number: int) -> ir.Value:
        beat = self._beat()
        multiplier = int(self.random.choice([1, 3]))
        return self._make(
            "requantize", [self.beats.fit(self._any(values), beat)], _END | {"multiplier": multiplier}, beat
        )

    def _weighted(self, values: list[ir.Value], number: int) -> ir.Value:
        beat = self._beat()
        weight = f"w{number}"
        self.parameters[weight] = self.random.integers(-128, 128, WIDTH).astype(np.int8)
        row = self._make("weight", [], {"weight": weight, "weight_shape": [WIDTH]}, beat)
        return self._make("add", [row, self.beats.fit(self._any(values), beat)], _END, beat)

    def _any(self, values: list[ir.Value]) -> ir.Value:
        """One of the last few."""
        return values[-1 - int(self.random.integers(min(len(values), 4)))]

    def _beat(self) -> int:
        return int(self.random.choice(_BEATS))

    def _type(self, beat: int) -> ir.Type:
        return stream.stream_type(ir.IntegerType.get_signless(BITS), beat, self.shape)

    def _make(self, kind: str, operands: list[ir.Value], attributes: dict[str, Any], beat: int) -> ir.Value:
        given = {name: _attribute(value) for name, value in attributes.items()}
        return ir.Operation.create(f"stream.{kind}", [self._type(beat)], operands, given).result


def _attribute(value: int | str | list[int]) -> ir.Attribute:
    if isinstance(value, list):
        return stream.integers(value)
    return stream.integer(value) if isinstance(value, int) else ir.StringAttr.get(value)
