"""Whisper (Radford et al., 2022): an encoder of sound and a decoder of text; 2 layers of width 64 each."""

from typing import Any

import torch
from torch import Tensor

from examples.models.torchvision_shim import prepare_torchvision
from examples.models.zoo import Dynamic, Model, ZooModel, seeded, tokens

VOCABULARY, WIDTH, BANDS, FRAMES = 500, 64, 40, 64


class SpeechToText(torch.nn.Module):
    """A spectrogram and the tokens so far -> logits for each next token, and what the encoder gives."""

    def __init__(self, whisper: Any) -> None:
        super().__init__()
        self.whisper = whisper

    def forward(self, sound: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """``sound`` [batch, bands, frames], ``ids`` [batch, length]."""
        result = self.whisper(input_features=sound, decoder_input_ids=ids, use_cache=False)
        return result.logits, result.encoder_last_hidden_state


def inputs(batch: int, length: int) -> tuple[Tensor, ...]:
    """Random sound of full length, as Whisper wants it, and random ids."""
    return torch.randn(batch, BANDS, FRAMES, generator=seeded(batch, length)), tokens(batch, length, VOCABULARY)


def make() -> Model:
    """transformers' ``WhisperForConditionalGeneration`` from its configuration."""
    prepare_torchvision()
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    config = WhisperConfig(
        vocab_size=VOCABULARY, num_mel_bins=BANDS, d_model=WIDTH, encoder_layers=2, decoder_layers=2,
        encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=2 * WIDTH, decoder_ffn_dim=2 * WIDTH,
        max_source_positions=FRAMES // 2, max_target_positions=64, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        decoder_start_token_id=1,
    )  # fmt: skip
    torch.manual_seed(0)
    return SpeechToText(WhisperForConditionalGeneration(config)).eval(), inputs(2, 8)


def dynamic_shapes() -> tuple[dict[int, torch.export.Dim], ...]:
    """Batch and length of the text vary; the sound is cut to one length."""
    batch = torch.export.Dim("batch", max=16)
    return {0: batch}, {0: batch, 1: torch.export.Dim("length", max=64)}


WHISPER = ZooModel(
    name="whisper",
    kind="multimodal",
    make=make,
    raced=False,
    config=f"2 and 2 layers of width {WIDTH}, {FRAMES} frames of {BANDS} bands, batch 2, 8 tokens",
    dynamic=Dynamic(example=(2, 8), shapes=dynamic_shapes, inputs=inputs, sizes={"batch": (1, 3), "length": (1, 20)}),
    requires=("transformers",),
)
