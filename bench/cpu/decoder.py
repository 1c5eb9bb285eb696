"""One step of decoding, batch 1, after a context of so many tokens: the zoo's Llama with a KV cache."""

from __future__ import annotations

from typing import Any

import torch

from examples.models.llama import VOCABULARY, FunctionalCache, StaticCache, _llama, functional_inputs
from examples.models.zoo import tokens

_CONTEXTS = (0, 512, 2048)


def rows() -> list[str]:
    """The cache goes in and comes out (what every peer can do), or stays in buffers with room for one token more."""
    return [f"{kind}, {context}" for kind in ("cache as argument", "cache in buffers") for context in _CONTEXTS]


def make(row: str) -> tuple[torch.nn.Module, tuple[Any, ...]]:
    """The next token at the position behind the context."""
    kind, _, context = row.partition(", ")
    past = int(context)
    if kind == "cache as argument":
        return FunctionalCache(_llama()), functional_inputs(past, 1)
    return StaticCache(_llama(), past + 1), (tokens(1, 1, VOCABULARY), torch.tensor([past]))
