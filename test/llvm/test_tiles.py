"""Products through the tile registers of x86: what is chosen for which CPU anywhere, results where they are."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.export import Dim

import stepwell
from stepwell.backends.llvm.cpu import cpu_model, host, resolve_cpu
from stepwell.backends.llvm.cpu_levels import resolve_levels, schedule_model
from stepwell.backends.registry import backend
from stepwell.backends.target import Target
from stepwell.driver.request import Request

SAPPHIRE = "cpu,triple=x86_64-unknown-linux-gnu,cpu=sapphirerapids"
needs_tiles = pytest.mark.skipif(not cpu_model(host()).tiles, reason="this machine has no tile registers to use")

#: Rows whole and ragged, of one tile and of many; a single tile of lanes, ragged ones, ragged depth.
SIZES = [
    (32, 64, 32),
    (16, 64, 64),
    (4, 128, 96),
    (7, 64, 40),
    (33, 192, 100),
    (70, 90, 33),
    (197, 768, 72),
    (17, 65, 16),
    (300, 1500, 70),
    (70, 2112, 64),
]


class Layer(nn.Module):
    """A product with weights, and what follows it."""

    weight: torch.Tensor

    def __init__(self, weight: torch.Tensor, function: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.function = function

    def forward(self, a: torch.Tensor) -> torch.Tensor:
        return self.function(a, self.weight)


class Products(nn.Module):
    """Of inputs, and of inputs with weights."""

    def __init__(self, layers: list[Layer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, *values: torch.Tensor) -> list[torch.Tensor]:
        pairs = zip(self.layers, values[::2], values[1::2], strict=True)
        return [out for layer, a, b in pairs for out in (layer.function(a, b), layer(a))]


def bytes_of(*shape: int) -> torch.Tensor:
    """Numbers of all sizes, the ends among them."""
    return torch.randint(-128, 128, shape, dtype=torch.int8)


def code_of(model: nn.Module, inputs: tuple[torch.Tensor, ...], target: str) -> str:
    """The assembly of ``model``."""
    executable = Request(model, inputs, {}, target, None, None, None).compile(("s",))
    return backend("cpu").code_form(executable.code, "s").decode()


@needs_tiles
@pytest.mark.parametrize("threads", [1, 2])
def test_bytes(threads: int) -> None:
    torch.manual_seed(0)
    inputs = [value for m, k, n in SIZES for value in (bytes_of(m, k), bytes_of(k, n))]
    weights = [bytes_of(k, n) for _, k, n in SIZES]
    model = Products([Layer(weight, torch._int_mm) for weight in weights])
    results = stepwell.compile(model, tuple(inputs), target=f"cpu,threads={threads}")(*inputs)
    for place, weight in enumerate(weights):
        a, b = inputs[2 * place : 2 * place + 2]
        assert torch.equal(results[2 * place].long(), a.long() @ b.long())
        assert torch.equal(results[2 * place + 1].long(), a.long() @ weight.long())


@needs_tiles
@pytest.mark.parametrize("threads", [1, 2])
def test_bf16(threads: int) -> None:
    torch.manual_seed(0)
    inputs = [value.bfloat16() for m, k, n in SIZES for value in (torch.randn(m, k), torch.randn(k, n))]
    weights = [torch.randn(k, n).bfloat16() for _, k, n in SIZES]
    model = Products([Layer(weight, lambda a, b: torch.relu(a @ b + 1)) for weight in weights])
    results = stepwell.compile(model, tuple(inputs), target=f"cpu,fp=fast,threads={threads}")(*inputs)
    for place, weight in enumerate(weights):
        a, b = inputs[2 * place : 2 * place + 2]
        for mine, right in zip(results[2 * place : 2 * place + 2], (b, weight), strict=True):
            exact = torch.relu(a.double() @ right.double() + 1)
            bound = 2**-7 * (exact + 1) + 2**-8 * (a.double() @ right.double()).abs()
            assert bool(((mine.double() - exact).abs() <= bound + 1e-5 * a.shape[1]).all())


@needs_tiles
@pytest.mark.parametrize("rows", [1, 3, 16, 31, 50, 0])
def test_dynamic_rows_and_batches(rows: int) -> None:
    torch.manual_seed(0)
    a, weight = torch.randn(2, 5, 128).bfloat16(), torch.randn(128, 70).bfloat16()
    model = Layer(weight, torch.matmul)
    compiled = stepwell.compile(model, (a,), target="cpu,fp=fast", dynamic_shapes=({1: Dim("rows", max=100)},))
    other = torch.randn(128, rows, 2).bfloat16().permute(2, 1, 0)
    exact = other.double() @ weight.double()
    torch.testing.assert_close(compiled(other).double(), exact, rtol=2**-7, atol=1e-4)


@needs_tiles
def test_special_numbers_of_weights() -> None:
    torch.manual_seed(0)
    a, weight = torch.randn(20, 64).bfloat16(), torch.randn(64, 40).bfloat16()
    a[3, 5], a[4, 6], weight[8, 9], weight[5, 0] = torch.nan, torch.inf, -torch.inf, 0
    mine = stepwell.compile(Layer(weight, torch.matmul), (a,), target="cpu,fp=fast")(a)
    exact = a.double() @ weight.double()
    assert torch.equal(mine.isnan(), exact.isnan())
    torch.testing.assert_close(mine.double(), exact, rtol=2**-7, atol=1e-4, equal_nan=True)


@pytest.mark.parametrize(
    ("dtype", "options", "wanted"),
    [
        (torch.bfloat16, ",fp=fast", "tdpbf16ps"),
        (torch.bfloat16, "", ""),
        (torch.int8, "", "tdpbssd"),
        (torch.int8, ",opt=0", "tdpbssd"),
        (torch.bfloat16, ",fp=strict", ""),
        (torch.bfloat16, ",fp=fast,features=-amx-bf16", ""),
        (torch.int8, ",features=-amx-tile", ""),
    ],
    ids=str,
)
def test_code(dtype: torch.dtype, options: str, wanted: str) -> None:
    product = torch._int_mm if dtype == torch.int8 else torch.matmul
    model = Layer(torch.ones(128, 64, dtype=dtype), product)
    text = code_of(model, (torch.ones(40, 128, dtype=dtype),), SAPPHIRE + options)
    assert ("ldtilecfg" in text) == bool(wanted)
    assert text.count(wanted) >= 4 if wanted else "tdp" not in text


def test_which_cpus_have_tiles() -> None:
    model = cpu_model(resolve_cpu(Target.parse(SAPPHIRE)))
    assert model.tiles == ("i8", "bf16")
    assert cpu_model(resolve_cpu(Target.parse(f"{SAPPHIRE},features=-amx-int8"))).tiles == ("bf16",)
    assert cpu_model(resolve_cpu(Target.parse("cpu,triple=x86_64-unknown-linux-gnu,cpu=x86-64-v4"))).tiles == ()
    assert {"amx-tile", "amx-bf16", "amx-int8"} <= set(resolve_cpu(Target.parse(SAPPHIRE)).needed)
    both = resolve_levels(Target("cpu", triple="x86_64-unknown-linux-gnu", cpu="x86-64-v4+sapphirerapids"))
    assert schedule_model(both).tiles == ()
