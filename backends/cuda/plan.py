"""A launch plan: the buffers and kernel launches of an entry, as pass ``plan-launches`` wrote them down."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from stepwell.support.errors import ArtifactError, ExecutionError

Size = int | list[Any]
"""A number, ``["dim", buffer, axis]``, or ``[operator, size, size]``."""

Shape = tuple[int, ...]

_OPERATORS: dict[str, Callable[[int, int], int]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a // b,
    "ceildiv": lambda a, b: -(-a // b),
    "max": max,
    "min": min,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "eq": lambda a, b: int(a == b),
    "ne": lambda a, b: int(a != b),
    "lt": lambda a, b: int(a < b),
    "le": lambda a, b: int(a <= b),
    "gt": lambda a, b: int(a > b),
    "ge": lambda a, b: int(a >= b),
}


@dataclass(frozen=True)
class Buffer:
    """One buffer of an entry.

    Attributes:
        kind: ``input`` (number ``index``), ``parameter`` or ``state`` (called ``name``), ``temporary`` or ``view`` (of
            ``of``).
        dtype: element type of a temporary.
        sizes: of a temporary or a view.
    """

    kind: str
    index: int = 0
    name: str = ""
    of: int = 0
    dtype: str = ""
    sizes: tuple[Size, ...] = ()


@dataclass(frozen=True)
class TensorMap:
    """What the copy engine sees of a buffer: a tensor that it copies boxes of, with the 128-byte swizzle.

    Attributes:
        buffer: its number.
        dtype: of its elements.
        offset: of its first element in the buffer.
        sizes, strides: of the tensor in elements, outermost first; the last stride is 1.
        box: elements of a box, likewise.
    """

    buffer: int
    dtype: str
    offset: int
    sizes: tuple[Size, ...]
    strides: tuple[Size, ...]
    box: tuple[int, ...]


@dataclass(frozen=True)
class Launch:
    """One launch.

    Its ``arguments`` are ``{"buffer": number}`` (all words of a descriptor), ``{"address": number}``, ``{"index":
    size}`` or ``{"map": {...}}``, see :class:`TensorMap`.
    """

    kernel: str
    grid: tuple[Size, ...]
    block: tuple[Size, ...]
    arguments: tuple[Mapping[str, Any], ...]
    shared: int = 0

    @property
    def buffers(self) -> list[int]:
        """The numbers of the buffers that the kernel reads or writes."""
        found: list[int] = []
        for argument in self.arguments:
            found += [argument[key] for key in ("buffer", "address") if key in argument]
            found += [argument["map"]["buffer"]] if "map" in argument else []
        return found


@dataclass(frozen=True)
class Plan:
    """What to do for one entry.

    Attributes:
        states: the buffers with the new values of states by name.
        checks: what must not be 0, and the message where it is.
    """

    buffers: tuple[Buffer, ...]
    launches: tuple[Launch, ...]
    results: tuple[int, ...]
    states: Mapping[str, int] = field(default_factory=dict)
    checks: tuple[tuple[Size, str], ...] = ()

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Plan:
        """The plan from plain data.

        Raises:
            ArtifactError: the data is no launch plan.
        """
        try:
            buffers = [{**entry, "sizes": tuple(entry.get("sizes", ()))} for entry in data["buffers"]]
            return Plan(
                tuple(Buffer(**entry) for entry in buffers),
                tuple(
                    Launch(
                        entry["kernel"],
                        tuple(entry["grid"]),
                        tuple(entry["block"]),
                        tuple(entry["arguments"]),
                        int(entry.get("shared", 0)),
                    )
                    for entry in data["launches"]
                ),
                tuple(data["results"]),
                dict(data.get("states", {})),
                tuple((check["hold"], check["message"]) for check in data.get("checks", ())),
            )
        except (KeyError, TypeError) as failure:
            raise ArtifactError(f"the launch plan is damaged: {failure}", hint="compile the model again") from None

    def shapes(self, inputs: Sequence[Shape], parameters: Mapping[str, Shape]) -> list[Shape]:
        """The shape of each buffer for inputs of these shapes; ``parameters`` has those of weights and states.

        Raises:
            ExecutionError: the program does not take these shapes.
        """
        shapes: list[Shape] = []
        for buffer in self.buffers:
            if buffer.kind == "input":
                shapes.append(tuple(inputs[buffer.index]))
            elif buffer.kind in ("parameter", "state"):
                shapes.append(tuple(parameters[buffer.name]))
            else:
                shapes.append(tuple(evaluate(size, shapes) for size in buffer.sizes))
        for hold, message in self.checks:
            if not evaluate(hold, shapes):
                raise ExecutionError(message, hint="give inputs of shapes that fit each other")
        return shapes

    def root(self, number: int) -> int:
        """The buffer whose memory buffer ``number`` is or views."""
        while self.buffers[number].kind == "view":
            number = self.buffers[number].of
        return number


def evaluate(size: Size, shapes: Sequence[Shape]) -> int:
    """The value of a size, given the shapes of the buffers that it may name."""
    if isinstance(size, int):
        return size
    operator, first, second = size
    if operator == "dim":
        return shapes[first][second]
    return _OPERATORS[operator](evaluate(first, shapes), evaluate(second, shapes))


def descriptor_words(address: int, shape: Shape) -> list[int]:
    """A contiguous buffer as a kernel takes it: pointer twice, offset, sizes, strides."""
    strides = [prod(shape[axis + 1 :]) for axis in range(len(shape))]
    return [address, address, 0, *shape, *strides]
