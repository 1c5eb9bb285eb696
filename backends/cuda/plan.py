"""A launch plan: the buffers and kernel launches of an entry, as pass ``plan-launches`` wrote them down."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from stepwell.support.errors import ArtifactError

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
        box: elements of a box, likewise; of images, pixels and channels.
        window: of images with channels last: ``lower`` and ``upper`` corner of where a window's first tap may be
            (the second from the last pixel) and ``strides``, each down and across.
    """

    buffer: int
    dtype: str
    offset: int
    sizes: tuple[Size, ...]
    strides: tuple[Size, ...]
    box: tuple[int, ...]
    window: Mapping[str, Sequence[int]] | None = None


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
    """What to do for one entry; ``states`` are the buffers with the new values of states by name."""

    buffers: tuple[Buffer, ...]
    launches: tuple[Launch, ...]
    results: tuple[int, ...]
    states: Mapping[str, int] = field(default_factory=dict)

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
            )
        except (KeyError, TypeError) as failure:
            raise ArtifactError(f"the launch plan is damaged: {failure}", hint="compile the model again") from None

    def shapes(self, inputs: Sequence[Shape], parameters: Mapping[str, Shape]) -> list[Shape]:
        """The shape of each buffer for inputs of these shapes; ``parameters`` has those of weights and states."""
        shapes: list[Shape] = []
        for buffer in self.buffers:
            if buffer.kind == "input":
                shapes.append(tuple(inputs[buffer.index]))
            elif buffer.kind in ("parameter", "state"):
                shapes.append(tuple(parameters[buffer.name]))
            else:
                shapes.append(tuple(evaluate(size, shapes) for size in buffer.sizes))
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
