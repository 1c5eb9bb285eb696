"""Every distinct convolution of four networks at 224x224, batch 1, found by hooks as the network runs."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from examples.models.torchvision_shim import prepare_torchvision

NETWORKS = ("resnet50", "mobilenet_v3_large", "efficientnet_b0", "convnext_tiny")


@cache
def _layers() -> dict[str, tuple[tuple[int, ...], torch.nn.Conv2d]]:
    """Row -> input shape and layer; a layer that two networks share stands under the first."""
    prepare_torchvision()
    import torchvision.models

    found: dict[str, tuple[tuple[int, ...], torch.nn.Conv2d]] = {}
    known: set[tuple[Any, ...]] = set()
    for network in NETWORKS:
        with torch.device("meta"):  # shapes are all that is asked for
            model = getattr(torchvision.models, network)(weights=None).eval()

        def record(module: torch.nn.Conv2d, inputs: tuple[torch.Tensor, ...], _: Any, network: str = network) -> None:
            shape = tuple(inputs[0].shape)
            key = (shape, *(getattr(module, name) for name in _SETTINGS), module.bias is None)
            if key not in known:
                known.add(key)
                found[f"{network} {_describe(module, shape)}"] = (shape, module)

        hooks = [m.register_forward_hook(record) for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
        with torch.no_grad():
            model(torch.zeros(1, 3, 224, 224, device="meta"))
        for hook in hooks:
            hook.remove()
    return found


_SETTINGS = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups")


def _describe(layer: torch.nn.Conv2d, shape: tuple[int, ...]) -> str:
    kernel = "x".join(str(size) for size in layer.kernel_size)
    text = f"{layer.in_channels}@{shape[2]}x{shape[3]} to {layer.out_channels}, {kernel}"
    text += f" stride {layer.stride[0]}" if layer.stride[0] != 1 else ""
    text += " depthwise" if layer.groups == layer.in_channels != 1 else ""
    return text + ("" if layer.bias is None else " bias")


def rows() -> list[str]:
    """All distinct layers."""
    return list(_layers())


def make(row: str) -> tuple[torch.nn.Module, tuple[Any, ...]]:
    """The layer with random weights, and a random input."""
    shape, layer = _layers()[row]
    settings = {name: getattr(layer, name) for name in _SETTINGS}
    return torch.nn.Conv2d(**settings, bias=layer.bias is not None), (torch.randn(shape),)
