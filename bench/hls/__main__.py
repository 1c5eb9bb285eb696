"""``make bench-hls``: area, clock and cycles of generated hardware; writes ``docs/bench-hls.md``."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.hls import components, estimates, loops, networks, results
from bench.hls.section import Section
from bench.sections import update

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "bench-hls.md"

_HEAD = """# Generated hardware

Written by `make bench-hls` (or `python -m bench.hls SECTION`, which renews one section). Results of the RTL are
compared with the bit-exact reference before anything is measured.
"""

SECTIONS: dict[str, Section] = {
    section.name: section for section in (components.SECTION, loops.SECTION, estimates.SECTION, networks.SECTION)
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the sections asked for, and write their part of the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.hls", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=f"of {', '.join(SECTIONS)}; all by default")
    parser.add_argument("--rows", metavar="REGEX", default="", help="measure these rows only")
    parser.add_argument("--fresh", action="store_true", help="measure again what was measured before")
    parser.add_argument("-o", "--output", type=Path, default=_PAGE)
    options = parser.parse_args(arguments)
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"no section is called {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    for name in options.sections or SECTIONS:
        section = SECTIONS[name]
        _measure(section, options.rows, options.fresh)
        found = {row: data for row in section.rows if (data := results.load(name, row)) is not None}
        update(options.output, _HEAD, {name: section.text(found)}, list(SECTIONS))
    print(f"wrote {options.output}", file=sys.stderr)
    return 0


def _measure(section: Section, pattern: str, fresh: bool) -> None:
    for row in section.rows:
        if not re.search(pattern, row) or (not fresh and results.load(section.name, row) is not None):
            continue
        began = time.monotonic()
        results.save(section.name, row, section.measure(row))
        print(f"[{section.name}] {row} ({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
