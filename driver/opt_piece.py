"""One piece of input through stepwell-opt: parse, run the passes, check, print."""

from __future__ import annotations

import json
import re
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from torch_mlir import ir

from stepwell.dialects.context import make_context
from stepwell.dialects.registry import load_mentioned
from stepwell.driver.opt_arguments import Options
from stepwell.driver.opt_diagnostics import Collector, Diagnostic, print_diagnostics
from stepwell.driver.opt_expectations import check_expectations
from stepwell.driver.opt_pipeline import build_pipeline, mentions_torch
from stepwell.passes.base import PassContext
from stepwell.passes.pipeline import Pipeline
from stepwell.passes.runner import RunConfig, run_pipeline
from stepwell.support.errors import Error, UsageError, debugging

_HEADER = re.compile(r"\s*// configuration: --pass-pipeline='(.*)'")
_NAME_OF_STRING = "-"  # what MLIR calls the source of text that comes from no file


@dataclass(frozen=True)
class Piece:
    """A part of the input, with empty lines before it so that line numbers are those of the file.

    ``path`` is the file that holds exactly this piece, if there is one.
    """

    text: str
    file: str
    path: Path | None = None

    @staticmethod
    def split(text: str, file: str, marker: str | None) -> Iterator[Piece]:
        """The pieces between lines that read ``marker``; one piece where no marker is asked for."""
        if marker is None:
            yield Piece(text, file, None if file == "<stdin>" else Path(file))
            return
        offset = 0
        for part in re.split(rf"(?m)^[ \t]*{re.escape(marker)}[ \t]*$", text):
            yield Piece("\n" * offset + part, file)
            offset += part.count("\n")


@dataclass(frozen=True)
class PieceResult:
    """What became of a piece.

    Attributes:
        output: the IR as it was printed, None where it failed.
        diagnostics: what MLIR and our errors said; with --verify-diagnostics what was not expected.
    """

    ok: bool
    output: str | None
    diagnostics: Sequence[Diagnostic] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def process(piece: Piece, options: Options) -> PieceResult:
    """Do everything that ``options`` asks for with one piece; diagnostics go to standard error.

    Raises:
        UsageError: a pipeline that can't be read, or an unknown pass.
    """
    pipeline_text = _pipeline_text(piece, options)
    torch = mentions_torch(piece.text, pipeline_text, options.passes)
    context = make_context(torch=torch, allow_unregistered=options.allow_unregistered_dialect)
    load_mentioned(context, piece.text)
    pipeline = build_pipeline(context, pipeline_text, options.passes)
    if options.dump_pass_pipeline:
        print(f"Pass Manager with {len(list(pipeline.elements()))} passes:\n{pipeline}", file=sys.stderr)
    collector = Collector(context, piece.file)
    output = _transform(piece, options, pipeline, context, collector)
    collector.detach()
    diagnostics = collector.diagnostics
    if options.verify_diagnostics is not None:
        only_expected = options.verify_diagnostics == "only-expected"
        diagnostics = check_expectations(piece.text, piece.file, diagnostics, only_expected=only_expected)
        ok = not diagnostics
    else:
        ok = output is not None
    if not options.json:
        print_diagnostics(diagnostics, piece.file, piece.text, sys.stderr)
    return PieceResult(ok, output, diagnostics)


def _pipeline_text(piece: Piece, options: Options) -> str | None:
    if not options.run_reproducer:
        return options.pass_pipeline
    header = _HEADER.match(piece.text)
    if header is None:
        raise UsageError(
            f"'{piece.file}' has no pipeline at its head",
            hint="its first line should read // configuration: --pass-pipeline='builtin.module(...)'",
        )
    return header[1]


def _transform(
    piece: Piece, options: Options, pipeline: Pipeline, context: ir.Context, collector: Collector
) -> str | None:
    """The printed result, or None after errors, which ``collector`` then holds."""
    try:
        with context, ir.Location.unknown():
            module = ir.Module.parseFile(str(piece.path)) if piece.path else ir.Module.parse(piece.text)
        _run_passes(options, pipeline, module)
        if options.verify_level is not None:
            from stepwell.passes.levels import check_level

            check_level(module.operation, options.verify_level)
        return _print(module, options)
    except ir.MLIRError as failure:
        collector.add_failure(failure)
    except UsageError:
        raise
    except Error as error:
        if debugging() and error.__cause__ is not None:
            traceback.print_exception(error.__cause__)
        collector.add_error(error)
    return None


def _run_passes(options: Options, pipeline: Pipeline, module: ir.Module) -> None:
    context = PassContext()
    if options.parameters is not None:
        from stepwell.backends.interpreter.weights import evaluate_weight
        from stepwell.support.parameter_file import open_file

        context.evaluate = evaluate_weight
        context.parameters = open_file(options.parameters)
    if options.schedules is not None:
        from stepwell.passes.schedules.book import Schedules
        from stepwell.passes.schedules.database import read_database

        context.schedules = Schedules(replace(entry, cpu="") for entry in read_database(options.schedules).entries)
    with _reproducer_folder(keep=options.verify_diagnostics is None) as folder:
        config = RunConfig(
            verify_each=options.verify_each,
            dump_dir=options.dump_ir,
            print_before_all=options.mlir_print_ir_before_all,
            print_after_all=options.mlir_print_ir_after_all,
            print_after_change=options.mlir_print_ir_after_change,
            reproducer_dir=folder,
        )
        report = run_pipeline(pipeline, module, context, config)
    if context.schedules.entries:
        context.note("schedules", **context.schedules.facts())
    if options.time_passes:
        print(report.timing_table(), file=sys.stderr)
    if options.print_report:
        print(json.dumps(context.report, indent=2, default=str), file=sys.stderr)


@contextmanager
def _reproducer_folder(*, keep: bool) -> Iterator[Path | None]:
    """Where a reproducer goes: one that is kept (None: the runner makes it), or none where failing is expected."""
    if keep:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="stepwell-") as folder:
        yield Path(folder)


def _print(module: ir.Module, options: Options) -> str:
    text = module.operation.get_asm(
        large_elements_limit=options.mlir_elide_elementsattrs_if_larger,
        large_resource_limit=options.mlir_elide_resource_strings_if_larger,
        enable_debug_info=options.mlir_print_debuginfo or options.mlir_pretty_debuginfo,
        pretty_debug_info=options.mlir_pretty_debuginfo,
        print_generic_op_form=options.mlir_print_op_generic,
        use_local_scope=options.print_local_scope,
    )
    return f"{str(text).rstrip()}\n"
