"""Which threads of a block go step by step together: as many as may, but for those that wait at different places."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.backends.cuda.emulate.lanes import WARP
from stepwell.backends.cuda.emulate.matrix import WARPGROUP
from stepwell.support.walk import inside, outer_first

_APART = ("mbarrier", "bar.arrive", "bar.sync $0", "barrier.cluster")
"""Instructions by which warpgroups go their own ways."""


def goes_apart(function: ir.Operation) -> bool:
    """Whether warpgroups go their own ways: barriers of the block are not all that orders them."""
    return any(mark in text for text in _texts(function) for mark in _APART)


def raises_flags(function: ir.Operation) -> bool:
    """Whether its blocks tell each other what they wrote."""
    return any(mark in text for text in _texts(function) for mark in ("st.release", "ld.acquire"))


def unit_of(function: ir.Operation, threads: int) -> int:
    """How many of a block's ``threads`` go together: all, a warpgroup, or a warp.

    Warps are on their own where a loop with a barrier goes round differently often in them.
    """
    if goes_apart(function) and threads % WARPGROUP == 0:
        return WARPGROUP
    return WARP if threads % WARP == 0 and _parts_in_loops(function) else threads


def _texts(function: ir.Operation) -> list[str]:
    return [ir.StringAttr(op.attributes["asm_string"]).value for op in inside(function) if op.name == "llvm.inline_asm"]


def _parts_in_loops(function: ir.Operation) -> bool:
    own = _of_the_thread(function)
    return any(
        any(operand in own for operand in list(op.operands)[:3]) and any("bar.sync" in text for text in _texts(op))
        for op in inside(function)
        if op.name == "scf.for"
    )


def _of_the_thread(function: ir.Operation) -> set[ir.Value]:
    """The values that may differ from thread to thread of a block."""
    own: set[ir.Value] = set()
    count = -1
    while count != len(own):  # again, for what loops carry
        count = len(own)
        for op in outer_first(function):
            yielded = [value for region in op.regions for block in region.blocks for value in _last(block)]
            if op.name == "gpu.thread_id" or any(value in own for value in [*op.operands, *yielded]):
                own.update(op.results)
                if op.name == "scf.for":
                    own.update(list(op.regions[0].blocks[0].arguments))
    return own


def _last(block: ir.Block) -> list[ir.Value]:
    operations = list(block.operations)
    return list(operations[-1].operation.operands) if operations else []
