"""``stepwell-opt``: reads IR, runs passes, prints IR; mlir-opt's spellings and exit codes, plus 2 for wrong usage."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stepwell.driver.opt_arguments import Options, help_text, parse_arguments
from stepwell.support.errors import ArtifactError, Error, UsageError, debugging, explain
from stepwell.support.interrupts import settle_interrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool; returns its exit code (0 done, 1 failed, 2 wrong usage)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(parse_arguments(words))
    except Error as error:
        if {"--json", "-json"} & set(words):
            _print_data({"error": error.to_json()})
        else:
            print(f"stepwell-opt: error: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        return settle_interrupt()
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception as failure:
        if debugging():
            raise
        print(f"stepwell-opt: {explain(failure)}", file=sys.stderr)
        return 1


def _run(options: Options) -> int:
    if options.help:
        print(help_text())
        return 0
    if options.version:
        from stepwell.driver.opt_listing import version_text, versions

        _print_data(versions()) if options.json else print(version_text())
        return 0
    if options.load:
        from stepwell.driver.plugins import load_plugin

        for path in options.load:
            load_plugin(path)
    if options.list_passes:
        from stepwell.driver.opt_listing import list_passes, list_passes_data

        _print_data(list_passes_data()) if options.json else print(list_passes())
        return 0
    return _process_input(options)


def _process_input(options: Options) -> int:
    from stepwell.driver.opt_piece import Piece, PieceResult, process

    text = _read(options.input)
    name = "<stdin>" if options.input == "-" else options.input
    results: list[PieceResult] = []
    for piece in Piece.split(text, name, options.split_input_file):
        results.append(process(piece, options))
    ok = all(result.ok for result in results)
    if options.json:
        _print_data({"ok": ok, "pieces": [result.to_json() for result in results]})
    elif options.verify_diagnostics is None:
        outputs = [result.output for result in results if result.output is not None]
        if options.output == "-" or len(outputs) == len(results):
            _write(options.output, f"{options.output_split_marker}\n".join(outputs))
    return 0 if ok else 1


def _print_data(data: Any) -> None:
    print(json.dumps(data, indent=1, default=str), flush=True)


def _read(name: str) -> str:
    """The input's text.

    Raises:
        ArtifactError: it can't be read.
    """
    if name == "-":
        return sys.stdin.read()
    try:
        return Path(name).read_text(encoding="utf-8")
    except OSError as failure:
        raise ArtifactError(f"cannot open input file '{name}': {failure.strerror}") from None
    except UnicodeDecodeError:
        raise ArtifactError(f"input file '{name}' is not text") from None


def _write(name: str, text: str) -> None:
    if name == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        from stepwell.support.atomic import write_text

        write_text(Path(name), text)


if __name__ == "__main__":
    sys.exit(main())
