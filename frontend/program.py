"""A model at the graph level: IR, boundary, and weights by reference."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch_mlir import ir

from stepwell.support.parameters import ParameterStore
from stepwell.support.signature import Signature


@dataclass(frozen=True)
class DimensionHints:
    """What is known of the boundary beside the decomposed program.

    Attributes:
        dynamic_shapes: as given to torch.export; for the names of dimensions.
        lower: torch's name of a symbol -> the smallest size at which the graph was found to be right.
        complex_inputs: names of the placeholders that were complex before decomposition.
        complex_results: numbers of the model's outputs that were.
    """

    dynamic_shapes: Any = None
    lower: Mapping[str, int] = field(default_factory=dict)
    complex_inputs: frozenset[str] = frozenset()
    complex_results: frozenset[int] = frozenset()


@dataclass
class Program:
    """What the frontend hands to the driver.

    Attributes:
        module: the IR; its context comes from ``stepwell.dialects.context.make_context``.
        signatures: the boundary of each entry, by function name.
        parameters: weights by name; initial values of states under ``state:NAME``. Values stay where the model has
            them until somebody asks.
        origin: where the model came from, for messages and reports.
        level: the level that ``module`` is at.
        trees: live (input, output) ``TreeSpec`` of each entry where the model came from Python; they rebuild output
            classes that a text form can't name.
    """

    module: ir.Module
    signatures: dict[str, Signature]
    parameters: ParameterStore
    origin: str
    level: str = "graph"
    trees: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        key = id(self.module)
        if key not in _PARAMETERS:
            weakref.finalize(self.module, _PARAMETERS.pop, key, None)
        _PARAMETERS[key] = self.parameters


# By identity: a module's hash is of its attributes, and changes with them.
_PARAMETERS: dict[int, ParameterStore] = {}


def parameters_of(module: ir.Module) -> ParameterStore | None:
    """The parameters of the program that ``module`` belongs to, as long as the module object lives."""
    return _PARAMETERS.get(id(module))
