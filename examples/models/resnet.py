"""ResNet-18 (He et al., 2015): 224x224, batch 1; weights random, batch-norm statistics made uneven."""

import torch

from examples.models.torchvision_shim import prepare_torchvision
from examples.models.zoo import Model, ZooModel, batches_of_images, image


def make() -> Model:
    """torchvision's ``resnet18`` and one picture."""
    prepare_torchvision()
    from torchvision.models import resnet18

    torch.manual_seed(0)
    model = resnet18(weights=None).eval()
    randomise_batch_norm(model)
    return model, (image(1, 224, 224),)


def randomise_batch_norm(model: torch.nn.Module) -> None:
    """Give batch norm statistics and scales that differ by channel: at their defaults it does nothing."""
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor, low, high in (
                (module.running_mean, -0.1, 0.1),
                (module.running_var, 0.5, 1.5),
                (module.weight, 0.5, 1.5),
                (module.bias, -0.1, 0.1),
            ):
                assert tensor is not None
                tensor.detach().uniform_(low, high, generator=generator)


RESNET18 = ZooModel(
    name="resnet18",
    kind="vision",
    make=make,
    config="224x224, batch 1",
    dynamic=batches_of_images(224, sizes=(0, 4)),
    requires=("torchvision",),
)
