"""What ``--emit`` writes beside an artifact: code in other forms, or the IR of a level."""

from __future__ import annotations

from pathlib import Path

from torch_mlir import ir

from stepwell.backends.base import Backend
from stepwell.backends.registry import backend as find_backend
from stepwell.backends.target import Target
from stepwell.driver.executable import Executable
from stepwell.passes.check_level import CheckLevel
from stepwell.passes.levels import LEVELS
from stepwell.passes.pipeline import parse_pipeline
from stepwell.passes.runner import PassRecord
from stepwell.support.atomic import write_bytes, write_text
from stepwell.support.errors import UsageError


def check_kinds(kinds: list[str], target: str, pipeline: str | None) -> None:
    """Refuse a kind that is neither a form of the target's code nor a level that the pipeline passes.

    Raises:
        UsageError: names what can be emitted.
    """
    backend = find_backend(Target.parse(target).name)
    passes = parse_pipeline(pipeline) if pipeline else backend.pipeline(backend.resolve(Target.parse(target)))
    known = [
        *backend.code_forms,
        *backend.printed_forms,
        *dict.fromkeys(stage.level for stage in passes.stages if stage.level),
    ]
    for kind in kinds:
        if kind not in known:
            raise UsageError(f"target '{target}' emits no '{kind}'", hint=f"it emits {', '.join(known)}")


def emit_extras(kinds: list[str], executable: Executable, folder: Path) -> None:
    """Write the code forms among ``kinds`` into the artifact ``folder`` as ``model.KIND``."""
    backend = find_backend(executable.target.name)
    for kind in kinds:
        path = folder / f"model.{kind}"
        if kind in backend.code_forms and not path.exists():
            write_bytes(path, backend.code_form(executable.code, kind))


class LevelTexts:
    """An observer of a compilation that keeps the IR at the levels among ``kinds``, and what ``backend`` prints of it.

    Code forms among ``kinds`` are not its business.
    """

    def __init__(self, kinds: list[str], backend: Backend) -> None:
        self._backend = backend
        self._kinds = {kind: backend.printed_forms.get(kind, kind) for kind in kinds if kind not in backend.code_forms}
        self._texts: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._kinds)

    def __call__(self, record: PassRecord, module: ir.Operation) -> None:
        if not record.name.startswith(CheckLevel.name):
            return
        for kind, level in self._kinds.items():
            if record.level != level:
                continue
            if kind == level:
                self._texts[kind] = module.get_asm(enable_debug_info=True) + "\n"
            else:
                self._texts[kind] = self._backend.print_form(module, kind)

    def write(self, folder: Path) -> None:
        """Write each level into ``folder`` as ``LEVEL.mlir``, and what was printed as ``model.KIND``.

        Raises:
            UsageError: the program did not pass a level.
        """
        for kind, level in self._kinds.items():
            if kind not in self._texts:
                what = "names" if kind == level else f"prints as {kind}"
                raise UsageError(f"the program does not pass level '{level}', which --emit {what}")
        self.write_passed(folder)

    def write_passed(self, folder: Path) -> None:
        """Write the levels that the program passed, and no others."""
        for kind, text in self._texts.items():
            write_text(folder / (f"{kind}.mlir" if kind in LEVELS else f"model.{kind}"), text)
