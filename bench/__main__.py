"""``make bench``: races, overhead, allocations, compile time and memory; prints ``docs/bench.md`` and writes it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.page import render
from examples.models import raced

_PAGE = Path(__file__).resolve().parents[1] / "docs" / "bench.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("models", nargs="*", help="names of the zoo; by default all whose speed says something")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contender")
    parser.add_argument("--seconds", type=float, default=0.5, help="length of a turn")
    parser.add_argument("--without", action="append", default=[], help="a contender to leave out; may be repeated")
    parser.add_argument("-o", "--output", type=Path, default=_PAGE)
    options = parser.parse_args(arguments)
    text = render(
        options.models or list(raced()), rounds=options.rounds, seconds=options.seconds, without=options.without
    )
    print(text)
    options.output.write_text(text)
    print(f"wrote {options.output}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
