"""Which kernels models become, and how they are launched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import stepwell
from stepwell.backends.cuda.kernels.attention_schedule import AttentionProblem, choose_schedule
from stepwell.support.errors import InputError


class Block(nn.Module):
    """A transformer block on heads of 64."""

    def __init__(self, *, causal: bool) -> None:
        super().__init__()
        self.causal = causal
        self.norm, self.qkv, self.out = nn.LayerNorm(128), nn.Linear(128, 384), nn.Linear(128, 128)
        self.last, self.up, self.down = nn.LayerNorm(128), nn.Linear(128, 256), nn.Linear(256, 128)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, _ = x.shape
        parts = self.qkv(self.norm(x)).view(batch, length, 3, 2, 64).unbind(2)
        q, k, v = (part.transpose(1, 2) for part in parts)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        x = x + self.out(y.transpose(1, 2).reshape(batch, length, 128))
        return x + self.down(F.gelu(self.up(self.last(x))))


def kernels(model: nn.Module, *inputs: torch.Tensor, target: str = "cuda") -> tuple[list[str], dict[str, int]]:
    program = stepwell.compile(model.eval(), inputs, target=target, cache=False)
    assert program.report is not None
    launches = program.code.facts["launches"]["main"]["launches"]
    return [launch["kernel"].partition("_")[0] for launch in launches], program.report.notes["lower-kernels"]


@pytest.mark.parametrize("causal", [False, True])
def test_a_transformer_block_is_seven_kernels(causal: bool) -> None:
    model = Block(causal=causal).to(torch.bfloat16)
    names, variants = kernels(model, torch.randn(2, 96, 128).to(torch.bfloat16))
    assert names == ["rows", "product", "attention", "product", "rows", "product", "product"]
    assert variants == {"rows": 2, "wgmma_bf16": 4, "attention": 1}


def test_attention_of_f32_is_products_and_a_softmax() -> None:
    names, variants = kernels(Block(causal=False), torch.randn(2, 96, 128))
    assert "attention" not in names
    assert variants["simt_f32"] == 6


class Attend(nn.Module):
    """Attention of tensors as they are given."""

    def __init__(self, **options: bool) -> None:
        super().__init__()
        self.options = options

    def forward(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, **self.options)


class Written(nn.Module):
    """The formula, its weights rounded, as models have it that need the weights."""

    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        scores = (torch.tanh(q) @ k.transpose(-1, -2) / 8).masked_fill(mask == 0, float("-inf"))
        return torch.softmax(scores.float(), -1).to(q.dtype) @ v


def heads(*shape: int) -> torch.Tensor:
    return torch.randn(shape).to(torch.bfloat16)


@pytest.mark.parametrize("mask", [torch.rand(32, 48) > 0.5, heads(2, 1, 1, 48), heads(2, 4, 32, 48)])
def test_attention_with_a_mask_is_one_kernel(mask: torch.Tensor) -> None:
    _, variants = kernels(Attend(), heads(2, 4, 32, 64), heads(2, 4, 48, 64), heads(2, 4, 48, 64), mask)
    assert variants == {"attention": 1}


def test_attention_as_its_formula_is_one_kernel() -> None:
    q = heads(2, 4, 32, 64)
    names, variants = kernels(Written(), q, q, q, torch.ones(2, 1, 32, 32, dtype=torch.int64))
    assert names == ["rows", "attention"]
    assert variants == {"rows": 1, "attention": 1}


class Banded(nn.Module):
    """Two limits, of which the inner one is the narrower."""

    def forward(self, q: torch.Tensor) -> torch.Tensor:
        scores = (q @ q.transpose(-1, -2)).float()
        for first in (0, 5):
            limit = torch.arange(first, first + 32).unsqueeze(-1)
            scores = torch.where(torch.arange(32) <= limit, scores, float("-inf"))
        return torch.softmax(scores, -1).to(q.dtype) @ q


def test_a_limit_within_a_limit_is_kept() -> None:
    program = stepwell.compile(Banded(), (heads(2, 4, 32, 64),), target="cuda", cache=False)
    (launch,) = program.code.facts["launches"]["main"]["launches"]
    assert launch["arguments"][10] == {"index": 5}
    assert launch["block"][0] == choose_schedule(AttentionProblem(64), adjusted=True).threads


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_heads_that_share_keys_read_them_where_they_lie(groups: int) -> None:
    q, k = heads(2, 4, 32, 64), heads(2, groups, 32, 64)
    program = stepwell.compile(Attend(is_causal=True, enable_gqa=True), (q, k, k), target="cuda", cache=False)
    assert program.report is not None
    assert program.report.notes["lower-kernels"] == {"attention": 1}
    (launch,) = program.code.facts["launches"]["main"]["launches"]
    maps = [argument["map"]["sizes"] for argument in launch["arguments"] if "map" in argument]
    assert maps == [[2, 4, 32, 64], [2, groups, 32, 64], [2, groups, 32, 64], [2, 4, 32, 64]]


class Rotated(nn.Module):
    """Queries and keys turned by their places."""

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        batch, length, _ = x.shape
        q, k, v = (part.transpose(1, 2) for part in x.view(batch, length, 3, 2, 64).unbind(2))
        q, k = (y * cos + torch.cat([-y[..., 32:], y[..., :32]], -1) * sin for y in (q, k))
        return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2)


def test_rotations_are_a_kernel_each() -> None:
    _, variants = kernels(Rotated(), heads(2, 96, 384), heads(96, 64), heads(96, 64))
    assert variants == {"points": 2, "attention": 1}


def test_attention_of_dynamic_sizes_is_one_kernel() -> None:
    batch, length, keys = (torch.export.Dim(name, min=2, max=512) for name in ("batch", "length", "keys"))
    q, k = heads(2, 4, 32, 64), heads(2, 4, 48, 64)
    sizes = {"q": {0: batch, 2: length}, "k": {0: batch, 2: keys}, "v": {0: batch, 2: keys}}
    sizes["mask"] = {0: batch, 2: length, 3: keys}
    mask = torch.ones(2, 1, 32, 48, dtype=torch.bool)
    program = stepwell.compile(Attend(), (q, k, k, mask), target="cuda", dynamic_shapes=sizes, cache=False)
    assert program.report is not None
    assert program.report.notes["lower-kernels"] == {"attention": 1}


def test_layers_of_the_same_sizes_share_their_kernels() -> None:
    model = nn.Sequential(Block(causal=True), Block(causal=True)).to(torch.bfloat16)
    names, variants = kernels(model, heads(2, 96, 128))
    assert variants["attention"] == 2
    assert names[7:] == names[:7]


def test_older_chips_multiply_by_mma() -> None:
    model = Block(causal=False).to(torch.bfloat16)
    x = torch.randn(2, 96, 128).to(torch.bfloat16)
    _, variants = kernels(model, x, target="cuda,arch=sm_80")
    assert variants["mma_bf16"] == 4
    assert variants["attention"] == 1
    _, variants = kernels(model, x, target="cuda,arch=sm_75")
    assert not any(name.startswith(("mma", "simt", "wgmma")) for name in variants)


def test_rows_that_the_copy_engine_can_not_take() -> None:
    _, variants = kernels(nn.Linear(36, 64).to(torch.bfloat16), torch.randn(8, 36).to(torch.bfloat16))
    assert variants == {"mma_bf16": 1}


@pytest.mark.parametrize("sizes", [(0, 8), (1, 8), (5, 8)])
def test_dynamic_rows_share_a_plan(sizes: tuple[int, int]) -> None:
    rows = torch.export.Dim("rows", min=0)
    program = stepwell.compile(
        nn.Linear(8, 16), (torch.randn(3, 8),), target="cuda", dynamic_shapes=({0: rows},), cache=False
    )
    (launch,) = program.code.facts["launches"]["main"]["launches"]
    assert launch["kernel"] == "product_0"
    assert ["dim", 0, 0] in _flat(launch["grid"])


def _flat(value: Any) -> list[Any]:
    found = [value]
    for item in value if isinstance(value, list) else ():
        found += _flat(item)
    return found


def test_tensors_on_other_devices_are_refused() -> None:
    program = stepwell.compile(nn.Linear(8, 8), (torch.randn(2, 8),), target="cuda", cache=False)
    with pytest.raises(InputError, match="is on device meta, this target takes cpu and cuda tensors"):
        program(torch.empty(2, 8, device="meta"))


def test_residuals_leave_registers_for_sums(assemble_ptx: Callable[[str, str], Any]) -> None:
    """Three warpgroups, which have the fewest, and two: what is read ahead neither spills nor holds the products up."""

    class Down(nn.Module):
        def __init__(self, outputs: int) -> None:
            super().__init__()
            self.down = nn.Linear(1024, outputs)

        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return x + self.down(y)

    for rows, outputs, warpgroups in ((6304, 768, 4), (8192, 1024, 3)):
        inputs = tuple(torch.randn(rows, n).to(torch.bfloat16) for n in (outputs, 1024))
        program = stepwell.compile(Down(outputs).eval().to(torch.bfloat16), inputs, target="cuda", cache=False)
        (launch,) = program.code.facts["launches"]["main"]["launches"]
        assert launch["block"] == [128 * warpgroups, 1, 1]
        assemble_ptx(program.code.files["model.ptx"].decode(), "sm_90a").check(168)
