"""``stepwell tune``: an artifact is tuned in its place; of a model the database is what remains."""

from __future__ import annotations

import tempfile
from pathlib import Path

from stepwell.backends.cuda.driver import default_driver
from stepwell.backends.target import Target
from stepwell.driver.artifact import load_artifact
from stepwell.driver.request import Request
from stepwell.driver.sources import resolve
from stepwell.driver.tuning.artifact import Tuned, tune_artifact
from stepwell.driver.tuning.measure import Measurer
from stepwell.passes.schedules.database import Database, read_database
from stepwell.support.errors import UsageError

#: The measurements of an artifact, in its folder; the database of a model, where none is named.
_LOG, _DATABASE = "tuning.jsonl", "schedules.json"


def tune(
    name: str,
    *,
    target: str = "cpu",
    pipeline: str | None = None,
    database: Path | None = None,
    budget: float = 60.0,
    threads: int = 1,
    entry: str = "main",
) -> Tuned:
    """Tune an artifact folder, or a model as the command line names it.

    Args:
        target, pipeline: for a model; if ``database`` is there already, its entries are what to be better than.
        database: gets what is kept; measurements go beside it, into a file that ends in ``.jsonl``.

    Raises:
        UsageError: a target that can't be tuned.
        DeviceError: it is ``cuda``, and there is no GPU.
        KeyboardInterrupt: Ctrl-C; the message says what remains.
    """
    folder = Path(name) if Path(name).is_dir() else None
    if database is None and folder is None:
        database = Path(_DATABASE)
    log = database.with_suffix(".jsonl") if database is not None else Path(name) / _LOG
    known = read_database(database) if database is not None and database.exists() else Database()
    try:
        gpu = _is_cuda(folder, target)
        if gpu:
            default_driver()  # says so where there is no GPU
        with tempfile.TemporaryDirectory(prefix="stepwell-") as place, Measurer(threads, gpu=gpu) as measurer:
            if folder is None:
                folder = Path(place) / "model"
                _compile(name, target, pipeline, database, folder)
            tuned = tune_artifact(folder, log, measurer, budget=budget, entry=entry)
    except KeyboardInterrupt:
        what = f"measurements are kept in '{log}'" if log.exists() else "nothing was measured yet"
        raise KeyboardInterrupt(f"{what}; the same command goes on from there") from None
    if database is not None and tuned.kept:
        known.put([entry for entry, _ in tuned.kept])
        known.write(database)
    tuned.database, tuned.log = database, log
    tuned.artifact = Path(name) if Path(name).is_dir() else None
    return tuned


def _is_cuda(folder: Path | None, target: str) -> bool:
    return (load_artifact(folder).target if folder is not None else Target.parse(target)).name == "cuda"


def _compile(name: str, target: str, pipeline: str | None, database: Path | None, output: Path) -> None:
    parsed = Target.parse(target)
    if parsed.name not in ("cpu", "cuda"):
        raise UsageError(f"target '{parsed.name}' can't be tuned", hint="those that can are cpu and cuda")
    if database is not None and database.exists() and "schedules" not in parsed.options:
        parsed = Target(parsed.name, **{**parsed.options, "schedules": str(database)})
    model, args = resolve(name)
    Request(model, args, None, parsed, None, pipeline).compile().save(output)
