"""ViT-tiny (Dosovitskiy et al., 2020; sizes of Touvron et al.): 12 blocks of width 192, 224x224 in 16x16 patches."""

import torch

from examples.models.torchvision_shim import prepare_torchvision
from examples.models.zoo import Model, ZooModel, batches_of_images, image


def make() -> Model:
    """timm's ``vit_tiny_patch16_224`` and one picture."""
    prepare_torchvision()
    import timm

    torch.manual_seed(0)
    return timm.create_model("vit_tiny_patch16_224", pretrained=False).eval(), (image(1, 224, 224),)


VIT_TINY = ZooModel(
    name="vit_tiny",
    kind="vision",
    make=make,
    config="12 blocks of width 192, 224x224, batch 1",
    dynamic=batches_of_images(224, sizes=(0, 4)),
    requires=("timm",),
)
