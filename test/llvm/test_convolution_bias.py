"""Convolutions whose bias does not lie densely in memory."""

import torch
import torch.nn.functional as F
from torch import nn

import stepwell


class Convolution(nn.Module):
    def forward(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, weight, bias[:, 1], padding=1)


def test_a_column_of_a_table() -> None:
    """Three channels in a block of four: the bias is read across what the graph calls groups."""
    args = torch.randn(1, 3, 4, 4), torch.randn(3, 3, 3, 3), torch.randn(3, 2)
    torch.testing.assert_close(stepwell.compile(Convolution(), args)(*args), Convolution()(*args), rtol=1e-4, atol=1e-5)
