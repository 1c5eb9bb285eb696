"""Random programs compute at every level what PyTorch computes, or are refused with a message."""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from random_programs.generate import programs
from random_programs.judge import judge
from random_programs.program import Program

#: The share of programs that may be refused.
_REFUSED = 0.05


def _check(count: int) -> Counter[str]:
    """Judge ``count`` programs, the same ones in every run; the first that is wrong is shrunk and printed."""
    kinds: Counter[str] = Counter()

    @settings(
        max_examples=count, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(programs())
    def check(program: Program) -> None:
        outcome = judge(program)
        kinds[outcome.kind] += 1
        assert outcome.kind in ("right", "refused", "outside"), f"{outcome.kind}: {outcome.message}\n{program}"

    check()
    return kinds


@pytest.mark.parametrize("count", [10, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore")
def test_random_programs(count: int, record_property: Callable[[str, object], None]) -> None:
    kinds = _check(count)
    record_property("outcomes", dict(kinds))
    print(f"{count} random programs: {dict(kinds)}")
    assert kinds["refused"] <= _REFUSED * sum(kinds.values()), kinds
