"""EfficientNet-b0 (Tan and Le, 2019): depthwise convolutions, squeeze and excitation; 96x96, batch 1."""

import torch

from examples.models.resnet import randomise_batch_norm
from examples.models.torchvision_shim import prepare_torchvision
from examples.models.zoo import Model, ZooModel, batches_of_images, image

SIZE = 96


def make() -> Model:
    """timm's ``efficientnet_b0`` and one picture."""
    prepare_torchvision()
    import timm

    torch.manual_seed(0)
    model = timm.create_model("efficientnet_b0", pretrained=False).eval()
    randomise_batch_norm(model)
    return model, (image(1, SIZE, SIZE),)


EFFICIENTNET_B0 = ZooModel(
    name="efficientnet_b0",
    kind="vision",
    make=make,
    raced=False,
    config=f"{SIZE}x{SIZE}, batch 1",
    dynamic=batches_of_images(SIZE, sizes=(0, 4)),
    requires=("timm",),
)
