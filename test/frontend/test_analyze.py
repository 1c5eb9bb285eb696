"""Costs per operator."""

import inspect
import json

import torch
from torch import nn

from stepwell.frontend.analyze import analyze


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(4, 6, 3, groups=2, bias=False)
        self.up = nn.ConvTranspose2d(6, 2, 2, stride=2, bias=False)
        self.linear = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.up(self.convolution(x))
        return self.linear(h.flatten(1)[:, :8])


def test_counts() -> None:
    analysis = analyze(Net(), (torch.randn(2, 4, 5, 5),))
    data = json.loads(json.dumps(analysis.to_json()))
    by_operator: dict[str, list[int]] = {}
    for row in data["operators"]:
        by_operator.setdefault(row["operator"], []).append(row["macs"])
    # [2,6,3,3] outputs of 2*3*3 products; [2,6,3,3] inputs that each go to 2*2*2 places; [2,8] @ [8,5]
    assert by_operator["aten.convolution"] == [108 * 18, 108 * 8]
    assert by_operator["aten.mm"] == [80]
    assert data["total"]["parameters"] == 6 * 2 * 9 + 6 * 2 * 4 + 45
    assert data["total"]["macs"] == 108 * 18 + 108 * 8 + 80
    first = data["operators"][0]
    assert (first["bytes_read"], first["bytes_written"]) == (4 * (200 + 108), 4 * 108)
    assert first["where"].startswith(f"test_analyze.py:{inspect.getsourcelines(Net.forward)[1] + 1}")
    assert all(row["bytes_read"] == 0 for row in data["operators"] if row["operator"] == "aten.slice.Tensor")
    assert "2,808" in analysis.table() and analysis.table().splitlines()[-1].endswith("total")


def test_dynamic_sizes_are_unknown() -> None:
    shapes = ({0: torch.export.Dim("batch")},)
    data = analyze(nn.Linear(3, 2), (torch.randn(4, 3),), dynamic_shapes=shapes).to_json()
    assert [row["macs"] for row in data["operators"] if row["operator"] == "aten.mm"] == [None]
    assert data["total"]["parameters"] == 8 and data["total"]["operators_of_dynamic_size"] > 0
