"""Whole models: the zoo, ResNet-50 and EfficientNet-b0; batch 1, and 8 for vision (``name@8``)."""

from __future__ import annotations

from typing import Any

import torch

from bench.cases import AddOne
from examples.models import raced, zoo
from examples.models.resnet import randomise_batch_norm
from examples.models.torchvision_shim import prepare_torchvision
from examples.models.zoo import image

_MORE_VISION = ("resnet50", "efficientnet_b0")


def rows() -> list[str]:
    """The models, first all at batch 1."""
    vision = [name for name, model in raced().items() if model.kind == "vision"] + list(_MORE_VISION)
    return [*raced(), *_MORE_VISION, *(f"{name}@8" for name in vision)]


def make(row: str) -> tuple[torch.nn.Module, tuple[Any, ...]]:
    """The model and its example arguments at the row's batch."""
    if row == "add_one":
        return AddOne(), (torch.arange(4.0),)
    name, _, batch = row.partition("@")
    model, args = _torchvision(name) if name in _MORE_VISION else zoo()[name].make()
    return model, (image(int(batch), *args[0].shape[2:]),) if batch else args


def _torchvision(name: str) -> tuple[torch.nn.Module, tuple[Any, ...]]:
    prepare_torchvision()
    import torchvision.models

    torch.manual_seed(0)
    model = getattr(torchvision.models, name)(weights=None).eval()
    randomise_batch_norm(model)
    return model, (image(1, 224, 224),)
