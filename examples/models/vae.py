"""A variational autoencoder (Kingma and Welling, 2013), convolutional; its randomness is an argument."""

import torch
from torch import Tensor, nn

from examples.models.zoo import Dynamic, Model, ZooModel, image, seeded

LATENT, SIZE = 16, 32


class VariationalAutoencoder(nn.Module):
    """Pictures and standard normal numbers -> pictures, and mean and log-variance of the code."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(
            nn.Conv2d(3, 16, 4, stride=2, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 4, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(32 * (SIZE // 4) ** 2, 2 * LATENT),
        )  # fmt: skip
        self.widen = nn.Linear(LATENT, 32 * (SIZE // 4) ** 2)
        self.decode = nn.Sequential(
            nn.ReLU(), nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(16, 3, 4, stride=2, padding=1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``x`` [batch, 3, 32, 32], ``noise`` [batch, latent]."""
        mean, log_variance = self.encode(x).chunk(2, 1)
        code = mean + (log_variance / 2).exp() * noise
        return self.decode(self.widen(code).unflatten(1, (32, SIZE // 4, SIZE // 4))), mean, log_variance


def inputs(batch: int) -> tuple[Tensor, ...]:
    """Pictures and their noise."""
    return image(batch, SIZE, SIZE), torch.randn(batch, LATENT, generator=seeded(batch))


def make() -> Model:
    """Random weights, two pictures."""
    torch.manual_seed(0)
    return VariationalAutoencoder().eval(), inputs(2)


def dynamic_shapes() -> tuple[dict[int, torch.export.Dim], ...]:
    """The batch varies."""
    batch = torch.export.Dim("batch", max=64)
    return {0: batch}, {0: batch}


VAE = ZooModel(
    name="vae",
    kind="generative",
    make=make,
    raced=False,
    config=f"code of {LATENT}, transposed convolutions, {SIZE}x{SIZE}, batch 2",
    dynamic=Dynamic(example=(2,), shapes=dynamic_shapes, inputs=inputs, sizes={"batch": (0, 6)}),
)
