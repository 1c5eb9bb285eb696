"""DenseNet (Huang et al., 2016): every layer sees all before it; growth 32, four blocks of 2, 4, 4 and 2 layers."""

import torch

from examples.models.resnet import randomise_batch_norm
from examples.models.torchvision_shim import prepare_torchvision
from examples.models.zoo import Model, ZooModel, batches_of_images, image

SIZE = 96


def make() -> Model:
    """torchvision's ``DenseNet`` and one picture."""
    prepare_torchvision()
    from torchvision.models import DenseNet

    torch.manual_seed(0)
    model = DenseNet(growth_rate=32, block_config=(2, 4, 4, 2), num_init_features=64).eval()
    randomise_batch_norm(model)
    return model, (image(1, SIZE, SIZE),)


DENSENET = ZooModel(
    name="densenet",
    kind="vision",
    make=make,
    raced=False,
    config=f"growth 32, blocks of 2, 4, 4, 2, {SIZE}x{SIZE}, batch 1",
    dynamic=batches_of_images(SIZE, sizes=(0, 4)),
    requires=("torchvision",),
)
