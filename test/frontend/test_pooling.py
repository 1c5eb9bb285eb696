"""Pooling of integers in three dimensions, and into a given number of windows, on the CPU beside PyTorch."""

import pytest
import torch
from torch.nn import functional as F

import stepwell
from stepwell.frontend.decompositions.pooling import pooling_decompositions

SETTINGS = [
    ((2, 3, 4, 4, 4), {"kernel_size": 2}),
    ((2, 5, 7, 6), {"kernel_size": (2, 3, 2), "stride": (1, 2, 1), "padding": (1, 1, 0), "dilation": (1, 2, 1)}),
    ((1, 2, 5, 7, 6), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
]


class Pool(torch.nn.Module):
    def __init__(self, **settings: object) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.max_pool3d(x, **self.settings)  # type: ignore[arg-type]


def _list(value: object) -> list[int]:
    return list(value) if isinstance(value, tuple) else [int(str(value))] * 3


@pytest.mark.parametrize(("shape", "settings"), SETTINGS)
def test_largest_integers(shape: tuple[int, ...], settings: dict[str, object]) -> None:
    x = torch.randint(-5, 5, shape) + 2**60
    model = Pool(**settings)
    assert torch.equal(stepwell.compile(model, (x,))(x), model(x))


@pytest.mark.parametrize(("shape", "settings"), SETTINGS)
def test_places_of_the_first_largest(shape: tuple[int, ...], settings: dict[str, object]) -> None:
    x = torch.randint(0, 3, shape)
    decomposition = pooling_decompositions()[torch.ops.aten.max_pool3d_with_indices.default]
    filled = {"stride": (), "padding": 0, "dilation": 1, "ceil_mode": False, **settings}
    lists = [_list(filled[name]) for name in ("kernel_size", "stride", "padding", "dilation")]
    found = decomposition(x, *lists, filled["ceil_mode"])
    want = F.max_pool3d(x, return_indices=True, **settings)  # type: ignore[arg-type]
    assert all(torch.equal(mine, right) for mine, right in zip(found, want, strict=True))


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int16, torch.int32])
def test_narrow_integers(dtype: torch.dtype) -> None:
    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return F.max_pool2d(x, 3, 2, 1, return_indices=True)

    limits = torch.iinfo(dtype)
    x = torch.randint(limits.min, limits.max, (2, 3, 9, 8), dtype=dtype)
    assert all(map(torch.equal, stepwell.compile(Model(), (x,))(x), Model()(x)))


def test_places_of_integers_of_64_bits_are_refused() -> None:
    model = Pool(kernel_size=2, return_indices=True)
    with pytest.raises(stepwell.Error, match="max_pool2d_with_indices"):
        stepwell.compile(model, (torch.zeros(1, 2, 2, 2, dtype=torch.int64),))


class Adaptive(torch.nn.Module):
    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return F.adaptive_avg_pool2d(x, self.size), *F.adaptive_max_pool2d(x, self.size, return_indices=True)


@pytest.mark.parametrize("example", [3, 5])
def test_windows_of_a_dynamic_size(example: int) -> None:
    """Torch's decomposition would hold for sizes with the example's remainder alone."""
    model = Adaptive((3, 2))
    compiled = stepwell.compile(
        model, (torch.randn(2, 4, example).double(),), dynamic_shapes={"x": {2: torch.export.Dim.DYNAMIC}}
    )
    for length in (1, 2, 3, 8, 12):
        x = torch.randn(2, 4, length).double()
        torch.testing.assert_close(compiled(x), model(x), msg=f"length {length}")


def test_windows_of_numbers_that_are_none() -> None:
    """Windows unlike each other; the last NaN wins, and the first of nothing but -inf."""
    model = Adaptive((3, 5))
    x = torch.randn(2, 3, 6, 8)
    x[0, 0, 0, :2] = x[0, 2, 3, 1] = x[0, 2, 3, 3] = float("nan")
    x[0, 1, 2, 3] = float("inf")
    x[1] = float("-inf")
    torch.testing.assert_close(stepwell.compile(model, (x,))(x), model(x), equal_nan=True)


class Positions(torch.nn.Module):
    def __init__(self, pool: str, **settings: object) -> None:
        super().__init__()
        self.pool, self.settings = pool, settings

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        values, places = getattr(F, self.pool)(x, return_indices=True, **self.settings)
        return values, places


@pytest.mark.parametrize("settings", [{"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1}])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_positions_of_nan_and_of_the_least(rank: int, settings: dict[str, object]) -> None:
    """A NaN is found, the last one of a window, and in a window of -inf nothing of the padding."""
    x = torch.randn(1, 2, *[6] * rank)
    flat = x.view(1, 2, -1)
    flat[0, 0, [0, 2, 5]] = float("nan")
    x[0, 1] = float("-inf")
    x[0, 1, ..., 4] = float("nan")
    model = Positions(f"max_pool{rank}d", **settings)
    torch.testing.assert_close(stepwell.compile(model, (x,))(x), model(x), equal_nan=True)
