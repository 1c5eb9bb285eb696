"""What ``--emit`` writes beside an artifact: code in other forms, or the IR of a level."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stepwell.backends.registry import backend as find_backend
from stepwell.backends.target import Target
from stepwell.driver import api
from stepwell.driver.executable import Executable
from stepwell.passes.levels import LEVELS
from stepwell.support.atomic import write_bytes, write_text
from stepwell.support.errors import UsageError


def check_kinds(kinds: list[str], target: str) -> None:
    """Refuse a kind that neither a level nor the target's code has.

    Raises:
        UsageError: names what can be emitted.
    """
    forms = find_backend(Target.parse(target).name).code_forms
    for kind in kinds:
        if kind not in LEVELS and kind not in forms:
            known = ", ".join([*forms, *LEVELS])
            raise UsageError(f"target '{target}' emits no '{kind}'", hint=f"it emits {known}")


def emit_extras(kinds: list[str], executable: Executable, folder: Path) -> None:
    """Write the code forms among ``kinds`` into the artifact ``folder`` as ``model.KIND``."""
    for kind in kinds:
        path = folder / f"model.{kind}"
        if kind not in LEVELS and not path.exists():
            write_bytes(path, find_backend(executable.target.name).code_form(executable.code, kind))


def emit_levels(
    kinds: list[str], model: Any, args: tuple[Any, ...], target: str, pipeline: str | None, folder: Path
) -> None:
    """Write the IR of the levels among ``kinds`` into ``folder`` as ``LEVEL.mlir``."""
    for kind in kinds:
        if kind in LEVELS:
            module = api.lower(model, args, to=kind, target=target, pipeline=pipeline)
            write_text(folder / f"{kind}.mlir", module.operation.get_asm(enable_debug_info=True) + "\n")
