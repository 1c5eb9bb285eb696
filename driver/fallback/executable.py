"""An executable of which PyTorch runs a part."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from stepwell.backends.base import Code, Runnable
from stepwell.backends.target import Target
from stepwell.driver.calling import CallPlan
from stepwell.driver.executable import Executable
from stepwell.driver.report import FALLBACK, CompileReport
from stepwell.support.errors import UsageError

if TYPE_CHECKING:
    from stepwell.driver.rebind import Rebound


class MixedExecutable(Executable):
    """Called as any other; it has no code of its own that could be written to a folder."""

    def __init__(self, target: Target, runnable: Runnable, plan: CallPlan, report: CompileReport) -> None:
        super().__init__(
            target, Code({}), runnable, {"main": plan.signature}, Path(), report=report, plans={"main": plan}
        )

    def save(self, folder: str | Path) -> NoReturn:
        raise self._refusal("can't be saved: an artifact runs without PyTorch")

    def rebind(self, weights: str | Path | Mapping[str, Any]) -> Rebound:
        raise self._refusal("can't take other weights")

    def _refusal(self, what: str) -> UsageError:
        assert self.report is not None
        names = ", ".join(row["operator"] for row in self.report.notes[FALLBACK]["operators"])
        return UsageError(
            f"an executable of which PyTorch runs a part {what}",
            where=names,
            hint="compile without fallback= to see what stands in the way",
        )
