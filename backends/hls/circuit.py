"""A small builder of CIRCT IR (hw, comb, seq, sv) as text: one :class:`Circuit` is one hardware module.

All values are :class:`Wire`; arithmetic is two's complement. Registers are declared first and driven later, since
hardware feeds back. One clock ``clk``; ``rst`` is synchronous and active high. CIRCT itself is not imported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Wire:
    """A value of ``width`` bits."""

    name: str
    width: int


@dataclass(frozen=True)
class Memory:
    """``depth`` words of ``width`` bits, read in the same cycle; addresses have ``address_width`` bits."""

    name: str
    depth: int
    width: int

    @property
    def address_width(self) -> int:
        """Bits of an address; one for a single word."""
        return max(1, (self.depth - 1).bit_length())

    @property
    def type(self) -> str:
        """The type of the memory in CIRCT's text."""
        return f"!hw.inout<uarray<{self.depth}xi{self.width}>>"


@dataclass
class Circuit:
    """One module ``name`` under construction."""

    name: str
    _ports: list[str] = field(default_factory=lambda: ["in %clk : !seq.clock", "in %rst : i1"])
    _outputs: list[tuple[str, Wire]] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)
    _constants: dict[tuple[int, int], Wire] = field(default_factory=dict)
    _count: int = 0

    def input(self, name: str, width: int) -> Wire:
        """An input port."""
        self._ports.append(f"in %{name} : i{width}")
        return Wire(f"%{name}", width)

    def output(self, name: str, value: Wire) -> None:
        """An output port that carries ``value``."""
        self._ports.append(f"out {name} : i{value.width}")
        self._outputs.append((name, value))

    @property
    def reset(self) -> Wire:
        """Whether the module is in reset."""
        return Wire("%rst", 1)

    def text(self) -> str:
        """The module as CIRCT reads it."""
        values = ", ".join(wire.name for _, wire in self._outputs)
        types = ", ".join(f"i{wire.width}" for _, wire in self._outputs)
        body = "\n".join(f"  {line}" for line in self._lines)
        return f"hw.module @{self.name}({', '.join(self._ports)}) {{\n{body}\n  hw.output {values} : {types}\n}}\n"

    def constant(self, value: int, width: int) -> Wire:
        """A constant; the same one is made once."""
        key = (value, width)
        if key not in self._constants:
            # CIRCT reads i1 constants as signed: 1 is -1.
            written = -(value & 1) if width == 1 else value
            self._constants[key] = self._op(f"hw.constant {written} : i{width}", width)
        return self._constants[key]

    def add(self, left: Wire, right: Wire) -> Wire:
        """Sum of two wires of one width, modulo that width."""
        return self._op(f"comb.add {left.name}, {right.name} : i{left.width}", left.width)

    def subtract(self, left: Wire, right: Wire) -> Wire:
        """Difference of two wires of one width, modulo that width."""
        return self._op(f"comb.sub {left.name}, {right.name} : i{left.width}", left.width)

    def multiply(self, left: Wire, right: Wire) -> Wire:
        """Product of two signed wires, as wide as both together."""
        width = left.width + right.width
        a, b = self.resize(left, width), self.resize(right, width)
        if {left, right} & set(self._constants.values()):
            return self._op(f"comb.mul {a.name}, {b.name} : i{width}", width)
        # Synthesis sees the operands' own widths, and so the right number of multipliers, in a signed product alone.
        text = f'"$signed({{{{0}}}}) * $signed({{{{1}}}})"({a.name}, {b.name}) : (i{width}, i{width}) -> i{width}'
        return self._op(f"sv.verbatim.expr {text}", width)

    def both(self, *bits: Wire) -> Wire:
        """Logical and."""
        return self._op(f"comb.and {', '.join(bit.name for bit in bits)} : i1", 1)

    def either(self, *bits: Wire) -> Wire:
        """Logical or."""
        return self._op(f"comb.or {', '.join(bit.name for bit in bits)} : i1", 1)

    def negate(self, bit: Wire) -> Wire:
        """Logical not."""
        return self._op(f"comb.xor {bit.name}, {self.constant(1, 1).name} : i1", 1)

    def binary(self, operation: str, left: Wire, right: Wire) -> Wire:
        """An operation of ``comb`` on two wires of one width: sub, and, or, xor, shl, shrs, shru."""
        return self._op(f"comb.{operation} {left.name}, {right.name} : i{left.width}", left.width)

    def compare(self, predicate: str, left: Wire, other: Wire | int) -> Wire:
        """``left`` against a wire or a constant: predicates are those of ``comb.icmp`` (eq, slt, sgt, ...)."""
        right = self.constant(other, left.width) if isinstance(other, int) else other
        return self._op(f"comb.icmp {predicate} {left.name}, {right.name} : i{left.width}", 1)

    def equal(self, left: Wire, right: Wire) -> Wire:
        """Whether two wires of one width are the same."""
        return self._op(f"comb.icmp eq {left.name}, {right.name} : i{left.width}", 1)

    def differ(self, left: Wire, right: Wire) -> Wire:
        """Logical exclusive or."""
        return self._op(f"comb.xor {left.name}, {right.name} : i1", 1)

    def less(self, left: Wire, right: Wire) -> Wire:
        """Whether ``left`` is below ``right``, both signed and of one width."""
        return self._op(f"comb.icmp slt {left.name}, {right.name} : i{left.width}", 1)

    def choose(self, condition: Wire, yes: Wire, no: Wire) -> Wire:
        """``yes`` where ``condition`` holds, else ``no``."""
        return self._op(f"comb.mux {condition.name}, {yes.name}, {no.name} : i{yes.width}", yes.width)

    def select(self, options: Sequence[Wire | None], index: Wire) -> Wire:
        """The option of number ``index``; None where it never is that, which needs no logic."""
        return _some(self._select([*options, *[None] * ((1 << index.width) - len(options))], index))

    def _select(self, options: Sequence[Wire | None], index: Wire) -> Wire | None:
        given = list(dict.fromkeys(option for option in options if option is not None))
        if len(given) < 2:
            return given[0] if given else None
        half = len(options) // 2
        low, high = self._select(options[:half], index), self._select(options[half:], index)
        if low is None or high is None or low == high:
            return low or high
        return self.choose(self.bits(index, half.bit_length() - 1, 1), high, low)

    def bits(self, value: Wire, low: int, width: int) -> Wire:
        """``width`` bits of ``value`` from bit ``low`` on."""
        if low == 0 and width == value.width:
            return value
        return self._op(f"comb.extract {value.name} from {low} : (i{value.width}) -> i{width}", width)

    def resize(self, value: Wire, width: int) -> Wire:
        """``value`` sign-extended or cut to ``width`` bits."""
        if width <= value.width:
            return self.bits(value, 0, width)
        sign = self.bits(value, value.width - 1, 1)
        upper = width - value.width
        filled = sign if upper == 1 else self._op(f"comb.replicate {sign.name} : (i1) -> i{upper}", upper)
        return self._op(f"comb.concat {filled.name}, {value.name} : i{upper}, i{value.width}", width)

    def extend(self, value: Wire, width: int) -> Wire:
        """``value`` with zeros in front, ``width`` bits in all."""
        missing = width - value.width
        return self.concat([value, self.constant(0, missing)]) if missing else value

    def shift_left(self, value: Wire, places: Wire) -> Wire:
        """``value`` moved left by an unsigned number of ``places``; what leaves its width is lost."""
        amount = self.extend(places, value.width)
        return self._op(f"comb.shl {value.name}, {amount.name} : i{value.width}", value.width)

    def concat(self, parts: Sequence[Wire]) -> Wire:
        """One wire of all ``parts``; the first stands in the lowest bits."""
        if len(parts) == 1:
            return parts[0]
        high_first = list(reversed(parts))
        names, types = ", ".join(p.name for p in high_first), ", ".join(f"i{p.width}" for p in high_first)
        return self._op(f"comb.concat {names} : {types}", sum(p.width for p in parts))

    def sum(self, terms: Sequence[Wire], width: int, hold: Callable[[int, int, Wire], Wire] | None = None) -> Wire:
        """Balanced tree of additions of signed terms, modulo ``width``.

        Adders are as wide as what they have to hold. Yosys joins sums that can't overflow into one of many terms, which
        takes several times the look-up tables: the sign of each, read twice, keeps it from that.

        ``hold``: what happens to each wire behind a level of the tree, by the levels before it and its place.
        """
        level = list(terms)
        levels = 0
        while len(level) > 1:
            sums = []
            for left, right in zip(level[::2], level[1::2], strict=False):
                bits = min(max(left.width, right.width) + 1, width)
                sums.append(self.add(self.resize(left, bits), self.resize(right, bits)))
            level = sums + level[len(sums) * 2 :]
            levels += 1
            if hold:
                level = [hold(levels, number, wire) for number, wire in enumerate(level)]
        return self.resize(level[0], width)

    def discard(self, name: str, value: Wire) -> None:
        """Say that nobody reads ``value``: linters leave wires named ``unused`` alone."""
        kind = f"!hw.inout<i{value.width}>"
        self._lines.append(f"%unused_{name} = sv.wire sym @unused_{name} : {kind}")
        self._lines.append(f"sv.assign %unused_{name}, {value.name} : i{value.width}")

    def wire(self, name: str, width: int) -> Wire:
        """A wire to be connected by :meth:`connect`; it may be used before."""
        return Wire(f"%{name}", width)

    def connect(self, wire: Wire, value: Wire) -> None:
        """Let ``wire`` carry ``value``."""
        self._lines.append(f"{wire.name} = hw.wire {value.name} : i{wire.width}")

    def register(self, name: str, width: int) -> Wire:
        """A register to be driven by :meth:`drive`; its value may be used before."""
        return Wire(f"%{name}", width)

    def drive(self, register: Wire, value: Wire, enable: Wire, *, reset: bool = True, start: int = 0) -> Wire:
        """Let ``register`` take ``value`` at a clock edge where ``enable`` holds; ``reset`` sets it to ``start``."""
        clear = f" reset %rst, {self.constant(start, register.width).name}" if reset else ""
        self._lines.append(
            f"{register.name} = seq.compreg.ce {value.name}, %clk, {enable.name}{clear} : i{register.width}"
        )
        return register

    def memory(self, name: str, depth: int, width: int, file: str = "", style: str = "") -> Memory:
        """A memory; with ``file`` its words come from that file of hexadecimal lines before the first cycle.

        ``style``: ``block`` or ``distributed`` asks synthesis for block RAM or for look-up tables; of a memory with
        ``file`` yosys wants to be asked for ``logic`` instead.
        """
        memory = Memory(f"%{name}", depth, width)
        attribute = f'#sv.attribute<"{"rom" if file else "ram"}_style" = "\\22{style}\\22">'
        hint = f" {{sv.attributes = [{attribute}]}}" if style else ""
        self._lines.append(f"{memory.name} = sv.reg{hint} : {memory.type}")
        if file:
            self._lines.append(f'sv.initial {{ sv.readmem {memory.name}, "{file}", MemBaseHex : {memory.type} }}')
        return memory

    def read(self, memory: Memory, address: Wire) -> Wire:
        """The word at ``address``, in the same cycle; a register behind it lets synthesis choose block RAM."""
        slot = self._slot(memory, address)
        return self._op(f"sv.read_inout {slot} : !hw.inout<i{memory.width}>", memory.width)

    def write(self, memory: Memory, address: Wire, value: Wire, enable: Wire) -> None:
        """Store ``value`` at a clock edge where ``enable`` holds."""
        slot = self._slot(memory, address)
        clock = self._op("seq.from_clock %clk", 1).name
        store = f"sv.passign {slot}, {value.name} : i{value.width}"
        self._lines.append(f"sv.always posedge {clock} {{ sv.if {enable.name} {{ {store} }} }}")

    def instance(
        self, module: str, name: str, inputs: Sequence[tuple[str, Wire]], outputs: Sequence[tuple[str, int]]
    ) -> dict[str, Wire]:
        """An instance of another module; its outputs are called ``%NAME_PORT`` and may be used before."""
        wires = {port: self.instance_output(name, port, width) for port, width in outputs}
        given = ", ".join(f"{port}: {wire.name}: i{wire.width}" for port, wire in inputs)
        taken = ", ".join(f"{port}: i{width}" for port, width in outputs)
        self._lines.append(
            f'{", ".join(wire.name for wire in wires.values())} = hw.instance "{name}" @{module}'
            f"(clk: %clk: !seq.clock, rst: %rst: i1, {given}) -> ({taken})"
        )
        return wires

    def instance_output(self, name: str, port: str, width: int) -> Wire:
        """The wire of an output port of instance ``name``, which may come later."""
        return Wire(f"%{name}_{port}", width)

    def _slot(self, memory: Memory, address: Wire) -> str:
        index = f"{memory.name}[{address.name}] : {memory.type}, i{address.width}"
        return self._op(f"sv.array_index_inout {index}", memory.width).name

    def _op(self, text: str, width: int) -> Wire:
        wire = Wire(f"%{self._count}", width)
        self._count += 1
        self._lines.append(f"{wire.name} = {text}")
        return wire


def _some(wire: Wire | None) -> Wire:
    assert wire is not None
    return wire
