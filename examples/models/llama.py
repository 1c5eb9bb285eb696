"""Llama (Touvron et al., 2023) with grouped query attention: 2 layers, width 512, 8 query heads on 2 key heads.

Three variants: without a cache; with a cache that goes in and comes out; with a cache in buffers that every call
changes (prefill with many tokens, then decode one by one).
"""

from typing import Any

import torch

from examples.models.gpt2 import LanguageModel
from examples.models.torchvision_shim import prepare_torchvision
from examples.models.zoo import Dynamic, Model, ZooModel, seeded, tokens

VOCABULARY, LAYERS, KEY_HEADS, HEAD_WIDTH, CAPACITY = 8192, 2, 2, 64, 32
CONFIG = "2 layers of width 512, 8 heads on 2 key heads"


def _llama() -> Any:
    prepare_torchvision()
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=512,
        intermediate_size=1376,
        num_hidden_layers=LAYERS,
        num_attention_heads=8,
        num_key_value_heads=KEY_HEADS,
        head_dim=HEAD_WIDTH,
        max_position_embeddings=512,
    )
    torch.manual_seed(0)
    return LlamaForCausalLM(config).eval()


def make() -> Model:
    """Ids -> logits, 16 tokens."""
    return LanguageModel(_llama()).eval(), (tokens(1, 16, VOCABULARY),)


class FunctionalCache(torch.nn.Module):
    """Ids and the keys and values so far -> logits and the keys and values with this call's appended."""

    def __init__(self, llama: Any) -> None:
        super().__init__()
        self.llama = llama

    def forward(
        self, ids: torch.Tensor, cache: list[tuple[torch.Tensor, torch.Tensor]]
    ) -> tuple[torch.Tensor, list[tuple[torch.Tensor, torch.Tensor]]]:
        """``cache`` holds a (keys, values) pair a layer, each [batch, key heads, past, head width]."""
        from transformers import DynamicCache

        result = self.llama(input_ids=ids, past_key_values=DynamicCache(cache), use_cache=True)
        return result.logits, [(layer.keys, layer.values) for layer in result.past_key_values.layers]


def functional_inputs(past: int, length: int) -> tuple[Any, ...]:
    """``length`` new tokens after ``past`` old ones."""
    generator = seeded(past, length)
    shape = (1, KEY_HEADS, past, HEAD_WIDTH)
    cache = [(torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)) for _ in range(LAYERS)]
    return tokens(1, length, VOCABULARY), cache


def make_functional_cache() -> Model:
    """One step of decoding: 4 tokens after 12."""
    return FunctionalCache(_llama()).eval(), functional_inputs(12, 4)


class StaticCache(torch.nn.Module):
    """Ids at a position -> logits; keys and values stay in buffers of this module.

    Buffers ``keys_N`` and ``values_N``: [batch, key heads, capacity, head width].
    """

    def __init__(self, llama: Any, capacity: int = CAPACITY) -> None:
        super().__init__()
        self.llama = llama
        self.capacity = capacity
        for layer in range(LAYERS):
            for name in ("keys", "values"):
                zeros = torch.zeros(1, KEY_HEADS, capacity, HEAD_WIDTH)
                self.register_buffer(f"{name}_{layer}", zeros, persistent=False)

    def forward(self, ids: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        """``position`` [length] says where each of ``ids`` [1, length] stands -> logits [1, length, vocabulary]."""
        slots = torch.arange(self.capacity, device=ids.device)
        mask = (slots[None, :] <= position[:, None])[None, None]
        logits: torch.Tensor = self.llama(
            input_ids=ids,
            position_ids=position[None],
            attention_mask=mask,
            past_key_values=_BufferCache(self, position),
            use_cache=True,
        ).logits
        return logits


class _BufferCache:
    """The part of transformers' cache interface that a decoder layer calls, on a module's buffers."""

    def __init__(self, owner: StaticCache, position: torch.Tensor) -> None:
        self.owner = owner
        self.position = position

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write this call's keys and values at their positions and give back the whole buffers."""
        all_keys, all_values = getattr(self.owner, f"keys_{layer}"), getattr(self.owner, f"values_{layer}")
        all_keys[:, :, self.position] = keys
        all_values[:, :, self.position] = values
        return all_keys, all_values

    def get_seq_length(self, _layer: int = 0) -> int:
        """Unused where positions are given; transformers asks for it all the same."""
        return 0


def make_static_cache() -> Model:
    """One step of decoding at a position."""
    return StaticCache(_llama()).eval(), (tokens(1, 1, VOCABULARY), torch.tensor([0]))


def make_static_prefill() -> Model:
    """The same module at more than one token, for export with a dynamic length."""
    return StaticCache(_llama()).eval(), (tokens(1, 8, VOCABULARY), torch.arange(8))


def decode_calls(prompt: int = 6) -> list[tuple[Any, ...]]:
    """Token after token."""
    ids = tokens(1, prompt, VOCABULARY)
    return [(ids[:, step : step + 1], torch.tensor([step])) for step in range(prompt)]


def prefill_calls() -> list[tuple[Any, ...]]:
    """A prompt of 8, then 3 tokens one by one, then 4 at once."""
    ids = tokens(1, 15, VOCABULARY)
    pieces = [(0, 8), (8, 9), (9, 10), (10, 11), (11, 15)]
    return [(ids[:, start:end], torch.arange(start, end)) for start, end in pieces]


def _length() -> torch.export.Dim:
    return torch.export.Dim("length", max=CAPACITY)


LLAMA = ZooModel(
    name="llama",
    kind="decoder",
    make=make,
    config=f"{CONFIG}, batch 1, 16 tokens",
    dynamic=Dynamic(
        example=(2, 16),
        shapes=lambda: ({0: torch.export.Dim("batch", max=16), 1: torch.export.Dim("length", max=512)},),
        inputs=lambda batch, length: (tokens(batch, length, VOCABULARY),),
        sizes={"batch": (1, 3), "length": (1, 32)},
    ),
    requires=("transformers",),
)

LLAMA_FUNCTIONAL_CACHE = ZooModel(
    name="llama_functional_cache",
    kind="decoder",
    make=make_functional_cache,
    config=f"{CONFIG}, 4 tokens after 12, cache as argument and result",
    dynamic=Dynamic(
        example=(12, 4),
        shapes=lambda: ({1: _length()}, [({2: torch.export.Dim("past", max=256)},) * 2] * LAYERS),
        inputs=functional_inputs,
        sizes={"past": (0, 32), "length": (1, 8)},
    ),
    requires=("transformers",),
)

LLAMA_STATIC_CACHE = ZooModel(
    name="llama_static_cache",
    kind="decoder",
    make=make_static_cache,
    config=f"{CONFIG}, one token a call, cache of {CAPACITY} in buffers",
    calls=decode_calls,
    requires=("transformers",),
)

LLAMA_STATIC_PREFILL = ZooModel(
    name="llama_static_prefill",
    kind="decoder",
    make=make_static_prefill,
    config=f"{CONFIG}, prefill and decode, cache of {CAPACITY} in buffers",
    calls=prefill_calls,
    dynamic=Dynamic(
        example=(8,),
        shapes=lambda: ({1: _length()}, {0: _length()}),
        inputs=lambda length: (tokens(1, length, VOCABULARY), torch.arange(length)),
        sizes={"length": (1, 32)},
    ),
    requires=("transformers",),
)
