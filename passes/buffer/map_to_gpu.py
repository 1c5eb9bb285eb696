"""map-to-gpu: parallel loops become kernels with one thread an iteration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, gpu, scf

from stepwell.passes.base import Pass, PassContext
from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location


@dataclass
class MapToGpu(Pass):
    """Turn each outermost ``scf.forall`` of one dimension into a ``gpu.launch`` of blocks of ``threads`` threads.

    The grid holds at least as many threads as there are iterations; the surplus ones do nothing.
    """

    name: ClassVar[str] = "map-to-gpu"
    summary: ClassVar[str] = "turn parallel loops into GPU kernels, one thread an iteration"
    anchor: ClassVar[str] = "builtin.module"

    threads: int = 256

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found: list[scf.ForallOp] = []

        def visit(candidate: ir.Operation) -> ir.WalkResult:
            if candidate.name != "scf.forall":
                return ir.WalkResult.ADVANCE
            found.append(candidate.opview)
            return ir.WalkResult.SKIP

        op.walk(visit, ir.WalkOrder.PRE_ORDER)
        if found:
            op.attributes["gpu.container_module"] = ir.UnitAttr.get(op.context)
        for loop in found:
            _check(loop)
            with ir.InsertionPoint(loop), loop.location:
                _map(loop, self.threads)


def _check(loop: scf.ForallOp) -> None:
    bounds = (list(loop.staticLowerBound), list(loop.staticStep), len(loop.operation.results))
    if loop.rank != 1 or bounds != ([0], [1], 0):
        raise PassError(
            "only a parallel loop of one dimension that counts from 0 by 1 can be mapped to threads",
            where=describe_location(loop.operation.location),
            hint="run flatten-elementwise first",
        )


def _map(loop: scf.ForallOp, threads: int) -> None:
    dynamic = list(loop.dynamicUpperBound)
    count = dynamic[0] if dynamic else _index(loop.staticUpperBound[0])
    one, width = _index(1), _index(threads)
    # A grid must not be empty: no iterations still launch one block, whose threads do nothing.
    blocks = arith.maxui(arith.ceildivui(count, width), one)
    launch = gpu.LaunchOp((blocks, one, one), (width, one, one))
    body = launch.regions[0].blocks[0]
    with ir.InsertionPoint(body):
        block, thread, block_width = body.arguments[0], body.arguments[3], body.arguments[9]
        position = arith.addi(arith.muli(block, block_width), thread)
        inside = scf.IfOp(arith.cmpi(arith.CmpIPredicate.ult, position, count))
        with ir.InsertionPoint(inside.then_block):
            end = scf.YieldOp([])
        gpu.TerminatorOp()
    loop.induction_variables[0].replace_all_uses_with(position)
    for inner in list(loop.body.operations)[:-1]:
        inner.operation.move_before(end.operation)
    loop.operation.erase()


def _index(value: int) -> ir.Value:
    return arith.constant(ir.IndexType.get(), value)
