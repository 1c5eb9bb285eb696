"""fold-batch-norm: per-channel arithmetic behind a convolution or linear layer goes into its weight and bias."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.unused import erase_unused
from stepwell.passes.graph.weights import Weights
from stepwell.support.walk import operations


@dataclass
class FoldBatchNorm(Pass):
    """Fold chains of additions, subtractions and multiplications by one fixed number a channel.

    That is what batch normalisation is outside of training, in the form that torch.export leaves, and as
    ``aten.batch_norm``. The new weight and bias are computed by operations on the parameters, which
    ``split-prepare`` takes out later; values are not read. Left alone: numbers that depend on inputs or states
    (training), a result with other users, a chain in another dtype, grouped transposed convolutions.
    """

    name: ClassVar[str] = "fold-batch-norm"
    summary: ClassVar[str] = "fold batch normalisation into the convolution or linear layer before it"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found = [layer for inner in operations(op) if (layer := _layer(inner)) is not None]
        weights = Weights()
        folded = sum(_fold(layer, weights) for layer in found)
        erase_unused(op)
        context.note(self.name, folded=folded)


@dataclass
class _Layer:
    """A convolution or linear layer: where its weight and bias stand, and their channel axes."""

    op: ir.Operation
    weight_axis: int
    channel_axis: int
    bias: int | None

    def channels(self) -> int | None:
        """Number of output channels, where it is known."""
        info = tb.tensor_info(self.op.result)
        return None if info is None else info.shape[self.channel_axis]


@dataclass
class _Chain:
    """Steps ``(kind, number a channel)`` on the result of a layer, and the operations they come from."""

    steps: list[tuple[str, ir.Value]] = field(default_factory=list)
    operations: list[ir.Operation] = field(default_factory=list)


def _layer(op: ir.Operation) -> _Layer | None:
    if op.name == "torch.aten.convolution":
        transposed = tb.flag(op.operands[6])
        if transposed is None or (transposed and tb.number(op.operands[8]) != 1):
            return None
        return _Layer(op, weight_axis=int(transposed), channel_axis=1, bias=2)
    if op.name == "torch.aten.linear":
        return _Layer(op, weight_axis=0, channel_axis=-1, bias=2)
    if op.name == "torch.aten.mm":
        return _Layer(op, weight_axis=1, channel_axis=-1, bias=None)
    return None


def _fold(layer: _Layer, weights: Weights) -> bool:
    weight = layer.op.operands[1]
    info = tb.tensor_info(layer.op.result)
    weight_info = tb.tensor_info(weight)
    if info is None or weight_info is None or not info.is_float() or weight_info.dtype != info.dtype:
        return False
    if layer.channels() is None or not weight_info.is_static() or not weights.is_fixed(weight):
        return False
    if layer.bias is not None and not weights.is_fixed(layer.op.operands[layer.bias]):
        return False
    chain = _chain(layer, info, weights)
    if not chain.steps or (layer.bias is None and len(chain.steps) == 1 and chain.steps[0][0] == "add"):
        return False  # a matrix product and its bias are as good as they get
    _rewrite(layer, weight, weight_info, chain)
    return True


def _chain(layer: _Layer, info: tb.TensorInfo, weights: Weights) -> _Chain:
    chain = _Chain()
    value = layer.op.result
    while True:
        uses = list(value.uses)
        if len(uses) != 1:
            return chain
        user, position = uses[0].owner.operation, uses[0].operand_number
        steps = _steps(user, position, layer, info, weights)
        if not steps or str(user.results[0].type) != str(value.type):
            return chain
        chain.steps += steps
        chain.operations.append(user)
        value = user.results[0]


def _steps(
    user: ir.Operation, position: int, layer: _Layer, info: tb.TensorInfo, weights: Weights
) -> list[tuple[str, ir.Value]]:
    """What ``user`` does to the layer's result, or nothing where it does anything else."""
    if user.name == "torch.aten.batch_norm" and position == 0:
        return _batch_norm_steps(user, info, weights)
    kind = {"torch.aten.add.Tensor": "add", "torch.aten.sub.Tensor": "sub", "torch.aten.mul.Tensor": "mul"}.get(
        user.name
    )
    if kind is None or position > 1 or (kind == "sub" and position == 1):
        return []
    if kind != "mul" and tb.number(user.operands[2]) != 1:
        return []
    other = user.operands[1 - position]
    return [(kind, other)] if weights.is_fixed(other) and _is_per_channel(other, layer, info) else []


def _batch_norm_steps(user: ir.Operation, info: tb.TensorInfo, weights: Weights) -> list[tuple[str, ir.Value]]:
    scale, shift, mean, variance, training = (user.operands[index] for index in range(1, 6))
    epsilon = tb.number(user.operands[7])
    given = [value for value in (scale, shift, mean, variance) if not tb.is_none(value)]
    infos = [tb.tensor_info(value) for value in given]
    if tb.flag(training) is not False or epsilon is None or tb.is_none(mean) or tb.is_none(variance):
        return []
    if not all(weights.is_fixed(value) for value in given) or any(i is None or i.dtype != info.dtype for i in infos):
        return []
    with ir.InsertionPoint(user), user.location:
        deviation = tb.unary("rsqrt", tb.with_scalar("add", variance, float(epsilon)))
    steps = [("sub", mean), ("mul", deviation)]
    steps += [] if tb.is_none(scale) else [("mul", scale)]
    return steps if tb.is_none(shift) else [*steps, ("add", shift)]


def _is_per_channel(value: ir.Value, layer: _Layer, info: tb.TensorInfo) -> bool:
    """Whether ``value`` holds one number for each channel of the layer's result, and broadcasts along the others."""
    given = tb.tensor_info(value)
    if given is None or given.dtype != info.dtype or len(given.shape) > len(info.shape):
        return False
    wanted: list[int | None] = [1] * len(info.shape)
    wanted[layer.channel_axis] = layer.channels()
    return list(given.shape) == wanted[len(wanted) - len(given.shape) :] and layer.channels() in given.shape


def _rewrite(layer: _Layer, weight: ir.Value, weight_info: tb.TensorInfo, chain: _Chain) -> None:
    channels = layer.channels()
    assert channels is not None
    last = chain.operations[-1]
    operands = list(layer.op.operands)
    with ir.InsertionPoint(last), layer.op.location:
        scale: ir.Value | None = None
        shift: ir.Value | None = None
        if layer.bias is not None and not tb.is_none(operands[layer.bias]):
            shift = operands[layer.bias]
        for kind, value in chain.steps:
            value = tb.reshape(value, [channels])
            if kind == "mul":
                scale = value if scale is None else tb.multiply(scale, value)
                shift = None if shift is None else tb.multiply(shift, value)
            elif shift is None:
                shift = value if kind == "add" else tb.unary("neg", value)
            else:
                shift = tb.add(shift, value) if kind == "add" else tb.subtract(shift, value)
        if scale is not None:
            shape = [1] * len(weight_info.shape)
            shape[layer.weight_axis] = channels
            operands[1] = tb.multiply(weight, tb.reshape(scale, shape))
        if layer.bias is not None and shift is not None:
            operands[layer.bias] = shift
        result = tb.build(layer.op.name.removeprefix("torch."), operands, layer.op.result.type)
        if layer.bias is None and shift is not None:
            result = tb.build("aten.add.Tensor", [result, shift, tb.constant(1)], result.type)
    last.results[0].replace_all_uses_with(result)
    for op in [*reversed(chain.operations), layer.op]:
        op.erase()
