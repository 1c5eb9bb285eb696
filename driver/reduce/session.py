"""One reduction: candidates are counted, tried once, and kept where they fail as the input does."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from stepwell.driver.reduce.failure import Failure, matching
from stepwell.support.errors import UsageError


@dataclass
class Reduction:
    """What a reduction came to; ``size`` counts operations.

    Attributes:
        tried: candidates that were run; text that was tried before is not.
        text: the smallest input that fails in the same way.
    """

    failure: Failure
    text: str
    size_before: int
    size: int
    tried: int
    seconds: float
    facts: dict[str, object] = field(default_factory=dict)


class Session:
    """Judges candidates by how they fail.

    Args:
        attempt: runs a candidate given as text; None where it does not fail.
        pattern: what the message must match; without one, the failure must be that of the first candidate.
        seconds: after which no more candidates are tried.
    """

    def __init__(
        self, attempt: Callable[[str], Failure | None], pattern: re.Pattern[str] | None, seconds: float
    ) -> None:
        self._attempt = attempt
        self._pattern = pattern
        self._start = time.perf_counter()
        self._limit = seconds
        self._known: dict[str, bool] = {}
        self._wanted: Failure | None = None

    @property
    def tried(self) -> int:
        """Candidates that were run."""
        return len(self._known)

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.perf_counter() - self._start

    def begin(self, text: str) -> Failure:
        """Run the input itself.

        Raises:
            UsageError: it does not fail, or not as was expected.
        """
        failure = self._attempt(text)
        if failure is None:
            raise UsageError("the input does not fail", hint="give the passes, target or check with which it does")
        if self._pattern is not None and not matching(failure, self._pattern):
            raise UsageError(
                f"the input fails, but its message has no '{self._pattern.pattern}': {failure.message.splitlines()[0]}"
            )
        self._known[text] = True
        self._wanted = failure
        return failure

    def fails(self, text: str) -> bool:
        """Whether ``text`` fails in the same way; False once the time is over."""
        assert self._wanted is not None
        if text not in self._known:
            if self.seconds > self._limit:
                return False
            failure = self._attempt(text)
            self._known[text] = failure is not None and self._same(failure)
        return self._known[text]

    def _same(self, failure: Failure) -> bool:
        assert self._wanted is not None
        if self._pattern is not None and failure.kind != "script":
            return failure.kind == self._wanted.kind and matching(failure, self._pattern)
        return failure.like(self._wanted)
