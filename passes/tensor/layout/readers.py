"""Which images convolutions read."""

from __future__ import annotations

from torch_mlir import ir

GROUPED = "linalg.conv_2d_ngchw_gfchw"
#: Elements that convolutions are rewritten for.
ELEMENTS = ("f32", "f64", "f16", "bf16", "i32", "i16", "i8")
#: Elements that they sum in.
SUMS = ("f32", "f64", "i32")
#: A convolution over so few channels reads its image as it lies: a scalar is loaded from anywhere at the same price.
FEW_CHANNELS = 4


def feeds_convolution(image: ir.Value) -> bool:
    """Whether a convolution reads ``image`` by vectors of channels: its border is put around its twin."""
    kind = ir.RankedTensorType(image.type)
    if kind.rank != 4 or str(kind.element_type) not in ELEMENTS:
        return False
    users = [use.owner.operation for use in image.uses]
    names = {user.name for user in users}
    split = [use for user in users if user.name == "tensor.expand_shape" for use in user.results[0].uses]
    return (
        "linalg.depthwise_conv_2d_nchw_chw" in names
        or ("linalg.conv_2d_nchw_fchw" in names and kind.shape[1] > FEW_CHANNELS)
        or any(use.owner.operation.name == GROUPED for use in split)
    )
