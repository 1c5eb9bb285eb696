"""The command line of stepwell-opt: mlir-opt's spellings, ``-x`` and ``--x`` alike, passes as flags in order."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from stepwell.support.errors import UsageError


@dataclass
class Options:
    """What the command line asks for; ``passes`` holds pipeline elements of pass flags, as text and in order."""

    input: str = "-"
    output: str = "-"
    pass_pipeline: str | None = None
    passes: list[str] = field(default_factory=list)
    run_reproducer: bool = False
    split_input_file: str | None = None
    output_split_marker: str = "// -----"
    verify_diagnostics: str | None = None
    allow_unregistered_dialect: bool = False
    verify_each: bool = True
    verify_level: str | None = None
    load: list[Path] = field(default_factory=list)
    parameters: Path | None = None
    schedules: Path | None = None
    dump_ir: Path | None = None
    dump_pass_pipeline: bool = False
    time_passes: bool = False
    print_report: bool = False
    list_passes: bool = False
    json: bool = False
    help: bool = False
    version: bool = False
    mlir_print_ir_before_all: bool = False
    mlir_print_ir_after_all: bool = False
    mlir_print_ir_after_change: bool = False
    mlir_print_debuginfo: bool = False
    mlir_pretty_debuginfo: bool = False
    mlir_print_op_generic: bool = False
    print_local_scope: bool = False
    mlir_elide_elementsattrs_if_larger: int | None = None
    mlir_elide_resource_strings_if_larger: int | None = None


@dataclass(frozen=True)
class Flag:
    """One option: where it goes, its value in words ("" for none), and how a value is read.

    ``bare`` is the value of the option written without one; None where a value must follow.
    """

    target: str
    value: str
    summary: str
    parse: Callable[[str], object]
    bare: object = None
    append: bool = False


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise ValueError
    return text.lower() in ("true", "1")


def _count(text: str) -> int:
    if not text.isdigit():
        raise ValueError
    return int(text)


def _diagnostics_mode(text: str) -> str:
    if text not in ("", "all", "only-expected"):
        raise ValueError
    return text or "all"


def _switch(target: str, summary: str) -> Flag:
    return Flag(target, "", summary, _boolean, bare=True)


FLAGS: dict[str, Flag] = {
    "o": Flag("output", "FILE", "write the result there ('-' is standard output)", str),
    "pass-pipeline": Flag("pass_pipeline", "TEXT", "passes to run: 'builtin.module(a,b{option=1})'", str),
    "run-reproducer": _switch("run_reproducer", "run the pipeline at the head of the input (reproducers, dumps)"),
    "split-input-file": Flag("split_input_file", "", "part the input at '// -----' lines", str, "// -----"),
    "output-split-marker": Flag("output_split_marker", "TEXT", "line between the pieces of the output", str),
    "verify-diagnostics": Flag(
        "verify_diagnostics", "", "check diagnostics against expected-* comments (=only-expected: ignore others)",
        _diagnostics_mode, "all",
    ),
    "allow-unregistered-dialect": _switch("allow_unregistered_dialect", "accept operations nobody registered"),
    "verify-each": _switch("verify_each", "verify the IR after each pass (default true)"),
    "verify-level": Flag("verify_level", "NAME", "check the result against the contract of a level", str),
    "load": Flag("load", "FILE.py", "load your passes and dialects; may come more than once", Path, append=True),
    "parameters": Flag("parameters", "FILE", "safetensors file with the values of the parameters", Path),
    "schedules": Flag("schedules", "FILE", "schedule database; its entries are taken whatever CPU they name", Path),
    "dump-ir": Flag("dump_ir", "DIR", "write the IR after every pass to a numbered file there", Path),
    "dump-pass-pipeline": _switch("dump_pass_pipeline", "print the pipeline that is run"),
    "time-passes": _switch("time_passes", "print a table of the time each pass took"),
    "mlir-timing": _switch("time_passes", "the same"),
    "print-report": _switch("print_report", "print what passes noted, as JSON"),
    "list-passes": _switch("list_passes", "print our passes with their options"),
    "json": _switch("json", "print the result, --list-passes, --version and errors as data"),
    "help": _switch("help", "print this text"),
    "version": _switch("version", "print the version"),
    "mlir-print-ir-before-all": _switch("mlir_print_ir_before_all", "print the IR before each pass"),
    "mlir-print-ir-after-all": _switch("mlir_print_ir_after_all", "print the IR after each pass"),
    "mlir-print-ir-after-change": _switch("mlir_print_ir_after_change", "print the IR after passes that change it"),
    "mlir-print-debuginfo": _switch("mlir_print_debuginfo", "print locations"),
    "mlir-pretty-debuginfo": _switch("mlir_pretty_debuginfo", "print locations for reading (can't be parsed)"),
    "mlir-print-op-generic": _switch("mlir_print_op_generic", "print operations in generic form"),
    "print-local-scope": _switch("print_local_scope", "print without aliases"),
    "mlir-print-local-scope": _switch("print_local_scope", "the same"),
    "mlir-elide-elementsattrs-if-larger": Flag(
        "mlir_elide_elementsattrs_if_larger", "N", "cut constants of more elements than that", _count
    ),
    "mlir-elide-resource-strings-if-larger": Flag(
        "mlir_elide_resource_strings_if_larger", "N", "cut resources of more characters than that", _count
    ),
}  # fmt: skip

# True of this tool whether they are given or not: one thread, whole modules in dumps.
ALWAYS = frozenset({"mlir-disable-threading", "mlir-print-ir-module-scope"})

_PASS_FLAG = re.compile(r"([A-Za-z][\w.\-]*)(?:\{(.*)\}|=(.*))?", re.DOTALL)


def parse_arguments(words: list[str]) -> Options:
    """Read the command line; a flag that is none of ours is taken for a pass, whose name the caller checks.

    Raises:
        UsageError: a missing or unfit value, two inputs, or pass flags beside --pass-pipeline.
    """
    options = Options()
    inputs: list[str] = []
    pending = list(words)
    while pending:
        word = pending.pop(0)
        if not word.startswith("-") or word == "-":
            inputs.append(word)
            continue
        body = word.lstrip("-")
        name, separator, value = body.partition("=")
        if name in FLAGS:
            _set_flag(options, name, value if separator else None, pending)
        elif body not in ALWAYS:
            options.passes.append(_pass_element(word, body))
    if len(inputs) > 1:
        raise UsageError(f"one input file is taken, not {len(inputs)}: {', '.join(inputs)}")
    options.input = inputs[0] if inputs else "-"
    if options.passes and options.pass_pipeline is not None:
        raise UsageError("passes as flags can't be mixed with --pass-pipeline", hint="write them into the pipeline")
    return options


def help_text() -> str:
    """All options, one a line."""
    lines = ["usage: stepwell-opt [options] [--PASS[=OPTIONS] ...] [FILE | -]", ""]
    for name, flag in FLAGS.items():
        spelled = f"-{name}" if len(name) == 1 else f"--{name}"
        if flag.value:
            spelled += f" {flag.value}" if len(name) == 1 else f"={flag.value}"
        lines.append(f"  {spelled:<46}{flag.summary}")
    lines += ["", "Every pass of --list-passes and of MLIR is a flag: --tile=sizes=8,32 or --tile{sizes=8,32}."]
    return "\n".join(lines)


def _set_flag(options: Options, name: str, value: str | None, pending: list[str]) -> None:
    flag = FLAGS[name]
    parsed: object
    if value is None and flag.bare is not None:
        parsed = flag.bare
    else:
        if value is None:
            if not pending:
                raise UsageError(f"option '{name}' needs a value", hint=f"{flag.value}: {flag.summary}")
            value = pending.pop(0)
        try:
            parsed = flag.parse(value)
        except ValueError:
            raise UsageError(f"option '{name}' does not take '{value}'", hint=flag.summary) from None
    if flag.append:
        getattr(options, flag.target).append(parsed)
    else:
        setattr(options, flag.target, parsed)


def unknown_flag(word: str) -> UsageError:
    """The error for a flag that is neither an option nor a pass."""
    hint = "stepwell-opt --help shows the options, --list-passes our passes"
    return UsageError(f"unknown option or pass '{word}'", hint=hint)


def _pass_element(word: str, body: str) -> str:
    match = _PASS_FLAG.fullmatch(body)
    if match is None:
        raise unknown_flag(word)
    text = match[2] if match[2] is not None else (match[3] or "")
    if len(text) >= 2 and text[0] == "{" and text[-1] == "}":
        text = text[1:-1]
    return f"{match[1]}{{{text}}}" if text else match[1]
