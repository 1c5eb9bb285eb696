"""Padding by negative numbers."""

import pytest
import torch
from torch import nn

import stepwell


class Pad(nn.Module):
    def __init__(self, pads):
        super().__init__()
        self.pads = pads

    def forward(self, x):
        return nn.functional.pad(x, self.pads, value=2.0)


@pytest.mark.parametrize("pads", [(-1, 2), (1, -2, -1, 0), (-2, -3, 0, 0), (-4, 5), (2, 1)])
def test_negative_pads_cut(pads):
    x, rows = torch.randn(4, 5, 5), torch.export.Dim("rows")
    call = stepwell.compile(Pad(pads), (x,), dynamic_shapes=({0: rows},))
    for count in (4, 1, 0):
        assert torch.equal(call(x[:count]), Pad(pads)(x[:count]))
