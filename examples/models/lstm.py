"""A language model on a two-layer LSTM: embedding, ``torch.nn.LSTM``, linear head."""

import torch

from examples.models.zoo import Dynamic, Model, ZooModel, tokens

VOCABULARY, WIDTH = 1000, 256


class LstmLanguageModel(torch.nn.Module):
    """Token ids [batch, length] -> logits [batch, length, vocabulary] and the last (h, c)."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(VOCABULARY, WIDTH)
        self.lstm = torch.nn.LSTM(WIDTH, WIDTH, num_layers=2, batch_first=True)
        self.head = torch.nn.Linear(WIDTH, VOCABULARY)

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        """Logits, and the state of both layers after the last token."""
        output, state = self.lstm(self.embedding(ids))
        return self.head(output), state


def make() -> Model:
    """Random weights, two sequences of 16 tokens."""
    torch.manual_seed(0)
    return LstmLanguageModel().eval(), (tokens(2, 16, VOCABULARY),)


LSTM = ZooModel(
    name="lstm",
    kind="recurrent",
    make=make,
    config="2 layers of width 256, batch 2, 16 tokens",
    # torch.export unrolls the time steps, so that only the batch can vary.
    dynamic=Dynamic(
        example=(3,),
        shapes=lambda: ({0: torch.export.Dim("batch", max=64)},),
        inputs=lambda batch: (tokens(batch, 16, VOCABULARY),),
        sizes={"batch": (0, 24)},
    ),
)
