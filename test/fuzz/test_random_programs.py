"""Random programs compute at every level what PyTorch computes, or are refused with a message."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from random_programs.generate import numbered, programs
from random_programs.judge import judge
from random_programs.program import Program

_FINE = ("right", "refused", "outside")

#: The share of programs that may be refused.
_REFUSED = 0.05

_PROGRAMS, _TOGETHER = 2000, 100


@settings(max_examples=10, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(programs())
@pytest.mark.filterwarnings("ignore")
def test_one_that_is_wrong_is_shrunk(program: Program) -> None:
    outcome = judge(program)
    assert outcome.kind in _FINE, f"{outcome.kind}: {outcome.message}\n{program}"


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, _PROGRAMS, _TOGETHER))
@pytest.mark.filterwarnings("ignore")
def test_numbered(first: int) -> None:
    outcomes = {number: judge(numbered(number)) for number in range(first, first + _TOGETHER)}
    wrong = {number: outcome for number, outcome in outcomes.items() if outcome.kind not in _FINE}
    assert not wrong, "\n".join(
        f"{number} {outcome.kind}: {outcome.message}\n{numbered(number)}" for number, outcome in wrong.items()
    )
    kinds = Counter(outcome.kind for outcome in outcomes.values())
    assert kinds["refused"] <= _REFUSED * _TOGETHER, kinds
