"""Which values of the graph level are fixed once the weights are."""

from __future__ import annotations

from torch_mlir import ir

_FIXED = frozenset(
    f"torch.{name}"
    for name in (
        "vtensor.literal", "prim.ListConstruct", "prims.convert_element_type", "aten.to.dtype",
        "aten.add.Tensor", "aten.add.Scalar", "aten.sub.Tensor", "aten.sub.Scalar", "aten.mul.Tensor",
        "aten.mul.Scalar", "aten.div.Tensor", "aten.div.Scalar", "aten.neg", "aten.sqrt", "aten.rsqrt",
        "aten.reciprocal", "aten.exp", "aten.abs", "aten.pow.Tensor_Scalar", "aten.clone", "aten.view",
        "aten.reshape", "aten.unsqueeze", "aten.squeeze.dim", "aten.permute", "aten.transpose.int", "aten.t",
        "aten.expand", "aten.broadcast_to", "aten.slice.Tensor", "quantized_decomposed.quantize_per_tensor",
        "quantized_decomposed.dequantize_per_tensor", "quantized_decomposed.dequantize_per_channel",
    )
)  # fmt: skip


class Weights:
    """Answers whether a value depends on parameters and constants alone; answers are kept."""

    def __init__(self) -> None:
        self._fixed: dict[ir.Value, bool] = {}

    def is_fixed(self, value: ir.Value) -> bool:
        """Whether ``value`` is a parameter, a constant, or made of those by operations known to be pure."""
        if value not in self._fixed:
            self._fixed[value] = self._decide(value)
        return self._fixed[value]

    def _decide(self, value: ir.Value) -> bool:
        owner = value.owner
        if isinstance(owner, ir.Block):
            return _is_parameter(ir.BlockArgument(value), owner)
        op = owner.operation
        if op.name.startswith("torch.constant."):
            return True
        return op.name in _FIXED and all(self.is_fixed(operand) for operand in op.operands)


def _is_parameter(argument: ir.BlockArgument, block: ir.Block) -> bool:
    function = block.owner.operation
    if function.name != "func.func" or "arg_attrs" not in function.attributes:
        return False
    return "stepwell.parameter" in ir.DictAttr(ir.ArrayAttr(function.attributes["arg_attrs"])[argument.arg_number])


def parameter_name(value: ir.Value) -> str | None:
    """The parameter that ``value`` is; None for anything else."""
    owner = value.owner
    if not isinstance(owner, ir.Block) or not _is_parameter(ir.BlockArgument(value), owner):
        return None
    names = ir.ArrayAttr(owner.owner.operation.attributes["arg_attrs"])[ir.BlockArgument(value).arg_number]
    return str(ir.StringAttr(ir.DictAttr(names)["stepwell.parameter"]).value)
