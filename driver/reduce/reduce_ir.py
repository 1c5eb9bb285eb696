"""IR and a pipeline that fails on it: fewer passes first, then less IR, then fewer passes again."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from stepwell.driver.plugins import load_plugin
from stepwell.driver.reduce.attempt import run_passes, run_script
from stepwell.driver.reduce.chunks import fewest
from stepwell.driver.reduce.failure import Failure
from stepwell.driver.reduce.session import Reduction, Session
from stepwell.driver.reduce.worker import IR, get_ready, run_apart
from stepwell.support.atomic import write_text
from stepwell.support.errors import ArtifactError, UsageError

_HEADER = re.compile(r"\s*// configuration: --pass-pipeline='(.*)'\n?")


def reduce_ir(
    source: Path,
    output: Path,
    *,
    pipeline: str | None = None,
    pattern: re.Pattern[str] | None = None,
    script: str | None = None,
    plugins: Sequence[Path] = (),
    parameters: Path | None = None,
    seconds: float = 60.0,
    budget: float = 3600.0,
) -> Reduction:
    """Shrink the IR in ``source``, and its pipeline, to what still fails in the same way; written to ``output``.

    Args:
        pipeline: the passes; by default those at the file's head, as reproducers have them.
        pattern: what the message must match, instead of being like that of the input.
        script: a test of the user's instead of the passes; its status 0 keeps a candidate.
        seconds: that one candidate may take; budget: for all together.

    Raises:
        UsageError: the input does not fail, there is no pipeline, or one can't be read.
        ArtifactError: the file can't be read.
    """
    from stepwell.dialects.context import make_context
    from stepwell.dialects.registry import load_mentioned
    from stepwell.driver.opt_pipeline import build_pipeline, mentions_torch
    from stepwell.driver.reduce.ir_text import IrShrinker

    for plugin in plugins:
        load_plugin(plugin)
    text = _read(source)
    header = _HEADER.match(text)
    pipeline = pipeline or (header[1] if header else None)
    if pipeline is None and script is None:
        raise UsageError(
            f"no passes are given, and '{source}' has none at its head", hint="--pass-pipeline='builtin.module(...)'"
        )
    text = text[header.end() :] if header else text
    context = make_context(torch=mentions_torch(text, pipeline, ()))
    load_mentioned(context, text)
    passes = [str(element) for element in build_pipeline(context, pipeline, ()).elements()] if pipeline else []

    with tempfile.TemporaryDirectory(prefix="stepwell-") as folder:
        file = Path(folder) / "candidate.mlir"

        def attempt(candidate: str) -> Failure | None:
            file.write_text(candidate)
            if script is not None:
                return run_apart(run_script, seconds, file, script, pattern)
            head, _, _ = candidate.partition("\n")
            own = _HEADER.match(head)
            assert own is not None
            return run_apart(run_passes, seconds, file, own[1], list(plugins), parameters)

        get_ready(IR)
        session = Session(attempt, pattern, budget)
        failure = session.begin(_joined(passes, text))
        if failure.kind == "ArtifactError":
            raise ArtifactError(failure.message.partition("\n")[0], hint="it must be valid before the passes run")
        if failure.kind in ("UsageError", "UnknownPassError"):
            raise UsageError(failure.message)
        before = len(passes)
        passes = _fewer(passes, text, session)
        shrinker = IrShrinker(context, text, lambda candidate: session.fails(_joined(passes, candidate)))
        size = shrinker.size
        shrinker.shrink()
        smallest = shrinker.text if session.fails(_joined(passes, shrinker.text)) else text
        passes = _fewer(passes, smallest, session)
    result = _joined(passes, smallest)
    write_text(output, result)
    facts: dict[str, object] = {"passes_before": before, "passes": passes} if passes else {}
    return Reduction(failure, result, size, shrinker.size, session.tried, session.seconds, facts)


def _fewer(passes: list[str], text: str, session: Session) -> list[str]:
    return fewest(passes, lambda rest: bool(rest) and session.fails(_joined(rest, text)))


def _joined(passes: Sequence[str], text: str) -> str:
    """IR with its passes at its head, as ``stepwell-opt --run-reproducer`` reads it; none for a script."""
    return f"// configuration: --pass-pipeline='builtin.module({','.join(passes)})'\n{text}" if passes else text


def _read(source: Path) -> str:
    try:
        return source.read_text(encoding="utf-8")
    except OSError as failure:
        raise ArtifactError(f"cannot open input file '{source}': {failure.strerror}") from None
    except UnicodeDecodeError:
        raise ArtifactError(f"input file '{source}' is not text") from None
