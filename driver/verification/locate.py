"""The first operation that computes something that the module before it did not."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.driver.verification.evaluate import Evaluator
from stepwell.support.errors import Error
from stepwell.support.locations import describe_location

Fingerprint = tuple[tuple[int, ...], float, float, float]


def first_deviating(evaluator: Evaluator, before: ir.Operation, after: ir.Operation) -> str | None:
    """Name and place of the first operation of ``after`` whose value no operation of ``before`` computes.

    Operations are matched by the model's location that both came from; one whose location (or shape) has no
    counterpart proves nothing and is passed over.
    """
    known: dict[tuple[str, tuple[int, ...]], list[Fingerprint]] = defaultdict(list)
    found: list[str] = []

    def record(op: ir.Operation, values: list[Any]) -> None:
        for print_ in _fingerprints(values):
            known[str(op.location), print_[0]].append(print_)

    def compare(op: ir.Operation, values: list[Any]) -> None:
        for print_ in _fingerprints(values):
            candidates = known.get((str(op.location), print_[0]), [])
            if not found and candidates and not any(_close(print_, candidate) for candidate in candidates):
                found.append(f"{op.name} at {describe_location(op.location)}")

    try:
        evaluator.run(before, record)
        evaluator.run(after, compare)
    except Error:
        return found[0] if found else None
    return found[0] if found else None


def _fingerprints(values: list[Any]) -> list[Fingerprint]:
    prints = []
    for value in values:
        if isinstance(value, (list, tuple, str)):
            continue
        array = np.asarray(value.detach().double() if hasattr(value, "detach") else value)
        if array.size and array.dtype.kind in "fiubV":
            wide = array.astype(np.float64)
            weights = np.linspace(1.0, 2.0, wide.size).reshape(wide.shape)
            with np.errstate(all="ignore"):
                prints.append((wide.shape, float((wide * weights).sum()), float(wide.max()), float(np.abs(wide).sum())))
    return prints


def _close(a: Fingerprint, b: Fingerprint) -> bool:
    scale = max(abs(a[3]), abs(b[3]), 1e-30)
    return (
        bool(np.isclose(a[1], b[1], rtol=1e-3, atol=1e-4 * scale, equal_nan=True))
        and bool(np.isclose(a[2], b[2], rtol=1e-3, atol=1e-5, equal_nan=True))
        and bool(np.isclose(a[3], b[3], rtol=1e-3, atol=1e-30, equal_nan=True))
    )
