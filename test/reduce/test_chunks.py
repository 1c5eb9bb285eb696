"""Leaving out items, and when two failures are alike."""

from stepwell.driver.reduce.chunks import fewest
from stepwell.driver.reduce.failure import of_error, of_exit
from stepwell.support.errors import PassError, UnsupportedError


def test_what_is_needed_remains() -> None:
    tried = []

    def enough(items: list[int]) -> bool:
        tried.append(items)
        return {3, 17, 18} <= set(items)

    assert fewest(range(40), enough) == [3, 17, 18]
    assert len(tried) < 60


def test_nothing_may_be_left_out() -> None:
    assert fewest("abc", lambda items: len(items) == 3) == ["a", "b", "c"]


def test_everything_may_be_left_out() -> None:
    assert fewest("abc", lambda items: True) == []


def test_names_types_and_numbers_make_no_other_failure() -> None:
    one, two = (of_error(PassError(f"pass 'a' failed: %{n} of tensor<{n}x?xf32> at {n}")) for n in (1, 20))
    assert one.like(two)
    assert not of_error(PassError("pass 'b' failed: %1 of tensor<1xf32> at 1")).like(one)
    assert not of_error(UnsupportedError(one.message)).like(one)


def test_some_of_what_was_refused_is_the_same_refusal() -> None:
    head = "target 'cpu' can't take this model (operator):\nkind      what      count  FX node  source  way out\n"
    sign, root = (f"operator  aten.{name}  1      -        -       -\n" for name in ("sgn", "srt"))
    both, one = of_error(UnsupportedError(head + sign + root)), of_error(UnsupportedError(head + sign))
    assert one.like(both)
    assert not both.like(one)


def test_a_crash_is_known_by_its_signal() -> None:
    assert of_exit(-6).like(of_exit(-6))
    assert not of_exit(-11).like(of_exit(-6))
    assert "SIGABRT" in of_exit(-6).message
