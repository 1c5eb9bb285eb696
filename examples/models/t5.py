"""T5 (Raffel et al., 2019): encoder and decoder with relative positions; 2 layers of width 64 each, gated (v1.1)."""

from typing import Any

import torch
from torch import Tensor

from examples.models.torchvision_shim import prepare_torchvision
from examples.models.zoo import Dynamic, Model, ZooModel, padding_mask, tokens

VOCABULARY, WIDTH = 500, 64


class TextToText(torch.nn.Module):
    """Ids, their mask and the tokens so far -> logits for each next token."""

    def __init__(self, t5: Any) -> None:
        super().__init__()
        self.t5 = t5

    def forward(self, ids: Tensor, mask: Tensor, so_far: Tensor) -> Tensor:
        """``ids`` and ``mask`` [batch, source], ``so_far`` [batch, length] -> [batch, length, vocabulary]."""
        result = self.t5(input_ids=ids, attention_mask=mask, decoder_input_ids=so_far, use_cache=False)
        logits: Tensor = result.logits
        return logits


def inputs(batch: int, source: int, length: int) -> tuple[Tensor, ...]:
    """Random ids, every second source padded."""
    return tokens(batch, source, VOCABULARY), padding_mask(batch, source), tokens(batch, length, VOCABULARY)


def make() -> Model:
    """transformers' ``T5ForConditionalGeneration`` from its configuration."""
    prepare_torchvision()
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(
        vocab_size=VOCABULARY, d_model=WIDTH, d_kv=16, d_ff=2 * WIDTH, num_layers=2, num_heads=4,
        feed_forward_proj="gated-gelu", tie_word_embeddings=False, decoder_start_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    return TextToText(T5ForConditionalGeneration(config)).eval(), inputs(2, 12, 6)


def dynamic_shapes() -> tuple[dict[int, torch.export.Dim], ...]:
    """Batch and both lengths vary."""
    batch, source = torch.export.Dim("batch", max=16), torch.export.Dim("source", max=128)
    return {0: batch, 1: source}, {0: batch, 1: source}, {0: batch, 1: torch.export.Dim("length", max=128)}


T5 = ZooModel(
    name="t5",
    kind="text",
    make=make,
    raced=False,
    config=f"2 and 2 layers of width {WIDTH}, 4 heads, batch 2, 12 tokens and 6",
    dynamic=Dynamic(
        example=(2, 12, 6),
        shapes=dynamic_shapes,
        inputs=inputs,
        sizes={"batch": (1, 3), "source": (1, 24), "length": (1, 16)},
    ),
    requires=("transformers",),
)
