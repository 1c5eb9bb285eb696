"""``make bench-hls``: area, clock and cycles of generated hardware; writes ``docs/bench-hls.md``."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
    for step in ("measured", "placed"):
        for name in options.sections or SECTIONS:
            section = SECTIONS[name]
            _run(section, step, options.rows, options.fresh)
            update(options.output, _HEAD, {name: _text(section)}, list(SECTIONS))
    print(f"wrote {options.output}", file=sys.stderr)
    return 0


def _run(section: Section, step: str, pattern: str, fresh: bool) -> None:
    """Measure the rows of ``section`` that were not yet, or place them."""
    for row in section.rows:
        if not re.search(pattern, row) or (not fresh and results.load(section.name, step, row) is not None):
            continue
        began = time.monotonic()
        work = section.measure if step == "measured" else section.place
        results.save(section.name, step, row, work(row))
        print(f"[{section.name}] {row}: {step} ({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)


def _text(section: Section) -> str:
    """The part of the page, with all that has been measured; says what has not."""
    found: dict[str, dict[str, Any]] = {}
    missing, unplaced = [], []
    for row in section.rows:
        data = results.load(section.name, "measured", row)
        placed = results.load(section.name, "placed", row)
        if data is None:
            missing.append(row)
            continue
        found[row] = data if placed is None else {**data, "placed": placed}
        unplaced += [row] if placed is None else []
    notes = [
        f"{what}: {'; '.join(rows)}."
        for what, rows in (("Not measured yet", missing), ("Not synthesised and placed yet", unplaced))
        if rows
    ]
    return "\n\n".join([section.text(found).rstrip(), *notes])


if __name__ == "__main__":
    raise SystemExit(main())
