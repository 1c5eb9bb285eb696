"""What an entry takes and returns: tensors with symbolic dimensions, states, and the trees around them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Dim:
    """A dynamic size ``scale * symbol + offset``; ``symbol`` None with scale 0 means known only when run."""

    symbol: str | None
    scale: int = 1
    offset: int = 0

    def __str__(self) -> str:
        if self.symbol is None:
            return "?"
        text = self.symbol if self.scale == 1 else f"{self.scale}*{self.symbol}"
        return text if self.offset == 0 else f"{text}{self.offset:+d}"


Size = int | Dim


@dataclass(frozen=True)
class SymbolRange:
    """Smallest and largest value of a symbol; ``upper`` None is unbounded."""

    lower: int = 0
    upper: int | None = None


@dataclass(frozen=True)
class TensorSpec:
    """One tensor at the boundary of an entry.

    Attributes:
        name: argument path (``x``, ``kwargs.mask``, ``cache[0].k``), or the state's or parameter's name.
        dtype: element type by its MLIR name.
        shape: sizes, each a number or a :class:`Dim`.
        scalar: ``"int"``, ``"float"`` or ``"bool"`` where the model takes or returns a Python number.
        pairs: whether it stands for a complex tensor of one dimension less, whose real and imaginary parts are along
            the last dimension, which is of size 2; ``dtype`` is that of the parts.
        unsigned: whether the integers of ``dtype``, of 16 bits or more, are the bits of unsigned ones.
    """

    name: str
    dtype: str
    shape: tuple[Size, ...]
    scalar: str | None = None
    pairs: bool = False
    unsigned: bool = False

    def __str__(self) -> str:
        return f"{self.name}: {'x'.join([*map(str, self.outer_shape), self.outer_dtype])}"

    @property
    def outer_shape(self) -> tuple[Size, ...]:
        """The shape of the model's own tensor."""
        return self.shape[:-1] if self.pairs else self.shape

    @property
    def outer_dtype(self) -> str:
        """The element type of the model's own tensor."""
        return f"complex<{self.dtype}>" if self.pairs else f"u{self.dtype}" if self.unsigned else self.dtype

    @property
    def itself(self) -> bool:
        """Whether entries take the model's own tensor."""
        return not (self.pairs or self.unsigned)


@dataclass(frozen=True)
class OutputRef:
    """One leaf of the model's output tree.

    Attributes:
        kind: ``"result"`` (``index`` into the entry's tensor results), ``"constant"`` (``value``), or ``"input"``
            (``index`` into the inputs: the model returned an argument as it came).
    """

    kind: str
    index: int = 0
    value: bool | int | float | str | None = None


@dataclass(frozen=True)
class Signature:
    """Boundary of one entry point.

    Attributes:
        inputs: the tensors that a call passes, in order of the entry's input arguments.
        states: mutable buffers, in-out, owned by a session.
        results: tensors that the entry produces (states excluded), in order.
        outputs: the leaves of the model's output tree, in tree order.
        symbols: ranges of the symbols used in shapes.
        in_spec, out_spec: pytree structures as torch serialises them, or None for flat tuples.
        input_leaves: for each leaf of the input tree the index of its tensor input, or None where the leaf was
            specialised at export; ``leaf_constants`` then holds the value that must come again.
        positional: names of the positional arguments that the model was exported with; a call may use them as keywords.
    """

    inputs: tuple[TensorSpec, ...]
    results: tuple[TensorSpec, ...]
    states: tuple[TensorSpec, ...] = ()
    outputs: tuple[OutputRef, ...] = ()
    symbols: dict[str, SymbolRange] = field(default_factory=dict)
    in_spec: str | None = None
    out_spec: str | None = None
    input_leaves: tuple[int | None, ...] = ()
    leaf_constants: dict[int, Any] = field(default_factory=dict)
    positional: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain data for ``model.json``."""
        return asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> Signature:
        """Inverse of :meth:`to_json` (after a trip through JSON)."""
        return Signature(
            inputs=tuple(_tensor(t) for t in data["inputs"]),
            results=tuple(_tensor(t) for t in data["results"]),
            states=tuple(_tensor(t) for t in data["states"]),
            outputs=tuple(OutputRef(**o) for o in data["outputs"]),
            symbols={name: SymbolRange(**r) for name, r in data["symbols"].items()},
            in_spec=data["in_spec"],
            out_spec=data["out_spec"],
            input_leaves=tuple(data["input_leaves"]),
            leaf_constants={int(k): v for k, v in data["leaf_constants"].items()},
            positional=tuple(data.get("positional", ())),
        )


def _tensor(data: dict[str, Any]) -> TensorSpec:
    shape = tuple(Dim(**size) if isinstance(size, dict) else int(size) for size in data["shape"])
    pairs, unsigned = data.get("pairs", False), data.get("unsigned", False)
    return TensorSpec(data["name"], data["dtype"], shape, data["scalar"], pairs, unsigned)
