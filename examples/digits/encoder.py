"""A transformer that reads a handwritten digit as 16 patches of 2 by 2 pixels."""

from __future__ import annotations

import torch
from torch import nn

PATCHES = 16


class Attention(nn.Module):
    """Every patch looks at all patches of its picture, with several heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        width = x.shape[1]
        query, key, value = (
            layer(x).view(-1, PATCHES, self.heads, width // self.heads).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        scores = query @ key.transpose(-1, -2) * (width // self.heads) ** -0.5
        mixed = torch.softmax(scores, dim=-1) @ value
        result: torch.Tensor = self.out(mixed.transpose(1, 2).reshape(-1, width))
        return result


class Block(nn.Module):
    """A transformer encoder block, normalised before each of its two parts."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.wide, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Rows of all patches, picture after picture."""
        x = x + self.attention(self.first(x))
        return x + self.narrow(nn.functional.gelu(self.wide(self.second(x))))


class Encoder(nn.Module):
    """Patches of pictures (N, 16, 4) to scores of the ten digits."""

    def __init__(self, width: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.embed = nn.Linear(4, width)
        self.place = nn.Parameter(0.1 * torch.randn(1, PATCHES, width))
        self.block = Block(width, heads)
        self.score = nn.Linear(PATCHES * width, 10)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        width = self.place.shape[2]
        x = self.embed(patches.reshape(-1, 4)).view(-1, PATCHES, width) + self.place
        scores: torch.Tensor = self.score(self.block(x.view(-1, width)).view(-1, PATCHES * width))
        return scores


def patches(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures (N, 1, 8, 8) as (N, 16, 4)."""
    return pictures.reshape(-1, 4, 2, 4, 2).transpose(2, 3).reshape(-1, PATCHES, 4)
