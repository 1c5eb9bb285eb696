"""What verification found."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """One level as it ran.

    Attributes:
        stage: the stage that ended there; ``level`` its level.
        error: max|y - r| / max|r| against the reference, of the result that is worst for its tolerance.
        tolerance: the error of that result that rounding explains.
        how: ``torch``, ``numpy``, ``O0`` or the target.
    """

    stage: str
    level: str
    error: float
    tolerance: float
    how: str
    seconds: float

    @property
    def deviates(self) -> bool:
        """Whether the error is more than rounding explains."""
        return not self.error <= self.tolerance


@dataclass
class VerificationReport:
    """Error per level; where it first grew beyond what rounding explains.

    Attributes:
        reference: what the errors are against: ``float64``, ``eager``, or ``first level``.
        eager_error: the model's own error in its dtype, the largest of the results.
        first_pass, first_operation: the culprit, or None.
    """

    target: str
    reference: str
    eager_error: float
    rows: list[Row] = field(default_factory=list)
    first_pass: str | None = None
    first_operation: str | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether no level deviates."""
        return self.first_pass is None and not any(row.deviates for row in self.rows)

    def table(self) -> str:
        """For people."""
        lines = [f"{'stage':<14}{'level':<10}{'error':>12}{'allowed':>12}  {'run by':<8}{'seconds':>9}"]
        for row in self.rows:
            numbers = f"{row.error:>12.2e}{row.tolerance:>12.2e}"
            mark = "   deviates" if row.deviates else ""
            lines.append(f"{row.stage:<14}{row.level:<10}{numbers}  {row.how:<8}{row.seconds:>9.2f}{mark}")
        own = f"; PyTorch's own error {self.eager_error:.2e}" if self.reference == "float64" else ""
        lines.append(f"reference: {self.reference}{own}")
        if self.first_pass:
            lines.append(f"first pass that deviates: {self.first_pass}")
        if self.first_operation:
            lines.append(f"first operation that deviates: {self.first_operation}")
        return "\n".join([*lines, *self.notes, "verified" if self.passed else "NOT verified"])

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self), "passed": self.passed}
