"""A part of a model, taken out with what it needs, compiled alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepwell.backends.registry import backend as find_backend
from stepwell.backends.target import Target
from stepwell.driver.compile import Compilation
from stepwell.driver.executable import Executable
from stepwell.frontend.mlir_file import parse_program
from stepwell.passes.pipeline import parse_pipeline
from stepwell.passes.schedules.base import Key, Schedule
from stepwell.passes.schedules.book import Schedules
from stepwell.passes.schedules.database import parse_database
from stepwell.support.parameters import ParameterStore


def compile_alone(text: str, pipeline: str, target: str, database: str) -> tuple[Executable, Mapping[Key, Schedule]]:
    """The executable, and what its passes asked schedules for.

    Args:
        text, pipeline: the module, and the passes that are still to run on it.
        database: the schedules that it gets, as their file has them.
    """
    parsed = Target.parse(target)
    backend = find_backend(parsed.name)
    schedules = Schedules(parse_database(database, "the tuner").entries, backend.schedules(parsed).cpu)
    program = parse_program(text, ParameterStore(), "part.mlir")
    compilation = Compilation(program, backend, parsed, parse_pipeline(pipeline), schedules=schedules)
    compilation.lower()
    return compilation.finish(), schedules.asked


def asked_data(asked: Mapping[Key, Schedule]) -> list[dict[str, Any]]:
    """For the process that tunes."""
    return [
        {"kind": key.kind, "sizes": key.sizes, "element": key.element, "schedule": schedule.values()}
        for key, schedule in asked.items()
    ]
