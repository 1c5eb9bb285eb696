"""Convolutions as target ``cuda`` lays them out: every level computes what the model does."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import stepwell


def check(model: nn.Module, *shape: int, kind: torch.dtype = torch.bfloat16) -> None:
    torch.manual_seed(0)
    report = stepwell.verify(model.eval().to(kind), (torch.randn(shape).to(kind),), target="cuda,plain=true")
    assert report.passed, report.table()
    assert {row.stage for row in report.rows} >= {"prepare", "fuse", "group", "kernels"}


@pytest.mark.parametrize(
    ("layer", "size"),
    [
        (nn.Conv2d(3, 8, 7, 2, 3), (17, 14)),
        (nn.Conv2d(3, 8, 4, 4), (9, 8)),  # a row that no window reaches
        (nn.Conv2d(5, 4, 3, 1, 1), (5, 6)),
        (nn.Conv2d(1, 4, 3, 3, (2, 1)), (7, 7)),
        (nn.Conv2d(3, 4, 2, 3), (8, 8)),  # columns that no window reads
        (nn.Conv2d(8, 4, 1), (3, 5)),
    ],
)
@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float32])
def test_layers(layer: nn.Module, size: tuple[int, int], kind: torch.dtype) -> None:
    check(layer, 2, layer.in_channels, *size, kind=kind)


class Network(nn.Module):
    """What a border, a normalisation, groups, pooling and a residual become together."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8)
        self.groups, self.each = nn.Conv2d(8, 8, 3, 1, 1, groups=2), nn.Conv2d(8, 8, 3, 1, 1, groups=8)
        self.norm.running_mean.normal_()
        self.norm.running_var.uniform_(0.5, 1.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.norm(self.first(x))), 3, 2, 1)
        y = F.relu(self.groups(x) + self.each(x))
        return F.avg_pool2d(y, 2, 1, 1).mean((2, 3))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float32])
def test_network(kind: torch.dtype) -> None:
    check(Network(), 2, 3, 15, 13, kind=kind)
