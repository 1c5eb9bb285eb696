"""Mamba (Gu and Dao, 2023): selective state spaces, the recurrence as a scan that doubles its reach."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from examples.models.zoo import Dynamic, Model, ZooModel, tokens

VOCABULARY, WIDTH, STATE, KERNEL, LAYERS, LONGEST = 500, 64, 8, 4, 2, 64
INNER, RANK = 2 * WIDTH, WIDTH // 16


def scan(decay: Tensor, update: Tensor) -> Tensor:
    """``h[t] = decay[t] * h[t - 1] + update[t]`` along axis 1, for at most ``LONGEST`` steps, in logarithmic depth."""
    length = decay.shape[1]
    for doubling in range(math.ceil(math.log2(LONGEST))):
        reach = 2**doubling
        pads = [0, 0, 0, 0, reach, 0]
        update = update + decay * F.pad(update, pads)[:, :length]
        decay = decay * F.pad(decay, pads, value=1.0)[:, :length]
    return update


class Mixer(nn.Module):
    """The selective state space: [batch, length, width], unchanged in shape."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(WIDTH, 2 * INNER, bias=False), nn.Linear(INNER, WIDTH, bias=False)
        self.window = nn.Conv1d(INNER, INNER, KERNEL, groups=INNER, padding=KERNEL - 1)
        self.select = nn.Linear(INNER, RANK + 2 * STATE, bias=False)
        self.step = nn.Linear(RANK, INNER)
        self.log_rates = nn.Parameter(torch.log(torch.arange(1.0, STATE + 1).repeat(INNER, 1)))
        self.skip = nn.Parameter(torch.ones(INNER))

    def forward(self, x: Tensor) -> Tensor:
        """Step sizes, what goes in and what comes out depend on the token."""
        hidden, gate = self.enter(x).chunk(2, -1)
        hidden = F.silu(self.window(hidden.transpose(1, 2))[..., : x.shape[1]].transpose(1, 2))
        rank, into, out = self.select(hidden).split([RANK, STATE, STATE], -1)
        step = F.softplus(self.step(rank))[..., None]
        states = scan(torch.exp(step * -self.log_rates.exp()), step * hidden[..., None] * into[:, :, None])
        mixed = (states * out[:, :, None]).sum(-1) + self.skip * hidden
        result: Tensor = self.leave(mixed * F.silu(gate))
        return result


class MambaLanguageModel(nn.Module):
    """Token ids [batch, length] -> logits [batch, length, vocabulary]."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.norms = nn.ModuleList(nn.RMSNorm(WIDTH) for _ in range(LAYERS))
        self.mixers = nn.ModuleList(Mixer() for _ in range(LAYERS))
        self.norm = nn.RMSNorm(WIDTH)

    def forward(self, ids: Tensor) -> Tensor:
        """The embedding is the head, too."""
        x = self.embedding(ids)
        for norm, mixer in zip(self.norms, self.mixers, strict=True):
            x = x + mixer(norm(x))
        return F.linear(self.norm(x), self.embedding.weight)


def make() -> Model:
    """Random weights, two sequences of 16 tokens."""
    torch.manual_seed(0)
    return MambaLanguageModel().eval(), (tokens(2, 16, VOCABULARY),)


MAMBA = ZooModel(
    name="mamba",
    kind="recurrent",
    make=make,
    raced=False,
    config=f"{LAYERS} layers of width {WIDTH}, {STATE} states a channel, batch 2, 16 tokens",
    dynamic=Dynamic(
        example=(2, 16),
        shapes=lambda: ({0: torch.export.Dim("batch", max=16), 1: torch.export.Dim("length", max=LONGEST)},),
        inputs=lambda batch, length: (tokens(batch, length, VOCABULARY),),
        sizes={"batch": (1, 3), "length": (1, 40)},
    ),
)
