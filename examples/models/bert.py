"""BERT (Devlin et al., 2018): the base layout (width 768, 12 heads) cut to 2 layers, 32 tokens with a padding mask."""

import torch

from examples.models.torchvision_shim import prepare_torchvision
from examples.models.zoo import Dynamic, Model, ZooModel, padding_mask, tokens

VOCABULARY = 30522


class Encoder(torch.nn.Module):
    """Takes the two tensors that matter and returns the last hidden state."""

    def __init__(self, bert: torch.nn.Module) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Ids and mask, both [batch, length] -> [batch, length, width]."""
        hidden: torch.Tensor = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return hidden


def inputs(batch: int, length: int) -> tuple[torch.Tensor, ...]:
    """Random ids; every second sequence is padded."""
    return tokens(batch, length, VOCABULARY), padding_mask(batch, length)


def make() -> Model:
    """transformers' ``BertModel`` from its configuration, two sequences."""
    prepare_torchvision()
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    bert = BertModel(BertConfig(num_hidden_layers=2), add_pooling_layer=False)
    return Encoder(bert).eval(), inputs(2, 32)


def dynamic_shapes() -> tuple[dict[int, torch.export.Dim], ...]:
    """Batch and length vary."""
    sizes = {0: torch.export.Dim("batch", max=64), 1: torch.export.Dim("length", max=512)}
    return sizes, sizes


BERT = ZooModel(
    name="bert",
    kind="text",
    make=make,
    config="2 layers of width 768, 12 heads, batch 2, 32 tokens, padding mask",
    dynamic=Dynamic(example=(2, 32), shapes=dynamic_shapes, inputs=inputs, sizes={"batch": (1, 4), "length": (1, 48)}),
    requires=("transformers",),
)
