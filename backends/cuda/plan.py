"""A launch plan: the buffers and kernel launches of an entry, as pass ``plan-launches`` wrote them down."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stepwell.support.dtypes import byte_size
from stepwell.support.errors import ArtifactError, ExecutionError

Size = int | list[Any]
"""A number, ``["dim", buffer, axis]``, or ``[operator, size, ...]``."""

Shape = tuple[int, ...]

_OPERATORS: dict[str, Callable[..., int]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": lambda a, b: a // b if (a < 0) == (b < 0) else -(-a // b),
    "floordiv": operator.floordiv,
    "ceildiv": lambda a, b: -(-a // b),
    "rem": lambda a, b: abs(a) % abs(b) if a >= 0 else -(-a % abs(b)),
    "max": max,
    "min": min,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "select": lambda condition, a, b: a if condition else b,
    **{name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")},
}


@dataclass(frozen=True)
class Buffer:
    """One buffer of an entry.

    Attributes:
        kind: ``input`` (number ``index``), ``parameter`` or ``state`` (called ``name``), ``temporary``, ``zeros`` (zero
            before the first run; kernels leave it so at the end of each) or ``view`` (of ``of``).
        dtype: element type of a temporary or of zeros.
        sizes: of these or a view.
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
        dtype: of its elements; ``tf32`` for f32 that is rounded as it is loaded.
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

    @property
    def width(self) -> int:
        """Bytes of an element."""
        return byte_size("f32" if self.dtype == "tf32" else self.dtype)


@dataclass(frozen=True)
class Launch:
    """One launch.

    Where ``library`` is given, that is what a library computes in place of the kernel, from the same arguments.
    ``arguments`` are ``{"buffer": number}`` (all words of a descriptor), ``{"address": number}``, ``{"index":
    size}`` or ``{"map": {...}}``, see :class:`TensorMap`.
    """

    kernel: str
    grid: tuple[Size, ...]
    block: tuple[Size, ...]
    arguments: tuple[Mapping[str, Any], ...]
    shared: int = 0
    library: Mapping[str, Any] | None = None

    @property
    def buffers(self) -> list[int]:
        """The numbers of the buffers that the kernel reads or writes."""
        found: list[int] = []
        for argument in self.arguments:
            found += [argument[key] for key in ("buffer", "address") if key in argument]
            found += [argument["map"]["buffer"]] if "map" in argument else []
        return found


@dataclass(frozen=True)
class Check:
    """What the sizes of inputs must fulfil: ``holds`` is not 0, or ``message`` says what is wrong."""

    holds: Size
    message: str


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
    checks: tuple[Check, ...] = ()

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
                        entry.get("library"),
                    )
                    for entry in data["launches"]
                ),
                tuple(data["results"]),
                dict(data.get("states", {})),
                tuple(Check(**entry) for entry in data.get("checks", ())),
            )
        except (KeyError, TypeError) as failure:
            raise ArtifactError(f"the launch plan is damaged: {failure}", hint="compile the model again") from None

    def shapes(self, inputs: Sequence[Shape], parameters: Mapping[str, Shape]) -> list[Shape]:
        """The shape of each buffer for inputs of these shapes; ``parameters`` has those of weights and states.

        Raises:
            ExecutionError: the model does not take such inputs.
        """
        shapes: list[Shape] = []
        for buffer in self.buffers:
            if buffer.kind == "input":
                shapes.append(tuple(inputs[buffer.index]))
            elif buffer.kind in ("parameter", "state"):
                shapes.append(tuple(parameters[buffer.name]))
            else:
                shapes.append(tuple(evaluate(size, shapes) for size in buffer.sizes))
        for check in self.checks:
            if not evaluate(check.holds, shapes):
                raise ExecutionError(check.message)
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
    name, *operands = size
    if name == "dim":
        buffer, axis = operands
        return shapes[buffer][axis]
    return int(_OPERATORS[name](*(evaluate(operand, shapes) for operand in operands)))


def descriptor_words(address: int, shape: Shape) -> list[int]:
    """A contiguous buffer as a kernel takes it: pointer twice, offset, sizes, strides."""
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    return [address, address, 0, *shape, *strides]
