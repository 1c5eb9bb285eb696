"""What the zoo says about a model: how to make it, its configuration, and its sizes that may vary."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

Model = tuple[torch.nn.Module, tuple[Any, ...]]


@dataclass(frozen=True)
class Dynamic:
    """The dynamic variant of a model.

    Attributes:
        example: sizes to export with, each at least 2 (torch.export takes 1 for a constant).
        shapes: makes ``dynamic_shapes`` as ``torch.export.export`` takes it (a function, so that listing is cheap).
        inputs: arguments for given sizes, one number for each symbol, seeded by them.
        sizes: the smallest and largest value worth trying of each symbol, in the order that ``inputs`` takes them.
    """

    example: tuple[int, ...]
    shapes: Callable[[], Any]
    inputs: Callable[..., tuple[Any, ...]]
    sizes: dict[str, tuple[int, int]]


@dataclass(frozen=True)
class ZooModel:
    """A model of the zoo.

    Attributes:
        name: as on the command line.
        kind: what it is for or made of.
        make: builds the model (evaluation mode, seeded weights, float32) and its example arguments.
        config: sizes in a few words, for tables.
        dynamic: the variant with dynamic sizes, if there is one.
        calls: argument tuples of successive calls for a model that keeps state (of its dynamic variant, if it has one).
        requires: distributions that ``make`` imports beside torch.
        raced: whether it is of a size at which its speed says something.
    """

    name: str
    kind: Literal["vision", "text", "decoder", "recurrent", "generative", "multimodal", "graph"]
    make: Callable[[], Model]
    config: str
    dynamic: Dynamic | None = None
    calls: Callable[[], list[tuple[Any, ...]]] | None = None
    requires: tuple[str, ...] = field(default=())
    raced: bool = True


def seeded(*numbers: int) -> torch.Generator:
    """A generator whose stream depends on ``numbers`` alone."""
    seed = 0
    for number in numbers:
        seed = (seed * 1_000_003 + number + 1) % (1 << 62)
    return torch.Generator().manual_seed(seed)


def image(batch: int, height: int, width: int) -> torch.Tensor:
    """A random picture, normalised as the vision models expect: [batch, 3, height, width]."""
    return torch.randn(batch, 3, height, width, generator=seeded(batch, height, width))


def batches_of_images(side: int, sizes: tuple[int, int]) -> Dynamic:
    """The dynamic variant of a model of square images, of which there may be any number from 0 to 64.

    Args:
        sizes: the smallest and largest batch worth trying.
    """
    return Dynamic(
        example=(2,),
        shapes=lambda: ({0: torch.export.Dim("batch", max=64)},),
        inputs=lambda batch: (image(batch, side, side),),
        sizes={"batch": sizes},
    )


def tokens(batch: int, length: int, vocabulary: int) -> torch.Tensor:
    """Random token ids: [batch, length]."""
    return torch.randint(0, vocabulary, (batch, length), generator=seeded(batch, length))


def padding_mask(batch: int, length: int) -> torch.Tensor:
    """An attention mask that pads the end of every second sequence: [batch, length] of 0 and 1."""
    mask = torch.ones(batch, length, dtype=torch.int64)
    mask[1::2, (length + 1) // 2 :] = 0
    return mask
