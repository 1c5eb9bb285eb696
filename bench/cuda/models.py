"""Models in plain torch, as their papers have them: what both sides compile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    """A transformer block with the norm in front (GPT-2, ViT) or behind (BERT)."""

    def __init__(self, width: int, heads: int, *, causal: bool, before: bool) -> None:
        super().__init__()
        self.heads, self.causal, self.before = heads, causal, before
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        """Self-attention."""
        batch, length, width = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, width // self.heads).unbind(2)
        q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        attended: torch.Tensor = self.out(y.transpose(1, 2).reshape(batch, length, width))
        return attended

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.before:
            x = x + self.attend(self.first(x))
            return x + self.down(F.gelu(self.up(self.second(x))))
        x = self.first(x + self.attend(x))
        normed: torch.Tensor = self.second(x + self.down(F.gelu(self.up(x))))
        return normed


class Text(nn.Module):
    """GPT-2 (causal, with the vocabulary's products at the end) or BERT."""

    def __init__(self, vocabulary: int, length: int, width: int, depth: int, *, causal: bool) -> None:
        super().__init__()
        self.causal = causal
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.blocks = nn.Sequential(*(Block(width, width // 64, causal=causal, before=causal) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.tokens(ids) + self.places.weight[: ids.shape[1]]
        x = self.norm(self.blocks(x if self.causal else self.norm(x)))
        return x @ self.tokens.weight.T if self.causal else x


class Vision(nn.Module):
    """ViT-B/16."""

    def __init__(self, width: int = 768, depth: int = 12) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, 16)
        self.token, self.places = nn.Parameter(torch.zeros(1, 1, width)), nn.Parameter(torch.zeros(1, 197, width))
        self.blocks = nn.Sequential(*(Block(width, width // 64, causal=False, before=True) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 1000)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.patches(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        logits: torch.Tensor = self.head(self.norm(self.blocks(x))[:, 0])
        return logits


class LlamaBlock(nn.Module):
    """RMS norm, rotated queries and keys, of which several heads of queries share one; gated feed-forward."""

    def __init__(self, width: int, heads: int, groups: int, inner: int) -> None:
        super().__init__()
        size = width // heads
        self.parts, self.size = [heads, groups, groups], size
        self.qkv, self.out = nn.Linear(width, sum(self.parts) * size, bias=False), nn.Linear(width, width, bias=False)
        self.gate, self.up = nn.Linear(width, inner, bias=False), nn.Linear(width, inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)
        self.first, self.second = nn.RMSNorm(width, eps=1e-5), nn.RMSNorm(width, eps=1e-5)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        parts = self.qkv(self.first(x)).view(batch, length, -1, self.size).split(self.parts, 2)
        q, k, v = (part.transpose(1, 2) for part in parts)
        q, k = (y * cos + torch.cat([-y[..., self.size // 2 :], y[..., : self.size // 2]], -1) * sin for y in (q, k))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + self.out(y.transpose(1, 2).reshape(batch, length, width))
        z = self.second(x)
        grown: torch.Tensor = x + self.down(F.silu(self.gate(z)) * self.up(z))
        return grown


class Llama(nn.Module):
    """Of the shape of Llama-3.2 1B, with a smaller vocabulary."""

    def __init__(self, width: int = 2048, depth: int = 16, inner: int = 8192, vocabulary: int = 32000) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(LlamaBlock(width, width // 64, width // 256, inner) for _ in range(depth))
        self.norm = nn.RMSNorm(width, eps=1e-5)
        angles = torch.outer(torch.arange(2048), 10000 ** (-torch.arange(0, 64, 2) / 64)).repeat(1, 2)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        length = ids.shape[1]
        x = self.tokens(ids)
        for block in self.blocks:
            x = block(x, self.cos[:length], self.sin[:length])
        return self.norm(x) @ self.tokens.weight.T


class Bottleneck(nn.Module):
    """ResNet-50's."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * width
        self.a, self.b = nn.Conv2d(inputs, width, 1, bias=False), nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.c = nn.Conv2d(width, outputs, 1, bias=False)
        self.x, self.y, self.z = nn.BatchNorm2d(width), nn.BatchNorm2d(width), nn.BatchNorm2d(outputs)
        self.short: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.short = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.x(self.a(x)))
        y = self.z(self.c(F.relu(self.y(self.b(y)))))
        return F.relu(y + self.short(x))


def resnet50() -> nn.Module:
    """ResNet-50."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    inputs = 64
    for width, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for number in range(count):
            layers.append(Bottleneck(inputs, width, stride if number == 0 else 1))
            inputs = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


@dataclass(frozen=True)
class Entry:
    """A model and what it is given: a batch of images or of texts of some length."""

    make: Callable[[], nn.Module]
    inputs: Callable[[int], torch.Tensor]


def _images(batch: int) -> torch.Tensor:
    return torch.randn(batch, 3, 224, 224)


def _ids(vocabulary: int, length: int) -> Callable[[int], torch.Tensor]:
    return lambda batch: torch.randint(0, vocabulary, (batch, length))


MODELS = {
    "ResNet-50": Entry(resnet50, _images),
    "ViT-B/16": Entry(Vision, _images),
    "BERT-base, 128 tokens": Entry(lambda: Text(30522, 512, 768, 12, causal=False), _ids(30522, 128)),
    "GPT-2, 512 tokens": Entry(lambda: Text(50264, 1024, 768, 12, causal=True), _ids(50257, 512)),
    "Llama 1B, 512 tokens": Entry(Llama, _ids(32000, 512)),
}
