"""ConvNeXt-atto (Liu et al., 2022; size of Wightman): 7x7 depthwise convolutions, layer norm over channels; 96x96."""

import torch

from examples.models.torchvision_shim import prepare_torchvision
from examples.models.zoo import Model, ZooModel, batches_of_images, image

SIZE = 96


def make() -> Model:
    """timm's ``convnext_atto`` and one picture."""
    prepare_torchvision()
    import timm

    torch.manual_seed(0)
    return timm.create_model("convnext_atto", pretrained=False).eval(), (image(1, SIZE, SIZE),)


CONVNEXT_ATTO = ZooModel(
    name="convnext_atto",
    kind="vision",
    make=make,
    raced=False,
    config=f"blocks 2, 2, 6, 2, {SIZE}x{SIZE}, batch 1",
    dynamic=batches_of_images(SIZE, sizes=(0, 4)),
    requires=("timm",),
)
