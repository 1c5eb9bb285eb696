"""What all kinds of schedules share: whole numbers by name, and the key of the operation that they are for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from torch_mlir import ir

#: A size as a key spells it; None is one that is known only at run time.
Size = int | None


@dataclass(frozen=True)
class Key:
    """The operation that a schedule is for.

    Attributes:
        kind: which schedule it takes.
        sizes: ``rows=197 lanes=3072 reduced=768``; a dynamic size is ``?``.
        element: its element type, several in the order of its operands; empty where none matters.
    """

    kind: str
    sizes: str
    element: str

    def __str__(self) -> str:
        return " ".join(word for word in (self.kind, self.element, self.sizes) if word)


@dataclass(frozen=True)
class Schedule:
    """Base of the kinds; every field is a positive whole number, spelled with hyphens outside of Python.

    Fields among ``zeros`` may be 0; those among ``settled`` follow from the operation, and a database has none.
    """

    kind: ClassVar[str]
    zeros: ClassVar[frozenset[str]] = frozenset()
    settled: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def names(cls) -> list[str]:
        """The fields as a database spells them."""
        fields = [field.name for field in dataclasses.fields(cls) if field.name not in cls.settled]
        return [name.replace("_", "-") for name in fields]

    def values(self) -> dict[str, int]:
        """The fields by the names that a database has."""
        return {name: int(getattr(self, name.replace("-", "_"))) for name in self.names()}

    def __str__(self) -> str:
        return " ".join([self.kind, *(f"{name}={value}" for name, value in self.values().items())])

    def changed(self, values: Mapping[str, int]) -> Self:
        """This schedule with other ``values`` for some fields."""
        return dataclasses.replace(self, **{name.replace("-", "_"): value for name, value in values.items()})


def spell(**sizes: Size | Iterable[Size]) -> str:
    """Named sizes as a key has them: ``batch=2x12 rows=?``; those without a number are left out."""
    words = []
    for name, size in sizes.items():
        numbers = [size] if size is None or isinstance(size, int) else list(size)
        if numbers:
            words.append(f"{name}={'x'.join('?' if number is None else str(number) for number in numbers)}")
    return " ".join(words)


def shape(value: ir.Value) -> list[Size]:
    """The sizes of a tensor or memref."""
    kind = ir.ShapedType(value.type)
    return [None if kind.is_dynamic_dim(axis) else kind.get_dim_size(axis) for axis in range(kind.rank)]


def elements(values: Iterable[ir.Value]) -> str:
    """The element types of tensors or memrefs: one where all have the same."""
    names = [str(ir.ShapedType(value.type).element_type) for value in values]
    return ",".join(names if len(set(names)) > 1 else names[:1])


def is_power_of_two(number: int) -> bool:
    """Whether ``number`` is 1, 2, 4, ..."""
    return number & (number - 1) == 0
