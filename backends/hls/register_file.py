"""Registers that a processor reads over AXI4-Lite: what the design is, and counters of frames, cycles and stalls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.counter import address_width, following

MODULE = "axi_lite_registers"
PREFIX = "s_axi_lite"
VERSION = 0x53570001
"""``SW``, and the version of the registers."""

_ADDRESS, _WORD = 5, 32
INPUTS = {
    "awaddr": _ADDRESS, "awvalid": 1, "wdata": _WORD, "wstrb": _WORD // 8, "wvalid": 1, "bready": 1,
    "araddr": _ADDRESS, "arvalid": 1, "rready": 1,
}  # fmt: skip
"""Signals that a master drives, behind ``PREFIX_``, with their widths; a slave need not have ``prot``."""

OUTPUTS = {"awready": 1, "wready": 1, "bresp": 2, "bvalid": 1, "arready": 1, "rdata": _WORD, "rresp": 2, "rvalid": 1}
"""Signals that it reads."""


@dataclass(frozen=True)
class Register:
    """A word of 32 bits; ``access`` in the words of IP-XACT."""

    name: str
    access: str
    text: str


REGISTERS = (
    Register("version", "read-only", "0x5357 and the version of these registers, 1"),
    Register("control", "read-write", "writing 1 sets all counters to 0; reads as 0"),
    Register("status", "read-only", "bit 0: an input's beat waits, bit 1: a result waits"),
    Register("frames", "read-only", "frames that left through the first output"),
    Register("cycles", "read-only", "clock cycles"),
    Register("input_stalls", "read-only", "cycles in which an input's beat waited"),
    Register("output_stalls", "read-only", "cycles in which a result waited"),
)
"""In the order of their addresses, four bytes each; counters begin again after 2**32 - 1."""

_CONTROL = next(i for i, register in enumerate(REGISTERS) if register.access == "read-write")
_OKAY, _ERROR = 0, 2


@dataclass(frozen=True)
class RegisterFile:
    """The registers of a design with so many streams in and out.

    Attributes:
        beats: of a frame of the first output.
    """

    inputs: int
    outputs: int
    beats: int

    def join(self, top: Circuit, inputs: Sequence[tuple[Wire, Wire]], outputs: Sequence[tuple[Wire, Wire]]) -> None:
        """Put it into ``top``, with ports of its own; streams are pairs of valid and ready."""
        given = [(name, top.input(f"{PREFIX}_{name}", width)) for name, width in INPUTS.items()]
        for side, streams in (("in", inputs), ("out", outputs)):
            for end, wires in zip(("valid", "ready"), zip(*streams, strict=True), strict=True):
                given.append((f"{side}_{end}", top.concat(wires)))
        driven = top.instance(MODULE, "registers", given, list(OUTPUTS.items()))
        for name, wire in driven.items():
            top.output(f"{PREFIX}_{name}", wire)

    def circuit(self) -> Circuit:
        """The hardware module."""
        c = Circuit(MODULE)
        bus = {name: c.input(name, width) for name, width in INPUTS.items()}
        clear = self._write(c, bus)
        self._read(c, bus, self._words(c, clear))
        return c

    def _words(self, c: Circuit, clear: Wire) -> list[Wire]:
        """What the registers hold."""
        waits, moves = [], []
        for side, count in (("in", self.inputs), ("out", self.outputs)):
            valid, ready = (c.input(f"{side}_{end}", count) for end in ("valid", "ready"))
            stopped = c.binary("and", valid, c.binary("xor", ready, c.constant(-1, count)))
            waits.append(c.compare("ne", stopped, 0))
            moves.append(c.both(c.bits(valid, 0, 1), c.bits(ready, 0, 1)))
        done = moves[1]
        if self.beats > 1:
            beat = c.register("beat", address_width(self.beats))
            c.drive(beat, following(c, beat, self.beats), moves[1])
            done = c.both(done, c.compare("eq", beat, self.beats - 1))
        counted = {"frames": done, "cycles": c.constant(1, 1), "input_stalls": waits[0], "output_stalls": waits[1]}
        words = {name: self._counter(c, name, event, clear) for name, event in counted.items()}
        words["version"] = c.constant(VERSION, _WORD)
        words["control"] = c.constant(0, _WORD)
        words["status"] = c.extend(c.concat(waits), _WORD)
        return [words[register.name] for register in REGISTERS]

    def _counter(self, c: Circuit, name: str, event: Wire, clear: Wire) -> Wire:
        count = c.register(name, _WORD)
        after = c.choose(clear, c.constant(0, _WORD), c.add(count, c.constant(1, _WORD)))
        return c.drive(count, after, c.either(event, clear))

    def _write(self, c: Circuit, bus: Mapping[str, Wire]) -> Wire:
        """Address and data are taken together, when the last answer is gone; gives whether counters are cleared."""
        answered = c.register("bvalid_r", 1)
        free = c.negate(answered)
        store = c.both(bus["awvalid"], bus["wvalid"], free)
        c.output("awready", c.both(bus["wvalid"], free))
        c.output("wready", c.both(bus["awvalid"], free))
        c.drive(answered, store, c.either(store, bus["bready"]))
        known = c.compare("eq", self._number(c, bus, "aw"), _CONTROL)
        answer = c.choose(known, c.constant(_OKAY, 2), c.constant(_ERROR, 2))
        c.output("bresp", c.drive(c.register("bresp_r", 2), answer, store))
        c.output("bvalid", answered)
        c.discard("data", c.bits(bus["wdata"], 1, _WORD - 1))
        c.discard("strobes", c.bits(bus["wstrb"], 1, bus["wstrb"].width - 1))
        return c.both(store, known, c.bits(bus["wdata"], 0, 1), c.bits(bus["wstrb"], 0, 1))

    def _read(self, c: Circuit, bus: Mapping[str, Wire], words: Sequence[Wire]) -> None:
        """A word is kept until it was taken."""
        answered = c.register("rvalid_r", 1)
        free = c.negate(answered)
        load = c.both(bus["arvalid"], free)
        c.output("arready", free)
        c.drive(answered, load, c.either(load, bus["rready"]))
        nothing = c.constant(0, _WORD)
        number = self._number(c, bus, "ar")
        padded = [*words, *[nothing] * ((1 << number.width) - len(words))]
        word = c.select(padded, number)
        known = c.compare("ult", number, len(words))
        answer = c.choose(known, c.constant(_OKAY, 2), c.constant(_ERROR, 2))
        c.output("rdata", c.drive(c.register("rdata_r", _WORD), word, load))
        c.output("rresp", c.drive(c.register("rresp_r", 2), answer, load))
        c.output("rvalid", answered)

    def _number(self, c: Circuit, bus: Mapping[str, Wire], channel: str) -> Wire:
        """Of the register at an address; bytes within a word are not told apart."""
        address = bus[f"{channel}addr"]
        c.discard(f"{channel}_byte", c.bits(address, 0, 2))
        return c.bits(address, 2, _ADDRESS - 2)
