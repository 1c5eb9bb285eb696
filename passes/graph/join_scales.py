"""join-scales: chains of fixed numbers a channel as one multiplication and one addition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.unused import erase_unused
from stepwell.passes.graph.weights import Weights
from stepwell.support.walk import operations

_KINDS = {"torch.aten.add.Tensor": "add", "torch.aten.sub.Tensor": "sub", "torch.aten.mul.Tensor": "mul"}
_LEAST = 3
"""Steps that are worth it."""


@dataclass
class JoinScales(Pass):
    """Rewrite chains of additions, subtractions and multiplications by fixed numbers, one a channel, in f32.

    That is what batch normalisation of bf16 and f16 is outside of training, which ``fold-batch-norm`` leaves alone.
    ``((x - m) * d * s + t`` becomes ``x * (d * s) + (t - m * d * s)``; the new numbers are made by operations on the
    parameters, which ``split-prepare`` takes out later.
    """

    name: ClassVar[str] = "join-scales"
    summary: ClassVar[str] = "chains of fixed numbers a channel as one multiplication and one addition"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        weights = Weights()
        chains = [_chain(first, weights) for first in operations(op)]
        worth = [chain for chain in chains if len(chain) >= _LEAST and {step.kind for step in chain} > {"mul"}]
        for chain in worth:
            _rewrite(chain)
        erase_unused(op)
        context.note(self.name, joined=len(worth))


@dataclass(frozen=True)
class _Step:
    op: ir.Operation
    kind: str
    number: ir.Value


def _chain(first: ir.Operation, weights: Weights) -> list[_Step]:
    """The steps from ``first`` on; none where it goes on with another one's result, which is joined with that."""
    step = _step(first, weights)
    if step is None or _follows(first, weights):
        return []
    chain = [step]
    while True:
        uses = list(chain[-1].op.result.uses)
        following = _step(uses[0].owner.operation, weights) if len(uses) == 1 and uses[0].operand_number == 0 else None
        if following is None or _shape(following.number) != _shape(step.number):
            return chain
        chain.append(following)


def _follows(op: ir.Operation, weights: Weights) -> bool:
    owner = op.operands[0].owner
    return not isinstance(owner, ir.Block) and _step(owner.operation, weights) is not None


def _step(op: ir.Operation, weights: Weights) -> _Step | None:
    """One of x and a fixed number a channel, with a result in f32."""
    kind = _KINDS.get(op.name)
    if kind is None or (kind != "mul" and tb.number(op.operands[2]) != 1):
        return None
    source, other = op.operands[0], op.operands[1]
    given, info, result = tb.tensor_info(other), tb.tensor_info(source), tb.tensor_info(op.result)
    if given is None or info is None or result is None or result.dtype != "f32" or info.shape != result.shape:
        return None
    if weights.is_fixed(source) or not weights.is_fixed(other) or not given.is_static() or not given.is_float():
        return None
    if sum(size != 1 for size in given.shape) > 1 or len(given.shape) > len(info.shape):
        return None
    return _Step(op, kind, other)


def _shape(number: ir.Value) -> tuple[int | None, ...] | None:
    info = tb.tensor_info(number)
    return None if info is None else info.shape


def _rewrite(chain: list[_Step]) -> None:
    last = chain[-1].op
    scale: ir.Value | None = None
    shift: ir.Value | None = None
    with ir.InsertionPoint(last), chain[0].op.location:
        for step in chain:
            number = _wide(step.number)
            if step.kind == "mul":
                scale = number if scale is None else tb.multiply(scale, number)
                shift = None if shift is None else tb.multiply(shift, number)
            elif shift is None:
                shift = number if step.kind == "add" else tb.unary("neg", number)
            else:
                shift = tb.add(shift, number) if step.kind == "add" else tb.subtract(shift, number)
        value = chain[0].op.operands[0]
        if scale is not None:
            value = tb.build("aten.mul.Tensor", [value, scale], last.result.type)
        assert shift is not None
        value = tb.build("aten.add.Tensor", [value, shift, tb.constant(1)], last.result.type)
    last.result.replace_all_uses_with(value)
    for step in reversed(chain):
        step.op.erase()


def _wide(number: ir.Value) -> ir.Value:
    """``number`` in f32."""
    info = tb.tensor_info(number)
    assert info is not None
    if info.dtype == "f32":
        return number
    wanted = tb.TensorInfo(info.shape, "f32")
    options = [tb.constant(_F32), tb.constant(False), tb.constant(False), tb.constant(None)]
    return tb.build("aten.to.dtype", [number, *options], wanted)


_F32 = 6
"""As PyTorch numbers its types."""
