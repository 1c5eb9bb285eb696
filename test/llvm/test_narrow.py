"""Products of f16, bf16 and small integers on the CPU, against float64 and exact integers."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.export import Dim

import stepwell
from stepwell.backends.llvm.cpu import cpu_model, host, resolve_cpu
from stepwell.backends.target import Target
from stepwell.support.errors import ArtifactError

SIZES = [(1, 1, 1), (5, 3, 7), (1, 130, 37), (13, 67, 70), (29, 64, 96), (70, 1100, 33), (1, 300, 600), (4, 0, 3)]
#: With and without instructions that sum several products.
CPUS = ["host", "x86-64-v4", "x86-64-v3", "x86-64"]
TARGETS = [f"cpu,cpu={name}" for name in CPUS]


class Product(nn.Module):
    """A function of two matrices."""

    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return self.function(a, b)


def run(model: nn.Module, inputs: tuple[torch.Tensor, ...], target: str) -> list[torch.Tensor]:
    """What the model gives, compiled for ``target``; a machine that lacks its features must say so."""
    compiled = stepwell.compile(model, inputs, target=target)
    lacking = [feature for feature in resolve_cpu(Target.parse(target)).needed if not host().has(feature)]
    if lacking:
        with pytest.raises(ArtifactError, match=lacking[0]):
            compiled(*inputs)
        pytest.skip(f"compiled, and refused by this machine, which lacks {', '.join(lacking)}")
    results: list[torch.Tensor] = compiled(*inputs)
    return results


def closely(mine: torch.Tensor, exact: torch.Tensor, magnitude: torch.Tensor) -> None:
    """Check ``mine``: rounded once to its type, after sums in f32 of terms that are ``magnitude`` in all."""
    bound = torch.finfo(mine.dtype).eps * exact.abs() + 1e-6 * magnitude + torch.finfo(mine.dtype).smallest_normal
    assert mine.shape == exact.shape
    assert bool(((mine.double() - exact).abs() <= bound).all())


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_products_of_floats(dtype: torch.dtype, target: str) -> None:
    torch.manual_seed(0)
    pairs = [(torch.randn(m, k).to(dtype), torch.randn(k, n).to(dtype)) for m, k, n in SIZES]
    layers = nn.ModuleList(nn.Linear(k, n).to(dtype) for _, k, n in SIZES if k)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = layers

        def forward(self, *values: torch.Tensor) -> list[torch.Tensor]:
            plain = [a @ b for a, b in zip(values[::2], values[1::2], strict=True)]
            return plain + [layer(a) for layer, a in zip(self.layers, values[::2], strict=False)]

    inputs = [value for pair in pairs for value in pair]
    results = run(Model(), tuple(inputs), target)
    for (a, b), mine in zip(pairs, results, strict=False):
        closely(mine, a.double() @ b.double(), a.double().abs() @ b.double().abs())
    for layer, (a, _), mine in zip(layers, pairs, results[len(pairs) :], strict=False):
        weight = layer.weight.double().t()
        exact = (a.double() @ weight).detach()
        # The product is rounded ahead of the bias, as in PyTorch.
        bias = layer.bias.double().detach()
        slack = torch.finfo(dtype).eps * exact.abs()
        closely(mine, exact + bias, (a.double().abs() @ weight.abs()).detach() + slack * 1e6)


@pytest.mark.parametrize("target", TARGETS)
def test_products_of_bytes(target: str) -> None:
    torch.manual_seed(0)
    values = torch.tensor([-128, -127, 127, -1, 3], dtype=torch.int8)
    pairs = [
        (values[torch.randint(5, (m, k))], values[torch.randint(5, (k, n))]) for m, k, n in [*SIZES, (3, 2000, 40)]
    ]
    weights = [values[torch.randint(5, (n, k))] for m, k, n in SIZES]

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for place, weight in enumerate(weights):
                self.register_buffer(f"w{place}", weight)

        def forward(self, *values: torch.Tensor) -> list[torch.Tensor]:
            plain = [torch._int_mm(a, b) for a, b in zip(values[::2], values[1::2], strict=True)]
            wide = [a.long() @ b.long() for a, b in zip(values[::2], values[1::2], strict=True)]
            layers = [
                a.int() @ getattr(self, f"w{place}").t().int() for place, a in enumerate(values[: 2 * len(SIZES) : 2])
            ]
            return plain + wide + layers

    inputs = [value for pair in pairs for value in pair]
    results = run(Model(), tuple(inputs), target)
    exact = [a.long() @ b.long() for a, b in pairs]
    exact += exact + [a.long() @ w.t().long() for (a, _), w in zip(pairs, weights, strict=False)]
    for mine, right in zip(results, exact, strict=True):
        assert torch.equal(mine.long(), right)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int8], ids=str)
def test_dynamic_sizes(dtype: torch.dtype, threads: int) -> None:
    torch.manual_seed(0)
    product = torch._int_mm if dtype == torch.int8 else torch.matmul

    def inputs(m: int, k: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        return (torch.randn(m, k) * 9).to(dtype), (torch.randn(k, n) * 9).to(dtype)

    m, k, n = (Dim(name, max=2000) for name in "mkn")
    shapes = ({0: m, 1: k}, {0: k, 1: n})
    model = Product(product)
    compiled = stepwell.compile(model, inputs(4, 5, 6), target=f"cpu,threads={threads}", dynamic_shapes=shapes)
    for size in SIZES:
        a, b = inputs(*size)
        mine = compiled(a, b)
        if dtype == torch.int8:
            assert torch.equal(mine.long(), a.long() @ b.long())
        else:
            closely(mine, a.double() @ b.double(), a.double().abs() @ b.double().abs())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_without_optimisation(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    a, b = torch.randn(20, 30).to(dtype), torch.randn(30, 40).to(dtype)
    mine = stepwell.compile(Product(torch.matmul), (a, b), target="cpu,opt=0")(a, b)
    closely(mine, a.double() @ b.double(), a.double().abs() @ b.double().abs())


@pytest.mark.parametrize("fp", ["contract", "strict", "fast"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_special_numbers(dtype: torch.dtype, fp: str) -> None:
    torch.manual_seed(0)
    a, b = torch.randn(40, 70).to(dtype), torch.randn(70, 90).to(dtype)
    a[3, 5], a[4, 6], a[5, 7], b[8, 9], b[5, 0] = torch.nan, torch.inf, -torch.inf, torch.inf, 0
    a[7], b[:, 7] = torch.finfo(dtype).smallest_normal / 4, 1  # not taken for zero
    model = Product(torch.matmul)
    mine = stepwell.compile(model, (a, b), target=f"cpu,fp={fp}")(a, b)
    exact = a.double() @ b.double()
    if dtype == torch.bfloat16 and fp == "fast" and "bf16" in cpu_model(host()).tiles:
        exact[7] = a[7].double() * 0 @ b.double()  # but tile registers do
    assert torch.equal(mine.isnan(), exact.isnan())
    assert torch.equal(mine.isinf(), exact.isinf())
    finite = exact.isfinite()
    torch.testing.assert_close(mine[finite].double(), exact[finite], rtol=2e-2, atol=2e-2)
    assert mine[7, 7] == exact[7, 7].to(dtype)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int8], ids=str)
def test_threads_change_nothing(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    a, b = (torch.randn(150, 700) * 9).to(dtype), (torch.randn(700, 230) * 9).to(dtype)
    model = Product(torch._int_mm if dtype == torch.int8 else torch.matmul)
    one, two = (stepwell.compile(model, (a, b), target=f"cpu,threads={threads}")(a, b) for threads in (1, 2))
    assert torch.equal(one, two)


CONVOLUTIONS: list[dict[str, int]] = [
    {"in_channels": 5, "out_channels": 37, "kernel_size": 3, "padding": 1},
    {"in_channels": 8, "out_channels": 16, "kernel_size": 1, "stride": 2},
    {"in_channels": 3, "out_channels": 70, "kernel_size": 5, "dilation": 2, "padding": 4},
    {"in_channels": 19, "out_channels": 19, "kernel_size": 3, "groups": 19, "padding": 1},
    {"in_channels": 12, "out_channels": 24, "kernel_size": 3, "groups": 4},
    {"in_channels": 1, "out_channels": 1, "kernel_size": 1},
]


class Convolutions(nn.Module):
    """Convolutions, each of an image of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList(nn.Conv2d(**options) for options in CONVOLUTIONS)

    def forward(self, *images: torch.Tensor) -> list[torch.Tensor]:
        return [part(image) for part, image in zip(self.parts, images, strict=True)]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_convolutions(dtype: torch.dtype, target: str) -> None:
    torch.manual_seed(0)
    model = Convolutions().to(dtype).requires_grad_(False)
    images = tuple(torch.randn(2, options["in_channels"], 11, 9).to(dtype) for options in CONVOLUTIONS)
    results = run(model, images, target)
    exact = model.double()(*(image.double() for image in images))
    for mine, right in zip(results, exact, strict=True):
        closely(mine, right, torch.full_like(right, 20.0))


def test_pooling_rounds_once() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(4, 21, 3), nn.MaxPool2d(3, stride=2, padding=1)).bfloat16().requires_grad_(False)
    x = torch.randn(2, 4, 13, 10).bfloat16()
    mine = stepwell.compile(model, (x,), target="cpu")(x)
    exact = model.double()(x.double())
    closely(mine, exact, torch.full_like(exact, 20.0))


@pytest.mark.parametrize("dtype", [torch.int8, torch.int16], ids=str)
def test_convolutions_of_integers(dtype: torch.dtype) -> None:
    torch.manual_seed(0)

    class Model(nn.Module):
        def forward(self, x: torch.Tensor, w: torch.Tensor) -> list[torch.Tensor]:
            conv = nn.functional.conv2d
            return [conv(x, w, padding=1), conv(x.int(), w.int(), padding=1), conv(x.long(), w.long())]

    x, w = (torch.randint(-128, 128, shape).to(dtype) for shape in ((2, 6, 9, 7), (20, 6, 3, 3)))
    for mine, right in zip(stepwell.compile(Model(), (x, w), target="cpu")(x, w), Model()(x, w), strict=True):
        assert torch.equal(mine, right)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_sums_are_rounded_once(dtype: torch.dtype) -> None:
    torch.manual_seed(0)

    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
            pooled = nn.functional.avg_pool2d(x.view(1, 3, 256, 257), 16)
            return [x.sum(-1), x.mean(-1), x.mean(), x.sum((0, 1), keepdim=True), pooled, (x[:, :90] * 9).mean(1)]

    x = (torch.rand(3, 65792) / 2).to(dtype)
    compiled = stepwell.compile(Model(), (x,), target="cpu")
    for mine, exact in zip(compiled(x), Model()(x.double()), strict=True):
        torch.testing.assert_close(mine.double(), exact, rtol=3 * torch.finfo(dtype).eps, atol=0)
    x[1, 7] = torch.nan
    assert compiled(x)[0].isnan().tolist() == [False, True, False]
