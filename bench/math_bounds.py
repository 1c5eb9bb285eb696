"""The error of the compiled functions over the floats: ``python -m bench.math_bounds [NAME...]``.

Takes one float of 64 (the slow tests take all); writes the table of ``docs/passes/expand-math.md`` where all functions
are measured.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

import stepwell
from stepwell.passes.buffer.math.bounds import BOUNDS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "passes" / "expand-math.md"
_MARKS = ("<!-- bounds -->", "<!-- end of bounds -->")
_CHUNK = 1 << 22

FUNCTIONS: dict[str, Callable[..., torch.Tensor]] = {
    "cos": torch.cos,
    "erf": torch.erf,
    "exp": torch.exp,
    "exp2": torch.exp2,
    "expm1": torch.expm1,
    "log": torch.log,
    "log10": torch.log10,
    "log1p": torch.log1p,
    "log2": torch.log2,
    "powf": torch.pow,
    "sin": torch.sin,
    "tanh": torch.tanh,
}


def ulp_errors(got: torch.Tensor, exact: torch.Tensor) -> torch.Tensor:
    """Error of f32 results in units in the last place of the f64 results; infinite where a special value is wrong."""
    rounded = exact.float()
    exponent = torch.frexp(exact).exponent.clamp(-125, 128) - 1
    unit = torch.ldexp(torch.ones_like(exact), exponent - 23)
    errors = ((got.double() - exact) / unit).abs()
    special = ~torch.isfinite(rounded)
    equal = (got == rounded) | (got.isnan() & rounded.isnan())
    errors = torch.where(special, torch.where(equal, 0.0, torch.inf), errors.nan_to_num(torch.inf))
    zero = (got == 0) & (rounded == 0) & (torch.signbit(got) != torch.signbit(rounded))
    return torch.where(zero, torch.inf, errors)


def floats(step: int) -> Iterator[torch.Tensor]:
    """Every ``step``-th of the 2^32 floats, in order of their bits, in pieces."""
    piece = _CHUNK * step
    for start in range(-(1 << 31), 1 << 31, piece):
        yield torch.arange(start, start + piece, step, dtype=torch.int64).to(torch.int32).view(torch.float32)


def pairs(count: int = 1 << 22, seed: int = 0) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Arguments of a power: special values against each other, then random ones of every size."""
    numbers = [0.0, 1.0, 2.0, 3.0, 0.5, 1.5, 1e-45, 1e-38, 3.4e38, 16777215.0, 16777216.0, 1e10, torch.inf]
    special = torch.tensor([*numbers, *(-n for n in numbers), torch.nan])
    yield special.repeat_interleave(len(special)), special.repeat(len(special))
    random = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float) -> torch.Tensor:
        return torch.rand(count, generator=random) * (high - low) + low

    yield uniform(0, 4), uniform(-40, 40)
    yield uniform(-80, 80).exp(), uniform(-2, 2)
    yield uniform(-4, 4), uniform(-60, 60).round()
    bits = torch.randint(-(1 << 31), 1 << 31, (2, count), generator=random).to(torch.int32).view(torch.float32)
    yield bits[0], bits[1]


class _Function(torch.nn.Module):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, *args: torch.Tensor) -> torch.Tensor:
        return FUNCTIONS[self.name](*args)


def measure(name: str, step: int) -> float:
    """The largest error of ``name`` as the CPU computes it, over every ``step``-th float."""
    binary = name == "powf"
    size = torch.export.Dim("size")
    example = [torch.zeros(8), torch.zeros(8)]
    arguments, sizes = (tuple(example), ({0: size}, {0: size})) if binary else ((example[0],), ({0: size},))
    function = stepwell.compile(_Function(name), arguments, target="cpu", dynamic_shapes=(sizes,))
    worst = 0.0
    batches = pairs() if binary else ((x,) for x in floats(step))
    for batch in batches:
        exact = FUNCTIONS[name](*(x.double() for x in batch))
        worst = max(worst, float(ulp_errors(function(*batch), exact).max()))
    return worst


def main(names: Sequence[str]) -> None:
    """Measure ``names``, all by default."""
    rows = []
    for name in names or FUNCTIONS:
        worst = measure(name, 64)
        rows.append(f"| `{name}` | {worst:.3f} | {BOUNDS[name]} |")
        print(rows[-1], flush=True)
    if not names:
        text = PAGE.read_text()
        before, _, rest = text.partition(_MARKS[0])
        table = "\n".join(["| function | largest error | bound |", "|---|---|---|", *rows])
        PAGE.write_text(f"{before}{_MARKS[0]}\n{table}\n{_MARKS[1]}{rest.partition(_MARKS[1])[2]}")


if __name__ == "__main__":
    main(sys.argv[1:])
