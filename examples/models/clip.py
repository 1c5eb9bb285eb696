"""CLIP (Radford et al., 2021): a text and an image encoder and how well their vectors fit; 2 layers each."""

from typing import Any

import torch
from torch import Tensor

from examples.models.torchvision_shim import prepare_torchvision
from examples.models.zoo import Dynamic, Model, ZooModel, image, padding_mask, tokens

VOCABULARY, WIDTH, SIZE = 500, 64, 32


class TextAndImage(torch.nn.Module):
    """Ids, their mask and pictures -> logits of every text for every picture, and the unit vectors of both."""

    def __init__(self, clip: Any) -> None:
        super().__init__()
        self.clip = clip

    def forward(self, ids: Tensor, mask: Tensor, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``ids`` and ``mask`` [texts, length], ``pictures`` [pictures, 3, 32, 32]."""
        result = self.clip(input_ids=ids, attention_mask=mask, pixel_values=pictures)
        return result.logits_per_text, result.text_embeds, result.image_embeds


def inputs(texts: int, length: int, pictures: int) -> tuple[Tensor, ...]:
    """Random ids, every second text padded, and random pictures."""
    return tokens(texts, length, VOCABULARY), padding_mask(texts, length), image(pictures, SIZE, SIZE)


def make() -> Model:
    """transformers' ``CLIPModel`` from its configuration: 3 texts, 2 pictures."""
    prepare_torchvision()
    from transformers import CLIPConfig, CLIPModel

    sizes = {"hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_hidden_layers": 2, "num_attention_heads": 4}
    text = {**sizes, "vocab_size": VOCABULARY, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    vision = {**sizes, "image_size": SIZE, "patch_size": 8}
    torch.manual_seed(0)
    clip = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=WIDTH))
    return TextAndImage(clip).eval(), inputs(3, 12, 2)


def dynamic_shapes() -> tuple[dict[int, torch.export.Dim], ...]:
    """Texts, their length, and pictures vary."""
    texts = {0: torch.export.Dim("texts", max=32), 1: torch.export.Dim("length", max=77)}
    return texts, texts, {0: torch.export.Dim("pictures", max=32)}


CLIP = ZooModel(
    name="clip",
    kind="multimodal",
    make=make,
    raced=False,
    config=f"2 and 2 layers of width {WIDTH}, 3 texts of 12 tokens, 2 pictures of {SIZE}x{SIZE}",
    dynamic=Dynamic(
        example=(3, 12, 2),
        shapes=dynamic_shapes,
        inputs=inputs,
        sizes={"texts": (1, 4), "length": (1, 20), "pictures": (1, 3)},
    ),
    requires=("transformers",),
)
