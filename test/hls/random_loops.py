"""Random small functions of affine nests: in-bounds, full of elements that several iterations touch."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

SHAPES = {"x": (6, 5), "t": (6, 4), "y": (4, 4)}
_BINARY = ("addi", "addi", "subi", "muli", "maxsi", "minsi", "xori", "andi")


@dataclass
class _Writer:
    """Text under construction; ``loops`` are the variables around with how many iterations each has."""

    choose: random.Random
    lines: list[str] = field(default_factory=list)
    loops: list[tuple[str, int]] = field(default_factory=list)
    count: int = 0

    def line(self, text: str) -> None:
        self.lines.append("  " * (len(self.loops) + 1) + text)

    def fresh(self) -> str:
        self.count += 1
        return f"%v{self.count}"

    def index(self, size: int) -> str:
        """An index below ``size``."""
        for _ in range(20):
            constant = self.choose.randrange(-2, size)
            terms = [(self.choose.choice((-1, 0, 0, 1, 1, 2)), name, n) for name, n in self.loops]
            ends = [c * (n - 1) for c, _, n in terms]
            low, high = constant + sum(min(0, e) for e in ends), constant + sum(max(0, e) for e in ends)
            if low >= 0 and high < size:
                return " + ".join([*(f"{name} * {c}" for c, name, _ in terms if c), str(constant)])
        return str(self.choose.randrange(size))

    def place(self, memory: str) -> str:
        rows, columns = SHAPES[memory]
        return f"%{memory}[{self.index(rows)}, {self.index(columns)}] : memref<{rows}x{columns}xi8>"

    def load(self, place: str) -> str:
        value = self.fresh()
        self.line(f"{value} = affine.load {place}")
        return value

    def combine(self, left: str, right: str) -> str:
        value = self.fresh()
        self.line(f"{value} = arith.{self.choose.choice(_BINARY)} {left}, {right} : i8")
        return value

    def statement(self) -> None:
        """A few loads, a result, a store; often to a place that it has read."""
        target = self.place(self.choose.choice(("t", "y")))
        values = [
            self.load(self.place(self.choose.choice(("x", "x", "t", "y")))) for _ in range(self.choose.randint(1, 2))
        ]
        if self.choose.random() < 0.5:
            values.append(self.load(target))
        while len(values) > 1:
            values.append(self.combine(values.pop(), values.pop()))
        self.line(f"affine.store {values[0]}, {target}")

    def nest(self, depth: int) -> None:
        name, size = f"%i{len(self.loops)}_{self.fresh()[1:]}", self.choose.randint(1, 4)
        end = f"{size}"
        if self.loops and self.choose.random() < 0.3:  # a triangle
            outer, most = self.choose.choice(self.loops)
            end, size = f"affine_map<(d0) -> (d0 + {size - 1})>({outer})", most + size - 2
        if size < 1:
            end, size = "1", 1
        self.line(f"affine.for {name} = 0 to {end} {{")
        self.loops.append((name, size))
        if depth > 1 and self.choose.random() < 0.4:
            self.statement()
        if depth > 1:
            self.nest(depth - 1)
            if self.choose.random() < 0.3:
                self.nest(depth - 1)
        else:
            for _ in range(self.choose.randint(1, 2)):
                self.statement()
        if depth > 1 and self.choose.random() < 0.4:
            self.statement()
        self.loops.pop()
        self.line("}")

    def fill(self, memory: str) -> None:
        rows, columns = SHAPES[memory]
        self.line(f"affine.for %r{memory} = 0 to {rows} {{ affine.for %c{memory} = 0 to {columns} {{")
        self.line(f"affine.store %k, %{memory}[%r{memory}, %c{memory}] : memref<{rows}x{columns}xi8>")
        self.line("} }")


def random_function(seed: int) -> str:
    """A function of an input ``x`` and a result ``y``, with memory ``t`` inside."""
    writer = _Writer(random.Random(seed))
    writer.line(f"%k = arith.constant {writer.choose.randint(-128, 127)} : i8")
    writer.line("%t = memref.alloc() : memref<6x4xi8>")
    writer.fill("t")
    writer.fill("y")
    for _ in range(writer.choose.randint(1, 3)):
        writer.nest(writer.choose.randint(1, 3))
    body = "\n".join(writer.lines)
    return f"func.func @main(%x: memref<6x5xi8>, %y: memref<4x4xi8>) {{\n{body}\n  return\n}}"
