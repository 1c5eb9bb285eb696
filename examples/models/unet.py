"""A U-Net as diffusion uses it (Ho et al., 2020): embedded time steps, group norm, attention at the smallest size."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from examples.models.zoo import Dynamic, Model, ZooModel, image, seeded

WIDTH, SIZE = 32, 16


class Residual(nn.Module):
    """Two convolutions; the time step shifts what is between them. [batch, in, H, W] -> [batch, out, H, W]."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.norm_in, self.norm_out = nn.GroupNorm(8, channels_in), nn.GroupNorm(8, channels_out)
        self.first = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.second = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.shift = nn.Linear(4 * WIDTH, channels_out)
        self.skip = nn.Conv2d(channels_in, channels_out, 1) if channels_in != channels_out else nn.Identity()

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """``time`` [batch, 4 * width]."""
        hidden = self.first(F.silu(self.norm_in(x))) + self.shift(F.silu(time))[:, :, None, None]
        result: Tensor = self.second(F.silu(self.norm_out(hidden))) + self.skip(x)
        return result


class Attention(nn.Module):
    """Self-attention over all positions, added to its input: [batch, channels, H, W], unchanged in shape."""

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(8, channels)
        self.in_projection, self.out_projection = nn.Conv2d(channels, 3 * channels, 1), nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Every position looks at every other one."""
        batch, channels, height, width = x.shape
        parts = self.in_projection(self.norm(x)).reshape(batch, 3, self.heads, channels // self.heads, height * width)
        query, key, value = parts.transpose(-1, -2).unbind(1)
        mixed = F.scaled_dot_product_attention(query, key, value)
        result: Tensor = x + self.out_projection(mixed.transpose(-1, -2).reshape(batch, channels, height, width))
        return result


class UNet(nn.Module):
    """Predicts the noise in a picture at a time step."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.SiLU(), nn.Linear(4 * WIDTH, 4 * WIDTH))
        self.enter = nn.Conv2d(3, WIDTH, 3, padding=1)
        self.fine_in = Residual(WIDTH, WIDTH)
        self.down = nn.Conv2d(WIDTH, 2 * WIDTH, 3, stride=2, padding=1)
        self.coarse_in = Residual(2 * WIDTH, 2 * WIDTH)
        self.attention = Attention(2 * WIDTH)
        self.coarse_out = Residual(4 * WIDTH, 2 * WIDTH)
        self.up = nn.Conv2d(2 * WIDTH, WIDTH, 3, padding=1)
        self.fine_out = Residual(2 * WIDTH, WIDTH)
        self.leave = nn.Sequential(nn.GroupNorm(8, WIDTH), nn.SiLU(), nn.Conv2d(WIDTH, 3, 3, padding=1))

    def forward(self, x: Tensor, step: Tensor) -> Tensor:
        """Noisy pictures [batch, 3, H, W] at integer steps [batch] -> their noise [batch, 3, H, W]."""
        rates = torch.exp(-math.log(10000.0) * torch.arange(WIDTH // 2, dtype=x.dtype) / (WIDTH // 2))
        angles = step[:, None].to(x.dtype) * rates
        time = self.embed(torch.cat([angles.sin(), angles.cos()], 1))
        fine = self.fine_in(self.enter(x), time)
        coarse = self.coarse_in(self.down(fine), time)
        joined = self.coarse_out(torch.cat([self.attention(coarse), coarse], 1), time)
        raised = self.up(F.interpolate(joined, scale_factor=2.0, mode="nearest"))
        result: Tensor = self.leave(self.fine_out(torch.cat([raised, fine], 1), time))
        return result


def inputs(batch: int) -> tuple[Tensor, ...]:
    """Pictures, each at a step of its own."""
    return image(batch, SIZE, SIZE), torch.randint(0, 1000, (batch,), generator=seeded(batch))


def make() -> Model:
    """Random weights, two pictures."""
    torch.manual_seed(0)
    return UNet().eval(), inputs(2)


def dynamic_shapes() -> tuple[dict[int, torch.export.Dim], ...]:
    """The batch varies."""
    batch = torch.export.Dim("batch", max=64)
    return {0: batch}, {0: batch}


UNET = ZooModel(
    name="unet",
    kind="generative",
    make=make,
    raced=False,
    config=f"width {WIDTH} and {2 * WIDTH}, attention at {SIZE // 2}x{SIZE // 2}, {SIZE}x{SIZE}, batch 2",
    dynamic=Dynamic(example=(2,), shapes=dynamic_shapes, inputs=inputs, sizes={"batch": (0, 6)}),
)
