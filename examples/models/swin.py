"""Swin-tiny (Liu et al., 2021): 224x224 in 4x4 patches, windows of 7x7, shifted every second block."""

import torch

from examples.models.torchvision_shim import prepare_torchvision
from examples.models.zoo import Model, ZooModel, image


def make() -> Model:
    """timm's ``swin_tiny_patch4_window7_224`` and one picture."""
    prepare_torchvision()
    import timm

    torch.manual_seed(0)
    return timm.create_model("swin_tiny_patch4_window7_224", pretrained=False).eval(), (image(1, 224, 224),)


SWIN_TINY = ZooModel(
    name="swin_tiny", kind="vision", make=make, config="blocks 2, 2, 6, 2, 224x224, batch 1", requires=("timm",)
)
