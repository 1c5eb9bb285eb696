"""What all ways to ``stream`` share: the names at an entry's boundary, parallelism, and what they refuse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from torch_mlir import ir

from stepwell.support.errors import UnsupportedError, UsageError
from stepwell.support.locations import describe_location

_DEFAULT_UNROLL = 4


class ParallelismError(UnsupportedError):
    """A parallelism that a layer can't have: another one works."""


def check_unroll(unroll: Sequence[int], pass_name: str) -> None:
    """The option ``unroll`` of a pass: empty, or multipliers by inputs and by outputs.

    Raises:
        UsageError: anything else.
    """
    if unroll and (len(unroll) != 2 or min(unroll) < 1):
        raise UsageError(
            f"option 'unroll' of pass '{pass_name}' takes two positive numbers, inputs and outputs",
            hint="write unroll=4,4",
        )


def factors(inner: int, outer: int, unroll: Sequence[int], product: ir.Operation) -> tuple[int, int]:
    """Multipliers of a layer by input and by output.

    Raises:
        ParallelismError: ``unroll`` does not divide the sizes of the layer.
    """
    if not unroll:
        return default_factor(inner), default_factor(outer)
    by_input, by_output = unroll
    for factor, size, what in ((by_input, inner, "inputs"), (by_output, outer, "outputs")):
        if size % factor:
            divisors = ", ".join(str(d) for d in range(1, size + 1) if size % d == 0)
            raise ParallelismError(
                f"a layer of {inner} inputs and {outer} outputs can't be spread over {factor} {what} "
                f"at once: {factor} does not divide {size}",
                where=describe_location(product.location),
                hint=f"factors for its {what} are {divisors}",
            )
    return by_input, by_output


def default_factor(size: int) -> int:
    """The largest divisor up to 4."""
    return max(factor for factor in range(1, _DEFAULT_UNROLL + 1) if size % factor == 0)


def names_of(function: ir.OpView, which: str) -> list[dict[str, str]]:
    """The string attributes of each argument or result (``arg_attrs``, ``res_attrs``); empty where there are none."""
    attributes = function.operation.attributes
    entries = ir.ArrayAttr(attributes[which]) if which in attributes else ()
    found = []
    for entry in entries:
        pairs = [(named.name, named.attr) for named in ir.DictAttr(entry)]
        found.append({name: attr.value for name, attr in pairs if isinstance(attr, ir.StringAttr)})
    return found


def check_known(unknown: Iterable[tuple[str, ir.Operation]], hint: str) -> None:
    """Refuse all operations that no component knows, each with the name that users know it by, in one message."""
    counts: Counter[str] = Counter()
    places: dict[str, str] = {}
    for name, op in unknown:
        counts[name] += 1
        places.setdefault(name, describe_location(op.location))
    if counts:
        listed = ", ".join(f"{name} ({count}, first at {places[name]})" for name, count in counts.items())
        raise UnsupportedError(f"no hardware for: {listed}", where=next(iter(places.values())), hint=hint)
