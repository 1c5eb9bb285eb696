"""Mixtral (Jiang et al., 2024): a decoder whose tokens go through 2 of 4 experts each; 2 layers of width 64."""

import torch

from examples.models.gpt2 import LanguageModel
from examples.models.torchvision_shim import prepare_torchvision
from examples.models.zoo import Dynamic, Model, ZooModel, tokens

VOCABULARY = 500


def make() -> Model:
    """transformers' ``MixtralForCausalLM`` from its configuration, two sequences of 12 tokens."""
    prepare_torchvision()
    from transformers import MixtralConfig, MixtralForCausalLM

    config = MixtralConfig(
        vocab_size=VOCABULARY, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, num_local_experts=4, num_experts_per_tok=2, max_position_embeddings=128,
    )  # fmt: skip
    # Weights of the chosen experts are gathered; the other implementations loop over experts that got a token.
    config._experts_implementation = "batched_mm"
    torch.manual_seed(0)
    return LanguageModel(MixtralForCausalLM(config)).eval(), (tokens(2, 12, VOCABULARY),)


MIXTRAL = ZooModel(
    name="mixtral",
    kind="decoder",
    make=make,
    raced=False,
    config="2 layers of width 64, 2 of 4 experts a token, batch 2, 12 tokens",
    dynamic=Dynamic(
        example=(2, 12),
        shapes=lambda: ({0: torch.export.Dim("batch", max=16), 1: torch.export.Dim("length", max=128)},),
        inputs=lambda batch, length: (tokens(batch, length, VOCABULARY),),
        sizes={"batch": (1, 3), "length": (1, 24)},
    ),
    requires=("transformers",),
)
