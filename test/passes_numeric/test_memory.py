"""Random programs keep their results when their tensors become buffers in an arena."""

from __future__ import annotations

import random

import numpy as np
import pytest
from numeric_check import TO_BUFFERS, apply, check_pipeline, random_array

from stepwell.passes.base import PassContext
from stepwell.passes.buffer.liveness import Interval
from stepwell.passes.buffer.offsets import ALIGNMENT, Request, align, assign_offsets, peak_in_use


@pytest.mark.parametrize("seed", range(20))
def test_buffers_in_use_together_share_no_byte(seed: int) -> None:
    rng = random.Random(seed)
    requests = []
    for _ in range(rng.randrange(1, 60)):
        first = rng.randrange(100)
        requests.append(Request(rng.randrange(0, 5000), Interval(first, first + rng.randrange(30))))
    offsets, peak = assign_offsets(requests)
    for i, one in enumerate(requests):
        assert offsets[i] % ALIGNMENT == 0
        assert offsets[i] + one.size <= peak
        for j, other in enumerate(requests[:i]):
            if one.interval.overlaps(other.interval):
                apart = offsets[i] + one.size <= offsets[j] or offsets[j] + other.size <= offsets[i]
                assert apart or min(one.size, other.size) == 0
    assert peak_in_use(requests) <= peak + ALIGNMENT * len(requests)
    assert peak <= sum(align(request.size) for request in requests)


def test_an_arena_without_buffers_is_empty() -> None:
    assert assign_offsets([]) == ([], 0)
    assert peak_in_use([]) == 0


def test_the_smallest_gap_is_taken() -> None:
    early, whole, late = Interval(0, 4), Interval(0, 9), Interval(5, 9)
    requests = [Request(512, early), Request(448, whole), Request(128, early), Request(112, whole), Request(100, late)]
    offsets, _ = assign_offsets(requests)
    assert offsets == [0, 512, 960, 1088, 960], "the gap of 128 bytes fits better than the one of 512"


class _Program:
    """A random tensor program over vectors of a few sizes, two states, parameters, branches and loops."""

    def __init__(self, seed: int, *, dynamic: bool) -> None:
        self.rng = random.Random(seed)
        self.dynamic = dynamic
        self.lines: list[str] = []
        self.count = 0
        self.values: list[tuple[str, int]] = []

    def type(self, size: int) -> str:
        return f"tensor<{'?' if self.dynamic else size}xf32>"

    def fresh(self) -> str:
        self.count += 1
        return f"%v{self.count}"

    def pick(self, size: int | None = None) -> tuple[str, int]:
        return self.rng.choice([v for v in self.values if size is None or v[1] == size])

    def empty(self, size: int) -> str:
        name = self.fresh()
        self.lines.append(f"{name} = tensor.empty({f'%n{size}' if self.dynamic else ''}) : {self.type(size)}")
        return name

    def binary(self, left: str, right: str, size: int, out: str | None = None) -> str:
        kind = self.rng.choice(["add", "sub", "max"])
        into, result, type_ = out or self.empty(size), self.fresh(), self.type(size)
        self.lines.append(
            f"{result} = linalg.{kind} ins({left}, {right} : {type_}, {type_}) outs({into} : {type_}) -> {type_}"
        )
        return result

    def step(self, depth: int) -> None:
        """Add one operation; its result may be used by later ones of this block."""
        choice = self.rng.random()
        value, size = self.pick()
        type_ = self.type(size)
        if choice < 0.45 or depth > 1:
            # A result written over an old value makes bufferization decide between in place and a copy.
            over = self.pick(size)[0] if self.rng.random() < 0.4 else None
            self.values.append((self.binary(value, self.pick(size)[0], size, over), size))
        elif choice < 0.6:
            result, other = self.fresh(), self.pick(size)[0]
            piece = f"{value}p{self.count}"
            self.lines.append(f"{piece} = tensor.extract_slice {value}[0] [2] [1] : {type_} to tensor<2xf32>")
            self.lines.append(
                f"{result} = tensor.insert_slice {piece} into {other}[1] [2] [1] : tensor<2xf32> into {type_}"
            )
            self.values.append((result, size))
        elif choice < 0.8:
            result, inner = self.fresh(), f"%i{self.count}"
            self.lines.append(
                f"{result} = scf.for %k{self.count} = %c0 to %c3 step %c1 iter_args({inner} = {value}) -> ({type_}) {{"
            )
            self.body(inner, size, depth)
            self.lines.append("}")
            self.values.append((result, size))
        else:
            result = self.fresh()
            self.lines.append(f"{result} = scf.if %cond -> ({type_}) {{")
            self.body(value, size, depth)
            self.lines.append("} else {")
            self.body(value, size, depth)
            self.lines.append("}")
            self.values.append((result, size))

    def body(self, value: str, size: int, depth: int) -> None:
        outside = list(self.values)
        self.values.append((value, size))
        for _ in range(self.rng.randrange(1, 4)):
            self.step(depth + 1)
        # Sometimes what is yielded was made outside, or is the value that came in.
        self.lines.append(f"scf.yield {self.pick(size)[0]} : {self.type(size)}")
        self.values = outside

    def text(self) -> str:
        arguments = [
            ("%x", 5, 'stepwell.input = "x"'), ("%y", 7, 'stepwell.input = "y"'), ("%w", 5, 'stepwell.parameter = "w"'),
            ("%s", 5, 'stepwell.state = "s"'), ("%t", 5, 'stepwell.state = "t"'),
        ]  # fmt: skip
        self.values = [("%wd" if name == "%w" and self.dynamic else name, size) for name, size, _ in arguments]
        for _ in range(self.rng.randrange(4, 12)):
            self.step(0)
        results = [self.pick(5)[0], self.pick(5)[0], *[self.pick(7)[0]], *[self.pick(5)[0] for _ in range(2)]]
        types = [self.type(5), self.type(5), self.type(7), self.type(5), self.type(5)]
        marks = ['stepwell.state = "s"', 'stepwell.state = "t"', *[f'stepwell.output = "{i}"' for i in range(3)]]
        declared = ", ".join(
            f"{n}: {f'tensor<{size}xf32>' if n == '%w' else self.type(size)} {{{mark}}}" for n, size, mark in arguments
        )
        returned = ", ".join(f"{type_} {{{mark}}}" for type_, mark in zip(types, marks, strict=True))
        cast = "%wd = tensor.cast %w : tensor<5xf32> to tensor<?xf32>" if self.dynamic else ""
        body = "\n".join(self.lines)
        return f"""
func.func @main({declared}, %flag: tensor<i1> {{stepwell.input = "flag"}}) -> ({returned}) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %cond = tensor.extract %flag[] : tensor<i1>
  {cast}
  {"%n5 = tensor.dim %x, %c0 : tensor<?xf32>" if self.dynamic else ""}
  {"%n7 = tensor.dim %y, %c0 : tensor<?xf32>" if self.dynamic else ""}
  {body}
  return {", ".join(results)} : {", ".join(types)}
}}
"""


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("seed", range(25))
def test_random_programs_keep_their_results(seed: int, dynamic: bool) -> None:
    text = _Program(seed, dynamic=dynamic).text()
    rng = np.random.default_rng(seed)
    parameters = {"w": random_array(rng, (5,))}
    states = {name: random_array(rng, (5,)) for name in "st"}
    for flag in (False, True):
        inputs = [random_array(rng, (5,)), random_array(rng, (7,)), np.array(flag)]
        limit = 0 if seed % 2 else 4096
        pipeline = TO_BUFFERS.replace("plan-memory", f"plan-memory{{stack-limit={limit} dynamic=true}}")
        check_pipeline(text, pipeline, inputs, parameters=parameters, states=states, tolerance=0.0)


def test_the_plan_is_reported() -> None:
    context = PassContext()
    apply(_Program(3, dynamic=False).text(), "bufferize,plan-memory", context)
    facts = context.report["plan-memory"]["main"]
    assert facts["least_bytes"] <= facts["peak_bytes"] <= align(facts["sum_bytes"] + ALIGNMENT * facts["buffers"])
