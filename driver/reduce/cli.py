"""``stepwell-reduce``: a failing ``.mlir`` file or model, shrunk to a small one that fails in the same way."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from stepwell.driver.argument_types import seconds
from stepwell.driver.reduce.session import Reduction
from stepwell.support.errors import Error, UsageError, debugging, explain
from stepwell.support.interrupts import settle_interrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool; returns its exit code (0 done, 1 an error of ours, 2 wrong usage)."""
    options = _parser().parse_args(arguments)
    try:
        result = _reduce(options)
    except Error as error:
        print(f"stepwell-reduce: error: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        print("stepwell-reduce: interrupted, nothing was written", file=sys.stderr)
        return settle_interrupt()
    except Exception as failure:
        if debugging():
            raise
        print(f"stepwell-reduce: {explain(failure)}", file=sys.stderr)
        return 1
    print(json.dumps(_data(result, options), indent=1) if options.json else _text(result, options))
    return 0


def _reduce(options: argparse.Namespace) -> Reduction:
    pattern = _pattern(options.expect)
    is_ir = options.input.endswith(".mlir")
    if is_ir and options.target is not None:
        raise UsageError("--target is for models", hint="a .mlir file is reduced with --pass-pipeline")
    if is_ir:
        from stepwell.driver.reduce.reduce_ir import reduce_ir

        return reduce_ir(
            Path(options.input),
            options.output or Path("reduced.mlir"),
            pipeline=options.pass_pipeline,
            pattern=pattern,
            script=options.test,
            plugins=options.load,
            parameters=options.parameters,
            seconds=options.candidate_seconds,
            budget=options.budget,
        )
    from stepwell.driver.plugins import load_plugin
    from stepwell.driver.reduce.reduce_model import reduce_model
    from stepwell.driver.sources import resolve

    for plugin in options.load:
        load_plugin(plugin)
    model, args = resolve(options.input)
    return reduce_model(
        model,
        args,
        options.output or Path("reduced.py"),
        target=options.target or "cpu",
        pipeline=options.pass_pipeline,
        check=options.check,
        pattern=pattern,
        script=options.test,
        plugins=options.load,
        seconds=options.candidate_seconds,
        budget=options.budget,
    )


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(text) if text is not None else None
    except re.error as failure:
        raise UsageError(f"--expect is no regular expression: {failure}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stepwell-reduce", description="Shrink an input that fails.")
    parser.add_argument("input", help="a .mlir file, a .pt2 file, or pkg.module:function that returns (model, args)")
    parser.add_argument("-o", "--output", type=Path, help="where the result goes: reduced.mlir or reduced.py")
    parser.add_argument(
        "--pass-pipeline", metavar="TEXT", help="passes to run; without, those at the head of the file, or the target's"
    )
    parser.add_argument("--target", help="what a model is compiled for (cpu)")
    parser.add_argument(
        "--check", choices=("compile", "verify"), default="compile", help="what fails: compiling, or a level deviates"
    )
    parser.add_argument("--expect", metavar="REGEX", help="what the message must match; by default one like the first")
    parser.add_argument("--test", metavar="SCRIPT", help="is given each candidate's file; status 0 keeps it")
    parser.add_argument("--load", metavar="FILE.py", type=Path, action="append", default=[], help="load a plugin first")
    parser.add_argument("--parameters", metavar="FILE", type=Path, help="values of parameters, for passes on IR")
    parser.add_argument("--candidate-seconds", type=seconds, default=60.0, help="after which a candidate hangs (60)")
    parser.add_argument("--budget", type=seconds, default=3600.0, help="seconds for everything (3600)")
    parser.add_argument("--json", action="store_true", help="print the result as data")
    return parser


def _output(options: argparse.Namespace) -> str:
    return str(options.output or ("reduced.mlir" if options.input.endswith(".mlir") else "reduced.py"))


def _data(result: Reduction, options: argparse.Namespace) -> dict[str, object]:
    return {
        "kind": result.failure.kind,
        "message": result.failure.message,
        "output": _output(options),
        "size_before": result.size_before,
        "size": result.size,
        "tried": result.tried,
        "seconds": round(result.seconds, 2),
        **result.facts,
    }


def _text(result: Reduction, options: argparse.Namespace) -> str:
    facts = "".join(f"\n{name}: {value}" for name, value in result.facts.items())
    return (
        f"{result.failure.kind}: {result.failure.message.splitlines()[0]}\n"
        f"{result.size_before} operations to {result.size}, "
        f"{result.tried} candidates in {result.seconds:.1f} s{facts}\n"
        f"written to {_output(options)}"
    )


if __name__ == "__main__":
    sys.exit(main())
