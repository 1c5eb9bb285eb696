"""check-level: end of a stage; the IR must keep the contract of its level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.levels import check_level, level


@dataclass
class CheckLevel(Pass):
    """Check that only dialects of ``level`` are left; ``stage`` names the stage that ends here."""

    name: ClassVar[str] = "check-level"
    summary: ClassVar[str] = "check that the IR keeps the contract of a level"

    level: str = "tensor"
    stage: str = ""

    def __post_init__(self) -> None:
        level(self.level)

    def run(self, op: ir.Operation, context: PassContext) -> None:
        check_level(op, self.level)
