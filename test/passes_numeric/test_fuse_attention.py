"""Attention in blocks of queries computes what PyTorch does in f64, and its plan of memory has no matrix of scores."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.export import Dim

import stepwell
from stepwell.passes.base import PassContext
from stepwell.passes.pipeline import Pipeline
from stepwell.passes.runner import run_pipeline

_INF = float("inf")


class _Attention(torch.nn.Module):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options = options

    def forward(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, mask, **self.options)


class _ByHand(torch.nn.Module):
    """As in models that write it out: any shapes, a mask that is added, no check for rows that are closed."""

    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return torch.softmax(q @ k.transpose(-2, -1) / 3.0 + mask, -1) @ v


def _qkv(*shape: int, keys: int | None = None, heads: int | None = None) -> tuple[torch.Tensor, ...]:
    q = torch.randn(*shape)
    other = [*shape[:-2], keys if keys is not None else shape[-2], shape[-1]]
    if heads is not None:
        other[-3] = heads
    return q, torch.randn(other), torch.randn(other)


def _check(model: torch.nn.Module, args: tuple[torch.Tensor, ...], compiled: Any) -> None:
    want = model(*[arg.double() if arg.is_floating_point() else arg for arg in args])
    torch.testing.assert_close(compiled(*args).double(), want, rtol=1e-5, atol=1e-5, equal_nan=True)


def _report(model: torch.nn.Module, args: tuple[Any, ...], target: str = "cpu", shapes: Any = None) -> dict[str, Any]:
    """What the passes of ``target`` say from the schedule to buffers."""
    stages = stepwell.pipeline(target).stages
    start = [stage.name for stage in stages].index("schedule")
    module = stepwell.lower(
        model, args, to="tensor", target=target, dynamic_shapes=shapes, pipeline=Pipeline(stages[:start])
    )
    context = PassContext()
    with module.context, module.operation.location:
        run_pipeline(Pipeline(stages[start : start + 2]), module, context)
    return context.report


def _fused(model: torch.nn.Module, args: tuple[Any, ...], target: str = "cpu", shapes: Any = None) -> int:
    """How many attentions the pipeline of ``target`` fuses; 0 where it has no such pass."""
    return int(_report(model, args, target, shapes).get("fuse-attention", {}).get("attentions", 0))


@pytest.mark.parametrize("shape", [(2, 3, 20, 8), (1, 1, 1, 1), (1, 2, 197, 16), (3, 5, 4), (7, 4), (2, 1, 2, 33, 12)])
def test_shapes(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    model, args = _Attention(), _qkv(*shape)
    _check(model, args, stepwell.compile(model, args))
    assert _fused(model, args) == 1


@pytest.mark.parametrize("rows", [1, 2, 40, 700])
@pytest.mark.parametrize("keys", [1, 2, 63, 3000])
def test_other_numbers_of_keys(rows: int, keys: int) -> None:
    torch.manual_seed(0)
    model, args = _Attention(), _qkv(1, 3, rows, 8, keys=keys)
    _check(model, args, stepwell.compile(model, args))


@pytest.mark.parametrize("shape", [(1, 1, 1, 50), (2, 1, 1, 50), (2, 4, 20, 50), (20, 50), (1, 4, 20, 1)])
@pytest.mark.parametrize("kind", ["bool", "float"])
def test_masks(shape: tuple[int, ...], kind: str) -> None:
    torch.manual_seed(0)
    mask = torch.rand(shape) > 0.4 if kind == "bool" else torch.randn(shape)
    model, args = _Attention(), (*_qkv(2, 4, 20, 8, keys=50), mask)
    _check(model, args, stepwell.compile(model, args))
    assert _fused(model, args) == 1


def test_rows_that_are_closed() -> None:
    torch.manual_seed(0)
    mask = torch.rand(2, 1, 20, 50) > 0.4
    mask[0, 0, 3] = False
    mask[1] = False
    model, args = _Attention(), (*_qkv(2, 4, 20, 8, keys=50), mask)
    f = stepwell.compile(model, args)
    _check(model, args, f)
    assert not f(*args)[1].any()
    added = torch.zeros(20, 50).masked_fill(~mask[0, 0], -_INF)
    _check(_ByHand(), (*args[:3], added), stepwell.compile(_ByHand(), (*args[:3], added)))


@pytest.mark.parametrize("value", [float("nan"), _INF, -_INF])
@pytest.mark.parametrize("where", [0, 1, 2])
def test_values_that_are_no_numbers(where: int, value: float) -> None:
    torch.manual_seed(0)
    args = (*_qkv(1, 2, 20, 8, keys=30), torch.randn(20, 30))
    args[where][0, 1, 5, 2] = value
    _check(_ByHand(), args, stepwell.compile(_ByHand(), args))


@pytest.mark.parametrize(("rows", "keys"), [(70, 70), (20, 50), (50, 20), (1, 9), (301, 301)])
def test_causal(rows: int, keys: int) -> None:
    torch.manual_seed(0)
    model, args = _Attention(is_causal=True), _qkv(2, 2, rows, 8, keys=keys)
    _check(model, args, stepwell.compile(model, args))
    assert _fused(model, args) == 1


def test_causal_blocks_compute_no_keys_that_they_do_not_see() -> None:
    torch.manual_seed(0)
    model, (q, k, v) = _Attention(is_causal=True), _qkv(1, 2, 400, 8)
    want = model(q.double(), k.double(), v.double())
    v[:, :, 300:] = _INF
    got = stepwell.compile(model, (q, k, v))(q, k, v)
    torch.testing.assert_close(got[:, :, :100].double(), want[:, :, :100], rtol=1e-5, atol=1e-5)


def test_causal_dynamic_sizes() -> None:
    torch.manual_seed(0)
    rows, keys = Dim("rows"), Dim("keys")
    model, args = _Attention(is_causal=True), _qkv(1, 2, 20, 8, keys=50)
    f = stepwell.compile(model, args, dynamic_shapes={"q": {2: rows}, "k": {2: keys}, "v": {2: keys}})
    for sizes in [(20, 50), (150, 150), (130, 40), (1, 1)]:
        _check(model, _qkv(1, 2, sizes[0], 8, keys=sizes[1]), f)


def test_dynamic_sizes_and_none() -> None:
    torch.manual_seed(0)
    batch, rows, keys = Dim("batch"), Dim("rows"), Dim("keys")
    model, args = _Attention(), _qkv(2, 4, 20, 8, keys=50)
    shapes = {"q": {0: batch, 2: rows}, "k": {0: batch, 2: keys}, "v": {0: batch, 2: keys}}
    f = stepwell.compile(model, args, dynamic_shapes=shapes)
    for sizes in [(2, 20, 50), (1, 1, 1), (1, 1, 300), (3, 101, 7), (1, 2, 0), (1, 0, 5), (0, 4, 5)]:
        q, k, v = _qkv(sizes[0], 4, sizes[1], 8, keys=sizes[2])
        _check(model, (q, k, v), f)
    assert _fused(model, args, shapes=shapes) == 1


@pytest.mark.parametrize("mask", [False, True])
def test_grouped_queries_of_dynamic_sizes(mask: bool) -> None:
    torch.manual_seed(0)
    batch, rows, keys = Dim("batch"), Dim("rows"), Dim("keys")
    model: torch.nn.Module = _Attention(enable_gqa=True)
    args = _qkv(2, 6, 20, 8, keys=50, heads=2)
    shapes = {"q": {0: batch, 2: rows}, "k": {0: batch, 2: keys}, "v": {0: batch, 2: keys}}
    if mask:
        args, shapes["mask"] = (*args, torch.rand(2, 1, 20, 50) > 0.3), {0: batch, 2: rows, 3: keys}
    f = stepwell.compile(model, args, dynamic_shapes=shapes)
    for sizes in [(2, 20, 50), (1, 1, 1), (3, 70, 7)]:
        new = _qkv(sizes[0], 6, sizes[1], 8, keys=sizes[2], heads=2)
        new += (torch.rand(sizes[0], 1, sizes[1], sizes[2]) > 0.3,) if mask else ()
        _check(model, new, f)
    assert _fused(model, args, shapes=shapes) == 1


def test_results_do_not_depend_on_threads() -> None:
    torch.manual_seed(0)
    model, args = _Attention(), _qkv(1, 3, 197, 64)
    f = stepwell.compile(model, args)
    before = stepwell.threads()
    try:
        results = []
        for threads in (1, 2, 3):
            stepwell.set_threads(threads)
            results.append(f(*args))
    finally:
        stepwell.set_threads(before)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_strict_arithmetic_is_left_alone() -> None:
    model, args = _Attention(), _qkv(2, 3, 20, 8)
    assert _fused(model, args, "cpu,fp=strict") == 0


def test_no_scores_in_the_plan_of_memory() -> None:
    model, args = _Attention(), _qkv(1, 8, 256, 32)
    scores = 8 * 256 * 256 * 4
    planned, strict = (_report(model, args, target)["plan-memory"]["main"] for target in ("cpu", "cpu,fp=strict"))
    assert strict["peak_bytes"] >= scores
    assert planned["sum_bytes"] < scores


#: Keys that are met in more than one block, the first of them whole or not.
_MANY = (2048, 2049, 2500, 3071)


@pytest.mark.parametrize("keys", _MANY)
@pytest.mark.parametrize("rows", [16, 100, 301])
def test_blocks_of_keys(rows: int, keys: int) -> None:
    torch.manual_seed(0)
    model, args = _Attention(), _qkv(1, 2, rows, 8, keys=keys)
    # Maxima grow along the keys, and fall.
    args[1][:, 0] *= torch.linspace(0.1, 20.0, keys)[:, None]
    args[1][:, 1] *= torch.linspace(20.0, 0.1, keys)[:, None]
    _check(model, args, stepwell.compile(model, args))
    assert _fused(model, args) == 1


def _masks(kind: str, rows: int, keys: int) -> torch.Tensor:
    """Rows that are closed throughout, in the first block, in all but the last key, and at random."""
    mask = torch.rand(rows, keys) > 0.4
    mask[0] = False
    mask[1, :1200] = False
    mask[2, :-1] = False
    mask[3, 512:] = False
    return mask if kind == "bool" else torch.randn(rows, keys).masked_fill(~mask, -_INF)


@pytest.mark.parametrize(("model", "kind"), [(_Attention(), "bool"), (_Attention(), "float"), (_ByHand(), "float")])
@pytest.mark.parametrize("keys", [2048, 2500])
def test_blocks_of_keys_that_are_closed(model: torch.nn.Module, kind: str, keys: int) -> None:
    torch.manual_seed(0)
    args = (*_qkv(1, 2, 20, 8, keys=keys), _masks(kind, 20, keys))
    _check(model, args, stepwell.compile(model, args))
    assert _fused(model, args) == 1


@pytest.mark.parametrize("value", [float("nan"), _INF, -_INF])
@pytest.mark.parametrize("key", [3, 1500, 2499])
@pytest.mark.parametrize("where", [1, 2, 3])
def test_no_numbers_among_blocks_of_keys(where: int, key: int, value: float) -> None:
    torch.manual_seed(0)
    args = (*_qkv(1, 2, 20, 8, keys=2500), torch.randn(20, 2500))
    if where == 3:
        args[3][5, key] = value
    else:
        args[where][0, 1, key, 2] = value
    _check(_ByHand(), args, stepwell.compile(_ByHand(), args))


@pytest.mark.parametrize(("rows", "keys"), [(2048, 2048), (2300, 2100), (100, 2500)])
def test_causal_in_blocks_of_keys(rows: int, keys: int) -> None:
    torch.manual_seed(0)
    model, args = _Attention(is_causal=True), _qkv(1, 2, rows, 8, keys=keys)
    _check(model, args, stepwell.compile(model, args))
    assert _fused(model, args) == 1


def test_causal_rows_meet_no_block_of_keys_that_they_do_not_see() -> None:
    torch.manual_seed(0)
    model, (q, k, v) = _Attention(is_causal=True), _qkv(1, 1, 2048, 8)
    want = model(q.double(), k.double(), v.double())
    v[:, :, 1024:] = float("nan")
    got = stepwell.compile(model, (q, k, v))(q, k, v)
    torch.testing.assert_close(got[:, :, :900].double(), want[:, :, :900], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("model", [_Attention(), _Attention(is_causal=True), _Attention(enable_gqa=True)])
def test_dynamic_numbers_of_keys_in_blocks(model: _Attention) -> None:
    torch.manual_seed(0)
    rows, keys = Dim("rows"), Dim("keys")
    heads = 1 if model.options.get("enable_gqa") else None
    args = _qkv(1, 2, 20, 8, keys=50, heads=heads)
    f = stepwell.compile(model, args, dynamic_shapes={"q": {2: rows}, "k": {2: keys}, "v": {2: keys}})
    for sizes in [(20, 511), (150, 512), (130, 513), (5, 1500), (1, 1024), (1300, 1300), (3, 0), (0, 600), (1, 1)]:
        _check(model, _qkv(1, 2, sizes[0], 8, keys=sizes[1], heads=heads), f)


def test_dynamic_numbers_of_keys_that_are_closed() -> None:
    torch.manual_seed(0)
    rows, keys = Dim("rows"), Dim("keys")
    args = (*_qkv(1, 2, 20, 8, keys=50), _masks("float", 20, 50))
    shapes = {"q": {2: rows}, "k": {2: keys}, "v": {2: keys}, "mask": {0: rows, 1: keys}}
    f = stepwell.compile(_ByHand(), args, dynamic_shapes=shapes)
    for sizes in [(20, 40), (20, 512), (30, 1025), (20, 2500), (4, 0)]:
        _check(_ByHand(), (*_qkv(1, 2, sizes[0], 8, keys=sizes[1]), _masks("float", *sizes)), f)


def test_blocks_of_keys_in_f64_and_f16() -> None:
    torch.manual_seed(0)
    model = _Attention()
    for kind, bound in ((torch.float64, 1e-12), (torch.float16, 2e-3)):
        args = tuple(arg.to(kind) for arg in _qkv(1, 2, 40, 8, keys=2500))
        want = model(*[arg.double() for arg in args])
        got = stepwell.compile(model, args)(*args)
        torch.testing.assert_close(got.double(), want, rtol=bound, atol=bound)


def test_blocks_of_keys_do_not_depend_on_threads() -> None:
    torch.manual_seed(0)
    model, args = _Attention(), _qkv(1, 1, 700, 16, keys=2300)
    f = stepwell.compile(model, args)
    before = stepwell.threads()
    try:
        results = []
        for threads in (1, 2, 3):
            stepwell.set_threads(threads)
            results.append(f(*args))
    finally:
        stepwell.set_threads(before)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_scratch_does_not_grow_with_keys() -> None:
    torch.manual_seed(0)
    few, many = (_report(_Attention(), _qkv(1, 1, 64, 8, keys=n))["plan-memory"]["main"] for n in (4096, 8192))
    copied = 4096 * 8 * 4
    assert many["peak_bytes"] - few["peak_bytes"] <= copied
