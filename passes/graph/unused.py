"""Operations of the graph level whose results nobody uses; MLIR keeps them, not knowing that they are pure."""

from __future__ import annotations

from torch_mlir import ir

_PREFIXES = (
    "torch.aten.", "torch.prims.", "torch.prim.ListConstruct", "torch.constant.", "torch.vtensor.literal",
    "torch.quantized_decomposed.", "torch_c.to_builtin_tensor", "torch_c.from_builtin_tensor",
    "numeric.",
)  # fmt: skip


def erase_unused(root: ir.Operation) -> None:
    """Erase, users first, every unused operation below ``root`` that has results and writes to no operand."""
    for region in root.regions:
        for block in region:
            for view in reversed(list(block.operations)):
                erase_unused(view.operation)
                if _is_unused(view.operation):
                    view.operation.erase()


def _is_unused(op: ir.Operation) -> bool:
    if not op.name.startswith(_PREFIXES) or not len(op.results):
        return False
    in_place = any(part.endswith("_") for part in op.name.split("."))  # add_.Tensor writes to its operand
    return not in_place and not any(True for result in op.results for _ in result.uses)
