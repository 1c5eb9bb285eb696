"""What a model should compute: in float64 where it can, and how far its own dtype is from that."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from stepwell.frontend.bindings import to_numpy
from stepwell.support.carried import carried
from stepwell.support.signature import Signature

Arrays = list[np.ndarray[Any, Any]]


# Errors that rounding explains, by the narrowest float dtype at the boundary (relative to the largest result).
_TOLERANCES = {"f64": 1e-12, "f32": 1e-4, "tf32": 2e-2, "f16": 2e-2, "bf16": 1e-1}

# Results of 8 bits may be the next number; inputs of 8 bits are what they are.
_STORED = {"f8E4M3FN": 2**-3, "f8E5M2": 2**-2}

# A result may be as far off as so many times the model's own error in its dtype; one that is hardly more than rounding
# (the mean of something normalised), where the model's own error is over a tenth of it, has more leave.
_TIMES_EAGER, _TIMES_NOISE, _NOISE = 4.0, 100.0, 0.1


@dataclass(frozen=True)
class Deviation:
    """Of the result that is worst for its tolerance: max|y - r| / max|r|, and what rounding explains of it."""

    error: float
    tolerance: float

    @property
    def within(self) -> bool:
        """Whether rounding explains the error."""
        return self.error <= self.tolerance

    @property
    def excess(self) -> float:
        """The error in tolerances."""
        return self.error / self.tolerance if self.tolerance else self.error and float("inf")


@dataclass(frozen=True)
class Reference:
    """Expected results of an entry, in signature order; complex ones as pairs.

    Attributes:
        results: float64 for floating point, exact otherwise.
        kind: how they were made: ``float64``, ``eager`` (the model refuses float64), or ``first level``.
        eager_errors: error of each result of the model run in its own dtype; empty where unknown.
    """

    results: Arrays
    kind: str
    eager_errors: Sequence[float] = ()

    def compare(self, values: Sequence[np.ndarray[Any, Any]], floor: float) -> Deviation:
        """How far ``values`` are off; every result has a tolerance of its own, ``floor`` at the least."""
        errors = errors_of(values, self.results)
        own = self.eager_errors or [0.0] * len(errors)
        tolerances = [max(floor, (_TIMES_NOISE if error > _NOISE else _TIMES_EAGER) * error) for error in own]
        pairs = [Deviation(*pair) for pair in zip(errors, tolerances, strict=True)]
        return max(pairs, key=lambda pair: pair.excess, default=Deviation(0.0, floor))


def make_reference(model: Any, signature: Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Reference | None:
    """The reference of ``model`` on these arguments; None where it is no Python model.

    The model is run on copies (twice where it has states): neither its state nor the arguments change.
    """
    if isinstance(model, torch.export.ExportedProgram):
        model = model.module()
    if not isinstance(model, torch.nn.Module) or not _holds(model, signature):
        return None
    eager = _run(copy.deepcopy(model), signature, args, kwargs)
    try:
        doubled = _run(_doubled(copy.deepcopy(model)), signature, *pytree.tree_map(_double, (args, kwargs)))
    except (RuntimeError, TypeError, ValueError, AssertionError):  # a model that quantises asserts f32
        return Reference(eager, "eager")
    errors = errors_of(eager, doubled)
    # A flipped argmax or an overflow in the model's own dtype is no fault of a pass.
    return Reference(doubled, "float64", errors) if np.isfinite(errors).all() else Reference(eager, "eager")


def floor_of(signature: Signature, coarsest: str | None = None) -> float:
    """The error that rounding explains for any result, by the narrowest float dtype at the boundary.

    Args:
        coarsest: a type that numbers are rounded to by request besides.
    """
    kinds = [spec.dtype for spec in (*signature.inputs, *signature.results, *signature.states)]
    kinds += [coarsest] if coarsest else []
    stored = [_STORED[spec.dtype] for spec in (*signature.results, *signature.states) if spec.dtype in _STORED]
    return max([_TOLERANCES[kind] for kind in kinds if kind in _TOLERANCES] + stored, default=0.0)


def errors_of(results: Sequence[np.ndarray[Any, Any]], expected: Sequence[np.ndarray[Any, Any]]) -> list[float]:
    """max|y - r| / max|r| of each; infinite where shapes, NaNs, infinities, or values that are exact differ."""
    return [_error(result, wanted) for result, wanted in zip(results, expected, strict=True)]


def _error(result: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]) -> float:
    if result.shape != wanted.shape:
        return float("inf")
    if wanted.size == 0:
        return 0.0
    if wanted.dtype.kind in "biu":
        return 0.0 if np.array_equal(result, wanted) else float("inf")
    result, wanted = result.astype(np.float64), wanted.astype(np.float64)
    finite = np.isfinite(wanted)
    same = np.array_equal(finite, np.isfinite(result)) and np.array_equal(
        result[~finite], wanted[~finite], equal_nan=True
    )
    if not same:
        return float("inf")
    if not finite.any():
        return 0.0
    scale = float(np.abs(wanted[finite]).max())
    return float(np.abs(result[finite] - wanted[finite]).max()) / (scale or 1.0)


def _run(model: torch.nn.Module, signature: Signature, args: Any, kwargs: Any) -> Arrays:
    """The results of each call in signature order, then the states."""
    values: Arrays = []
    with torch.no_grad():
        for _ in range(2 if signature.states else 1):
            call = copy.deepcopy((args, kwargs))
            values += _results(pytree.tree_leaves(model(*call[0], **call[1])), signature)
    buffers = _buffers(model)
    return values + [np.array(to_numpy(carried(buffers[spec.name]))) for spec in signature.states]


def _results(leaves: list[Any], signature: Signature) -> Arrays:
    results: list[Any] = [None] * len(signature.results)
    # pytree drops nothing but torch's None leaves, which the signature keeps as constants.
    outputs = list(signature.outputs)
    if len(leaves) != len(outputs):
        leaves = [leaf for leaf in leaves if leaf is not None]
        outputs = [output for output in outputs if output.kind != "constant" or output.value is not None]
    for leaf, output in zip(leaves, outputs, strict=True):
        if output.kind == "result":
            tensor = leaf if isinstance(leaf, torch.Tensor) else torch.tensor(leaf)
            # Copied: a model may return the buffer that its next call changes.
            results[output.index] = np.array(to_numpy(carried(tensor)))
    return results


def _buffers(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return dict(model.named_buffers(remove_duplicate=False))


def _holds(model: torch.nn.Module, signature: Signature) -> bool:
    """Whether all states are buffers of the model under their names."""
    return all(spec.name in _buffers(model) for spec in signature.states)


def _double(leaf: Any) -> Any:
    if isinstance(leaf, torch.Tensor) and (leaf.is_floating_point() or leaf.is_complex()):
        return leaf.detach().to(torch.complex128 if leaf.is_complex() else torch.float64)
    return leaf


def _doubled(model: torch.nn.Module) -> torch.nn.Module:
    wide: torch.nn.Module = model._apply(_double)  # type: ignore[no-untyped-call]  # as Module.double does
    return wide
