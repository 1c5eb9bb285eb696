"""Whether a target computes one call right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

import stepwell
from bench.conformance.sample import Sample, Tolerance
from stepwell.driver.executable import Executable
from stepwell.driver.report import FALLBACK
from stepwell.support.errors import InternalError

#: In the order of the table. ``random`` and ``invalid`` calls have nothing that could be right.
KINDS = ("right", "refused", "wrong", "crashed", "random", "invalid")

#: How a call is compiled: for its sizes, for any sizes (those that torch can leave open), or for its sizes with
#: PyTorch running what the target refuses.
MANNERS = ("static", "dynamic", "fallback")

#: Calls until one that draws random numbers has given another result; few of its elements may depend on them.
_CALLS = 8


@dataclass(frozen=True)
class Outcome:
    """What became of a call, one of :data:`KINDS`, and what there is to say about it.

    Of a right one that PyTorch ran a part of: ``regions`` or, of all of it, ``whole``.
    """

    kind: str
    message: str = ""


class _Draws(TorchDispatchMode):
    """Sees whether a call draws from PyTorch's generator; its result is the same again where the call seeds it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = False

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        drawn = any(tensor.numel() for tensor in pytree.tree_leaves(result) if isinstance(tensor, torch.Tensor))
        self.seen |= drawn and torch.Tag.nondeterministic_seeded in function.tags
        return result


def judge(sample: Sample, target: str, manner: str = "static") -> Outcome:
    """Compile one call in one of the :data:`MANNERS` and compare."""
    draws = _Draws()
    try:
        with draws:
            expected = sample.expected()
    except Exception as failure:
        return Outcome("invalid", _text(failure))
    if sample.undefined or draws.seen or not _same(expected, sample.expected()):
        return Outcome("random")
    try:
        program = stepwell.compile(
            sample.model,
            _copies(sample),
            target=target,
            cache=False,
            fallback="torch" if manner == "fallback" else None,
            dynamic_shapes=open_sizes(sample) if manner == "dynamic" else None,
        )
        given = program(*_copies(sample))
    except InternalError as failure:
        return Outcome("crashed", _text(failure))
    except stepwell.Error as failure:
        return Outcome("refused", _text(failure))
    except Exception as failure:
        return Outcome("crashed", f"{type(failure).__name__}: {_text(failure)}")
    outcome = _compare(sample, given, expected, _part_of_torch(program))
    # A seed that a model sets itself is set when it is exported, not in each call.
    if manner == "fallback" and outcome.kind == "wrong":
        again = (program(*_copies(sample)) for _ in range(_CALLS))
        if any(not _same(given, other) for other in again):
            return Outcome("random")
    return outcome


def open_sizes(sample: Sample) -> Any:
    """Every size of every tensor, of a model that takes any number of them, is left to torch; None without tensors."""
    if not sample.inputs:
        return None
    return (tuple(dict.fromkeys(range(tensor.dim()), torch.export.Dim.AUTO) for tensor in sample.inputs),)


def _part_of_torch(program: Executable) -> str:
    facts = program.report.notes.get(FALLBACK) if program.report else None
    return "" if facts is None else "whole" if facts["whole"] else "regions"


def _compare(sample: Sample, given: Any, expected: Any, how: str) -> Outcome:
    """Right is what is near to PyTorch's result, or to what float64 gives."""
    difference = _difference(given, expected, sample.tolerance)
    if not difference:
        return Outcome("right", how)
    if sample.exact is not None:
        try:
            exact = sample.exact()
        except Exception:  # the operator has no float64, or the call names a type
            return Outcome("wrong", difference)
        rounded = _like(exact, expected)
        if rounded is not None and not _difference(given, rounded, sample.tolerance):
            return Outcome("right", how)
    return Outcome("wrong", difference)


def _difference(given: Any, expected: Any, tolerance: Tolerance | None) -> str:
    """What is different, or nothing."""
    found, right = pytree.tree_leaves(given), pytree.tree_leaves(expected)
    if len(found) != len(right):
        return f"{len(found)} results instead of {len(right)}"
    for number, (one, other) in enumerate(zip(found, right, strict=True)):
        try:
            _assert_close(one, other, tolerance)
        except AssertionError as failure:
            return f"result {number}: {_text(failure)}"
    return ""


def _assert_close(given: Any, expected: Any, tolerance: Tolerance | None) -> None:
    limits: dict[str, float] = {}
    kind = expected.dtype if isinstance(expected, torch.Tensor) else None
    if tolerance is not None and (kind is None or kind.is_floating_point or kind.is_complex):
        limits = {"rtol": tolerance.relative, "atol": tolerance.absolute}
    elif tolerance is not None and tolerance.whole and kind is not torch.bool:
        given, expected = given.to(torch.int64), expected.to(torch.int64)
        limits = {"rtol": 0, "atol": tolerance.whole}
    torch.testing.assert_close(given, expected, equal_nan=True, check_stride=False, **limits)


def _like(exact: Any, expected: Any) -> Any:
    """``exact`` in the types of ``expected``, None where they do not correspond."""
    leaves, layout = pytree.tree_flatten(expected)
    found = pytree.tree_leaves(exact)
    if len(found) != len(leaves):
        return None
    return pytree.tree_unflatten(
        [
            one.to(other.dtype) if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor) else one
            for one, other in zip(found, leaves, strict=True)
        ],
        layout,
    )


def _same(first: Any, second: Any) -> bool:
    try:
        torch.testing.assert_close(first, second, rtol=0, atol=0, equal_nan=True, check_stride=False)
    except AssertionError:
        return False
    return True


def _copies(sample: Sample) -> tuple[torch.Tensor, ...]:
    return tuple(tensor.clone() for tensor in sample.inputs)


def _text(failure: BaseException) -> str:
    """What it says in one line."""
    return " ".join(str(failure).split())[:200]
