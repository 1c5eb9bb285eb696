"""Code made again from the program that an artifact keeps, with other schedules."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from stepwell.backends.base import Lowered
from stepwell.backends.registry import backend as find_backend
from stepwell.backends.target import Target
from stepwell.driver.artifact import load_artifact
from stepwell.driver.compile import Compilation
from stepwell.driver.emit import LevelTexts, emit_extras
from stepwell.driver.executable import PROGRAM, SCHEDULES, Executable
from stepwell.driver.manifest import NAME as MANIFEST
from stepwell.driver.manifest import read_manifest
from stepwell.frontend.mlir_file import parse_program
from stepwell.passes.levels import LEVELS
from stepwell.passes.pipeline import Pipeline, parse_pipeline
from stepwell.passes.schedules.book import Entry, Schedules
from stepwell.passes.schedules.database import parse_database
from stepwell.support import parameter_file
from stepwell.support.errors import ArtifactError

_HEADER = re.compile(r"// configuration: --pass-pipeline='(.*)'\n")


def kept_pipeline(executable: Executable) -> Pipeline:
    """The passes that are still to run on the program that ``executable`` keeps.

    Raises:
        ArtifactError: it keeps none.
    """
    header = _HEADER.match(executable.sources.get(PROGRAM, ""))
    if header is None:
        raise ArtifactError(
            f"the artifact can't be compiled again: it keeps no {PROGRAM}",
            hint="compile the model again for target cpu or cuda with the target's own stages",
        )
    return parse_pipeline(header[1])


def start_again(executable: Executable, schedules: Schedules, pipeline: Pipeline | None = None) -> Compilation:
    """A compilation of the program that ``executable`` keeps; ``pipeline`` is what to run in place of what it kept.

    Raises:
        ArtifactError: it keeps no program.
    """
    passes = pipeline or kept_pipeline(executable)
    program = parse_program(executable.sources[PROGRAM], parameter_file.open_file(executable.parameter_file), PROGRAM)
    program.signatures = dict(executable.signatures)
    backend = find_backend(executable.target.name)
    return Compilation(program, backend, executable.target, passes, schedules=schedules)


def schedules_for(executable: Executable, entries: Sequence[Entry] = ()) -> Schedules:
    """``entries`` for the CPU that ``executable`` was made for."""
    plain = plain_target(executable)
    return Schedules(entries, find_backend(plain.name).schedules(plain).cpu)


def kept_entries(executable: Executable) -> list[Entry]:
    """The entries of schedule databases that the code of ``executable`` was made with."""
    text = executable.sources.get(SCHEDULES, "")
    return parse_database(text, SCHEDULES).entries if text else []


def plain_target(executable: Executable) -> Target:
    """The target of ``executable`` without a database."""
    options = {name: value for name, value in executable.target.options.items() if name != "schedules"}
    return Target(executable.target.name, **options)


def rebuild(folder: Path, entries: Sequence[Entry], output: Path) -> None:
    """Write the artifact in ``folder``, its code made with schedules ``entries``, to ``output``.

    What ``stepwell compile --emit`` put beside it is written again, other files are copied.

    Raises:
        ArtifactError: it can't be compiled again.
    """
    old, manifest = load_artifact(folder), read_manifest(folder)
    backend = find_backend(old.target.name)
    beside = [path for path in folder.iterdir() if path.name not in (MANIFEST, *manifest.files)]
    forms = [kind for kind in backend.code_forms if folder / f"model.{kind}" in beside]
    levels = LevelTexts([level for level in LEVELS if folder / f"{level}.mlir" in beside], backend)
    compilation = start_again(old, schedules_for(old, entries))
    compilation.observe(levels)
    compilation.lower()
    program = compilation.program
    lowered = Lowered(
        program.module, program.signatures, program.parameters, compilation.context, old.target, tuple(forms)
    )
    code = backend.emit(lowered)
    if code.layout != old.code.layout:
        raise ArtifactError("the code made again wants its parameters elsewhere", hint="compile the model again")
    sources = compilation.sources() | {PROGRAM: old.sources[PROGRAM]}
    new = Executable(
        old.target, code, old.runnable, old.signatures, old.parameter_file, prepare=old.prepare, weights=old.weights,
        sources=sources,
    )  # fmt: skip
    new.save(output)
    emit_extras(forms, new, output)
    levels.write_passed(output)
    for path in beside:
        printed = path.suffix.removeprefix(".") in backend.printed_forms  # of the code as it was
        if path.is_file() and not printed and not (output / path.name).exists():
            shutil.copy2(path, output / path.name)
