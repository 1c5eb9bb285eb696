"""``make conformance``: run suites of operators and write ``docs/conformance.md``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from bench.conformance import page
from bench.conformance.op_db import OpDb
from bench.conformance.pool import ALL, Result, Settings, run

_ROOT = Path(__file__).resolve().parents[2]
_PAGE = _ROOT / "docs" / "conformance.md"
_TYPES = ("float32", "float16", "bfloat16", "int64", "bool")
_SECTIONS = (*_TYPES, *(f"fallback_{kind}" for kind in _TYPES))


def main() -> int:
    """Run what the command line names; the status is 1 where anything is wrong or crashed."""
    parser = argparse.ArgumentParser(prog="python -m bench.conformance", description=__doc__)
    parser.add_argument("operators", nargs="*", help="names of operators, or beginnings with a * behind; all without")
    parser.add_argument("--types", nargs="+", choices=_TYPES, default=list(_TYPES), help="types of the samples")
    parser.add_argument("--target", default="cpu", help="what is compiled for")
    parser.add_argument("--most", type=int, default=ALL, help="samples of one operator, evenly spread")
    parser.add_argument("--jobs", type=int, default=2, help="workers")
    parser.add_argument("--seed", type=int, default=0, help="of the samples")
    parser.add_argument("--fallback", action="store_true", help="with fallback='torch': does every sample run")
    options = parser.parse_args()
    mistakes = 0
    for kind in options.types:
        settings = Settings(
            "bench.conformance.op_db:OpDb", (kind,), options.target, options.seed, options.most, jobs=options.jobs,
            fallback=options.fallback,
        )  # fmt: skip
        mistakes += _run(
            settings, kind, _chosen(OpDb(kind).operators(), options.operators), whole=not options.operators
        )
    return 1 if mistakes else 0


def _run(settings: Settings, kind: str, operators: list[str], *, whole: bool) -> int:
    results: list[Result] = []
    start = time.monotonic()
    section = f"fallback_{kind}" if settings.fallback else kind
    log = _ROOT / "out" / "conformance" / f"{section}.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as lines:

        def done(result: Result) -> None:
            results.append(result)
            for number, outcome in zip(result.numbers, result.outcomes, strict=False):
                line = {"operator": result.operator, "sample": number, "kind": outcome.kind, "message": outcome.message}
                print(json.dumps(line), file=lines)
            found = ", ".join(f"{kind} {count}" for kind, count in page.counts(result).items())
            clock = time.monotonic() - start
            print(f"{kind} {len(results)}/{len(operators)} {clock:.0f} s  {result.operator}: {found}", flush=True)

        run(settings, operators, done)
    if whole:
        limit = "" if settings.most == ALL else f", at most {settings.most} samples an operator"
        title = f"op_db, {kind} ({time.monotonic() - start:.0f} s{limit})"
        if settings.fallback:
            page.write_fallback(_PAGE, section, title, results, _SECTIONS)
        else:
            for change in page.write(_PAGE, section, title, results, _SECTIONS):
                print(change)
    return sum(page.counts(result)[name] for result in results for name in ("wrong", "crashed"))


def _chosen(names: list[str], wanted: list[str]) -> list[str]:
    if not wanted:
        return names
    found = [n for n in names if any(n == w or (w.endswith("*") and n.startswith(w[:-1])) for w in wanted)]
    if not found:
        sys.exit(f"no operator is called {' or '.join(wanted)}")
    return found


if __name__ == "__main__":
    sys.exit(main())
