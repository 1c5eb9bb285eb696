"""MobileNetV3-small (Howard et al., 2019): 224x224, batch 1; depthwise convolutions, hardswish."""

import torch

from examples.models.resnet import randomise_batch_norm
from examples.models.torchvision_shim import prepare_torchvision
from examples.models.zoo import Model, ZooModel, batches_of_images, image


def make() -> Model:
    """torchvision's ``mobilenet_v3_small`` and one picture."""
    prepare_torchvision()
    from torchvision.models import mobilenet_v3_small

    torch.manual_seed(0)
    model = mobilenet_v3_small(weights=None).eval()
    randomise_batch_norm(model)
    return model, (image(1, 224, 224),)


MOBILENET_V3_SMALL = ZooModel(
    name="mobilenet_v3_small",
    kind="vision",
    make=make,
    config="224x224, batch 1",
    dynamic=batches_of_images(224, sizes=(0, 8)),
    requires=("torchvision",),
)
