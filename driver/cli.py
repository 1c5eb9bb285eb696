"""The command line ``stepwell``: compile, lower, run, rebind, bench, report, profile, tune, verify and others."""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from stepwell.driver import commands
from stepwell.driver.argument_types import positive, seconds
from stepwell.driver.console import console
from stepwell.driver.plugins import load_plugin
from stepwell.support.errors import Error, UsageError, debugging, explain
from stepwell.support.interrupts import settle_interrupt

_VERBOSE = "say what is happening on standard error: stages and seconds; -vv each pass too"
# One has a bar of its own; the other measures calls, and a bar would take turns with them.
_WITHOUT_BAR = ("tune", "bench")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 for success, 1 for an error of ours, 2 for wrong usage."""
    options = _parse(sys.argv[1:] if arguments is None else arguments)
    try:
        with console(options.verbose, progress=options.command not in _WITHOUT_BAR):
            for plugin in options.load:
                load_plugin(plugin)
            result = options.run(options)
    except Error as error:
        if (options.debug or debugging()) and error.__cause__ is not None:
            traceback.print_exception(error.__cause__)
        _complain(f"error: {error}", error.to_json(), options.json)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt as interrupt:
        text = f"interrupted, {str(interrupt) or 'nothing was written'}"
        _complain(text, _facts("Interrupted", text), options.json)
        return settle_interrupt()
    except Exception as failure:
        if options.debug or debugging():
            raise
        text, _, hint = explain(failure).partition("\n  hint: ")
        _complain(explain(failure), _facts(type(failure).__name__, text, hint), options.json)
        return 1
    _print(json.dumps(result.data, indent=1, default=str) if options.json else result.text)
    return 0 if result.success else 1


def _complain(text: str, facts: dict[str, str | None], as_data: bool) -> None:
    if as_data:
        _print(json.dumps({"error": facts}, indent=1))
    else:
        print(f"stepwell: {text}", file=sys.stderr)


def _facts(kind: str, message: str, hint: str | None = None) -> dict[str, str | None]:
    return {"kind": kind, "message": message, "where": None, "hint": hint or None}


def _print(text: str) -> None:
    try:
        if text:
            print(text, flush=True)
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _WrongUsage(Exception):
    """What argparse has to say, and the parser that would say it."""

    def __init__(self, parser: argparse.ArgumentParser, message: str) -> None:
        super().__init__(message)
        self.parser = parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _WrongUsage(self, message)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    """The options; ends the process with 2 for wrong usage, which is data where ``--json`` is among ``words``."""
    try:
        return _parser().parse_args(words)
    except _WrongUsage as wrong:
        parser, message = wrong.parser, str(wrong)
    if "--json" not in words:
        argparse.ArgumentParser.error(parser, message)
    _print(json.dumps({"error": _facts(UsageError.__name__, message, f"see {parser.prog} --help")}, indent=1))
    sys.exit(2)


def _parser() -> _Parser:
    parser = _Parser(prog="stepwell", description="A multi-level deep learning compiler.")
    parser.add_argument("--json", action="store_true", help="print the result as data")
    parser.add_argument("-v", "--verbose", action="count", default=0, help=_VERBOSE)
    parser.add_argument("--load", metavar="FILE.py", type=Path, action="append", default=[], help="load a plugin first")
    parser.add_argument("--debug", action="store_true", help="print the traceback of an internal error")
    subparsers = parser.add_subparsers(dest="command", required=True)

    def command(name: str, help: str) -> argparse.ArgumentParser:
        sub = subparsers.add_parser(name, help=help, description=help)
        sub.set_defaults(run=getattr(commands, f"run_{name}"))
        sub.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print the result as data")
        sub.add_argument("-v", "--verbose", action="count", default=argparse.SUPPRESS, help=_VERBOSE)
        return sub

    def source(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("model", help="pkg.module:function that returns (model, args), or a .pt2, .onnx or .mlir file")
        sub.add_argument("--target", default="cpu", help="target and its options: cpu,threads=2")
        sub.add_argument("--pipeline", help="run these passes instead of the target's own")

    def dumps(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--dump-ir", metavar="DIR", type=Path, help="write the IR after every pass there")
        sub.add_argument("--html", action="store_true", help="with --dump-ir: a page of the levels, DIR/index.html")

    def samples(sub: argparse.ArgumentParser) -> None:
        text = ".npy or .npz files, each the inputs of a typical call, for a target that quantises"
        sub.add_argument("--calibrate", metavar="FILE", nargs="+", type=Path, help=text)

    def entry(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--entry", default="main", help="the entry point; main by default")

    sub = command("compile", "compile a model ahead of time into an artifact folder")
    source(sub)
    dumps(sub)
    samples(sub)
    sub.add_argument("-o", "--output", type=Path, required=True, help="the artifact folder")
    sub.add_argument(
        "--emit", default="", metavar="KIND,...", help="also write ll, s, o, a, ptx, cu, or the IR of a level"
    )
    sub.add_argument("--time-passes", action="store_true", help="print the time of each pass")
    sub.add_argument("--no-cache", action="store_true", help="compile even if the code is in the cache; keep nothing")

    sub = command("lower", "print a model at a level")
    source(sub)
    dumps(sub)
    sub.add_argument("--to", default="tensor", help="graph, tensor, buffer or backend")
    sub.add_argument("-o", "--output", metavar="FILE.mlir", type=Path, help="write it there, its parameters beside it")

    sub = command("run", "run an artifact on inputs")
    sub.add_argument("artifact", type=Path)
    entry(sub)
    sub.add_argument("--inputs", nargs="*", type=Path, default=[], help=".npy or .npz files; random inputs without")
    sub.add_argument("--output", type=Path, help="write the results to this .npz")
    sub.add_argument("--seed", type=int, default=0, help="for random inputs")

    sub = command("rebind", "give an artifact other weights of the same shapes")
    sub.add_argument("artifact", type=Path)
    sub.add_argument("weights", type=Path, help="a safetensors file with the names of the model's state_dict")

    sub = command("bench", "time an artifact on random inputs")
    sub.add_argument("artifact", type=Path)
    entry(sub)
    sub.add_argument("--repeat", type=positive, default=50, help="calls to time")

    sub = command("report", "what each layer of an artifact of target hls does: cycles, stalls, FIFOs")
    sub.add_argument("artifact", type=Path)
    sub.add_argument("--frames", type=positive, default=8, help="how many to simulate")
    sub.add_argument("--seed", type=int, default=0, help="for random inputs")
    sub.add_argument("--svg", metavar="FILE.svg", type=Path, help="draw the dataflow graph")

    sub = command("profile", "time of each operation, with its source line, beside what the machine can do")
    source(sub)
    sub.add_argument("--repeat", type=positive, default=20, help="calls to time")
    sub.add_argument("--threads", type=positive, default=1, help="threads of parallel loops")
    sub.add_argument("--by", choices=("nest", "line", "operator"), default="nest", help="what a row stands for")
    sub.add_argument("--rows", type=positive, default=30, help="how many rows to print")
    sub.add_argument("--roofline", metavar="FILE.png", type=Path, help="draw the roofline; '-' prints it")
    sub.add_argument("--trace", metavar="FILE.json", type=Path, help="write a Chrome trace file of one call")

    sub = command("tune", "look for better schedules of an artifact or model by measuring them")
    source(sub)
    sub.add_argument("--budget", metavar="SECONDS", type=seconds, default=60.0, help="how long it may take (60)")
    sub.add_argument("--database", metavar="FILE", type=Path, help="gets what is found; schedules.json for a model")
    sub.add_argument("--threads", type=positive, default=1, help="threads of parallel loops")
    entry(sub)

    sub = command("verify", "run every level on the same inputs and compare")
    source(sub)
    samples(sub)
    sub.add_argument("--seed", type=int, default=0, help="for the random inputs")

    sub = command("analyze", "operations, parameters and bytes moved, by operator and source line")
    source(sub)

    sub = command("cache", "list or clear the code that is kept")
    sub.add_argument("action", nargs="?", choices=("list", "clear"), default="list")

    command("doctor", "versions, the CPU, and what each target lacks")
    return parser


if __name__ == "__main__":
    sys.exit(main())
