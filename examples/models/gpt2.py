"""GPT-2 (Radford et al., 2019): the small layout (width 768, 12 heads, tied embedding) cut to 2 layers."""

import torch

from examples.models.torchvision_shim import prepare_torchvision
from examples.models.zoo import Dynamic, Model, ZooModel, tokens

VOCABULARY = 50257


class LanguageModel(torch.nn.Module):
    """Token ids [batch, length] -> logits [batch, length, vocabulary], without a cache."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Logits for every position."""
        logits: torch.Tensor = self.model(input_ids=input_ids, use_cache=False).logits
        return logits


def make() -> Model:
    """transformers' ``GPT2LMHeadModel`` from its configuration, 16 tokens."""
    prepare_torchvision()
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    return LanguageModel(GPT2LMHeadModel(GPT2Config(n_layer=2))).eval(), (tokens(1, 16, VOCABULARY),)


GPT2 = ZooModel(
    name="gpt2",
    kind="decoder",
    make=make,
    config="2 layers of width 768, 12 heads, batch 1, 16 tokens",
    dynamic=Dynamic(
        example=(2, 16),
        shapes=lambda: ({0: torch.export.Dim("batch", max=16), 1: torch.export.Dim("length", max=1024)},),
        inputs=lambda batch, length: (tokens(batch, length, VOCABULARY),),
        sizes={"batch": (1, 2), "length": (1, 24)},
    ),
    requires=("transformers",),
)
