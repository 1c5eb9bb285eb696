"""Elementwise operations on parts, joins and padded tensors, with what makes these: nothing between them is stored."""

from __future__ import annotations

from collections.abc import Container, Mapping

from torch_mlir import ir

from stepwell.passes.tensor.attention.cone import RESHAPES
from stepwell.passes.tensor.kernels.fills import is_fill
from stepwell.passes.tensor.structured import input_count, loops_of
from stepwell.support.walk import inside

BY_ELEMENT = ("tensor.pad", "tensor.extract_slice", "tensor.insert_slice", "tensor.concat")
"""Operations each element of whose results is one element of what they read, or of none."""

_FEW = 4
"""Operations of a body that are cheaper to do again than to store."""


def gathered(
    root: ir.Operation, places: Mapping[ir.Operation, int], taken: Container[ir.Operation]
) -> list[ir.Operation]:
    """``root`` with what is only computed for it, in program order; empty where that is nothing.

    Args:
        places: the operations of its block, numbered in their order.
        taken: those that belong to others.
    """
    if not (root.name in BY_ELEMENT or _is_elementwise(root)):
        return []
    found = {places[root]: root}
    members = {root}
    rest = _makers(root, places)
    while rest:
        # The last one first: whoever uses an operation has been looked at before it.
        place = max(rest)
        op = rest.pop(place)
        users = {use.owner.operation for result in op.results for use in result.uses}
        if op not in taken and users <= members and _is_light(op):
            found[place] = op
            members.add(op)
            rest |= _makers(op, places)
    if not any(op.name in BY_ELEMENT for op in members) or all(op.name in RESHAPES for op in members - {root}):
        return []
    return _without_first_reshapes([found[place] for place in sorted(found)])


def _makers(op: ir.Operation, places: Mapping[ir.Operation, int]) -> dict[int, ir.Operation]:
    made = [value.owner.operation for value in op.operands if isinstance(value, ir.OpResult)]
    return {places[maker]: maker for maker in made if maker in places}


def _without_first_reshapes(members: list[ir.Operation]) -> list[ir.Operation]:
    """``members`` without reshapes of what none of them makes: the host sees these tensors in another shape."""
    kept: list[ir.Operation] = []
    for op in members:
        owner = op.operands[0].owner if op.name in RESHAPES else None
        if owner is None or (not isinstance(owner, ir.Block) and owner.operation in kept):
            kept.append(op)
    return kept


def _is_elementwise(op: ir.Operation) -> bool:
    if op.name != "linalg.generic" or len(op.results) != 1 or is_fill(op):
        return False
    return input_count(op) > 0 and all(loop.parallel for loop in loops_of(op))


def _is_light(op: ir.Operation) -> bool:
    """Whether an element of what ``op`` gives is computed at next to no cost."""
    if op.name in BY_ELEMENT or op.name in RESHAPES:
        return True
    body = [inner.name for inner in inside(op)]
    return _is_elementwise(op) and len(body) <= _FEW + 1 and not any(map(_is_heavy, body))


def _is_heavy(name: str) -> bool:
    return name.startswith(("math.", "tensor.", "scf.")) or "div" in name or "rem" in name
