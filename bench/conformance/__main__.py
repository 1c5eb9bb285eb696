"""``make conformance``: run suites of operators and write ``docs/conformance.md``."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from bench.conformance import floor, page
from bench.conformance.judge import MANNERS
from bench.conformance.onnx_nodes import OnnxNodes, write_cases
from bench.conformance.op_db import OpDb
from bench.conformance.pool import ALL, Result, Settings, run
from bench.sections import update
from stepwell.driver.console import console
from stepwell.support.log import LOGGER, begin

_ROOT = Path(__file__).resolve().parents[2]
_PAGE = _ROOT / "docs" / "conformance.md"
_OUT = _ROOT / "out" / "conformance"
_TYPES = ("float32", "float16", "bfloat16", "float64", "complex64", "int64", "int8", "uint8", "bool")
_OPSETS = {"onnx": "ONNX's tests of nodes, opset 13 to 21", "onnx_newer": "ONNX's tests of nodes, opset 22 and later"}
_WHOLE = (*_TYPES, *_OPSETS)
_DYNAMIC = tuple(f"dynamic_{kind}" for kind in _TYPES)
_SECTIONS = (
    *_WHOLE,
    *_DYNAMIC,
    *(f"floor_{kind}" for kind in (*_WHOLE, *_DYNAMIC)),
    *(f"fallback_{kind}" for kind in _TYPES),
)


def main() -> int:
    """Run what the command line names; the status is 1 where anything is wrong or crashed."""
    parser = argparse.ArgumentParser(prog="python -m bench.conformance", description=__doc__)
    parser.add_argument("operators", nargs="*", help="names of operators, or beginnings with a * behind; all without")
    parser.add_argument("--suite", nargs="+", choices=("op_db", "onnx"), default=["op_db", "onnx"], help="test suites")
    parser.add_argument("--types", nargs="+", choices=_TYPES, default=list(_TYPES), help="types of op_db's samples")
    parser.add_argument("--target", default="cpu", help="what is compiled for")
    parser.add_argument("--most", type=int, default=ALL, help="samples of one operator, evenly spread")
    parser.add_argument("--jobs", type=int, default=2, help="workers")
    parser.add_argument("--seed", type=int, default=0, help="of the samples")
    parser.add_argument(
        "--again",
        action="store_true",
        help="what the page does not say is right, or what is named; its other rows stay",
    )
    parser.add_argument(
        "--manner",
        choices=MANNERS,
        default="static",
        help="how op_db's calls are compiled; with fallback='torch' the question is whether every sample runs",
    )
    parser.add_argument(
        "--floor", action="store_true", help="of the samples that the last run refused, which torch-mlir lowers"
    )
    options = parser.parse_args()
    if options.again and options.manner == "fallback":
        parser.error("--again is not for fallback, of which the page has not every operator")
    with console(1):
        counts = _op_db(options) if "op_db" in options.suite else []
        counts += _onnx(options) if "onnx" in options.suite and options.manner == "static" else []
    if not counts:
        sys.exit(f"no operator is called {' or '.join(options.operators)}")
    return 1 if any(counts) else 0


def _op_db(options: argparse.Namespace) -> list[int]:
    """The mistakes of each type that has such an operator."""
    mistakes = []
    for kind in options.types:
        operators = _chosen(OpDb(kind).operators(), options.operators)
        if operators:
            settings = _settings(options, "op_db:OpDb", kind)
            mistakes.append(_run(settings, kind, f"op_db, {kind}", operators, options))
    return mistakes


def _onnx(options: argparse.Namespace) -> list[int]:
    """As :func:`_op_db`, of operator sets; names that begin with ``test_`` are of tests, others of operators."""
    folder = os.path.relpath(write_cases(_OUT))  # messages name files: no page holds where it was written
    tests = [name for name in options.operators if name.startswith("test_")]
    names = [name for name in options.operators if name not in tests]
    mistakes = []
    for kind, title in _OPSETS.items():
        operators = _chosen(OnnxNodes(folder, kind, *tests).operators(), names)
        if operators:
            settings = _settings(options, "onnx_nodes:OnnxNodes", folder, kind, *tests)
            mistakes.append(_run(settings, kind, title, operators, options))
    return mistakes


def _settings(options: argparse.Namespace, suite: str, *arguments: str) -> Settings:
    place = f"bench.conformance.{suite}"
    return Settings(
        place, arguments, options.target, options.seed, options.most, jobs=options.jobs, manner=options.manner
    )


def _run(settings: Settings, kind: str, title: str, operators: list[str], options: argparse.Namespace) -> int:
    section = kind if settings.manner == "static" else f"{settings.manner}_{kind}"
    if settings.manner == "dynamic":
        title = f"{title}, every size dynamic"
    if options.floor:
        return _floor(settings, section, title)
    results: list[Result] = []
    start = time.monotonic()
    if options.again and not options.operators:
        operators = page.short_of_right(_PAGE, section, operators)
    log = _OUT / f"{section}.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as lines:

        def done(result: Result) -> None:
            results.append(result)
            for number, outcome in zip(result.numbers, result.outcomes, strict=False):
                line = {"operator": result.operator, "sample": number, "kind": outcome.kind, "message": outcome.message}
                print(json.dumps(line), file=lines, flush=True)
            found = ", ".join(f"{kind} {count}" for kind, count in page.counts(result).items())
            LOGGER.info("%s %d/%d %s: %s", section, len(results), len(operators), result.operator, found)
            begin(f"{title}: {len(results)} of {len(operators)} operators", len(results), len(operators))

        LOGGER.info("%s: %d operators", title, len(operators))
        begin(title, 0, len(operators))
        run(settings, operators, done)
    if options.again or not options.operators:
        samples = "1 sample" if settings.most == 1 else f"{settings.most} samples"
        limit = "" if settings.most == ALL else f", at most {samples} an operator"
        whole = f"{title} ({time.monotonic() - start:.0f} s{limit})"
        if settings.manner == "fallback":
            page.write_fallback(_PAGE, section, whole, results, _SECTIONS)
        else:
            for change in page.write(_PAGE, section, whole, results, _SECTIONS, keep=options.again):
                LOGGER.info("%s", change)
    return sum(page.counts(result)[name] for result in results for name in ("wrong", "crashed"))


def _floor(settings: Settings, section: str, title: str) -> int:
    refusals = floor.refused(_OUT / f"{section}.jsonl")
    if not refusals:
        LOGGER.info("%s: the last run on this machine refused nothing, or there was none", title)
        return 0
    results: list[Result] = []
    run(replace(settings, target=floor.TORCH_MLIR), sorted(refusals), results.append)
    text = floor.section(title, refusals, floor.below(refusals, results))
    update(_PAGE, page.HEAD, {f"floor_{section}": text}, _SECTIONS)
    return 0


def _chosen(names: list[str], wanted: list[str]) -> list[str]:
    return [name for name in names if not wanted or _is_named(name, wanted)]


def _is_named(name: str, wanted: list[str]) -> bool:
    return any(name == one or (one.endswith("*") and name.startswith(one[:-1])) for one in wanted)


if __name__ == "__main__":
    sys.exit(main())
