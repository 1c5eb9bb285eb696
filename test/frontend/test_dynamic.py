"""Dynamic shapes: imported once, right at sizes never seen, 0 and 1 among them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

from stepwell.frontend.load import load_program
from stepwell.frontend.views import group_dimensions
from stepwell.support.errors import ImportFailure
from stepwell.support.signature import Dim as Size
from stepwell.support.signature import SymbolRange

SIZES = [(2, 5), (3, 4), (1, 1), (1, 7), (4, 1), (0, 3), (3, 0)]


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.attention(x, x, x)


def test_multihead_attention_with_dynamic_batch_and_length(imported: Callable[..., Any]) -> None:
    """Plain torch-mlir pairs dimensions wrongly here and gives NaN."""
    torch.manual_seed(0)
    source = Attention().eval()
    model = imported(source, (torch.randn(2, 5, 8),), dynamic_shapes=({0: Dim("batch"), 1: Dim("length")},))
    assert model.signature.symbols == {"batch": SymbolRange(), "length": SymbolRange()}
    for batch, length in SIZES:
        x = torch.randn(batch, length, 8)
        with torch.no_grad():
            expected = source(x)
        for got, wanted in zip(model(x), expected, strict=True):
            if wanted is not None:  # eager attention gives no weights for an empty batch
                torch.testing.assert_close(got, wanted, atol=1e-6, rtol=1e-5)


class Attends(nn.Module):
    def forward(self, q: torch.Tensor, k: torch.Tensor, mask: torch.Tensor) -> list[torch.Tensor]:
        attend = nn.functional.scaled_dot_product_attention
        masked = attend(q, k, k, attn_mask=mask).transpose(1, 2).contiguous()
        grouped = attend(q, k[:, :2], k[:, :2], is_causal=True, enable_gqa=True)
        return [masked.view(-1, q.shape[1] * q.shape[3]), grouped]


def test_attention_with_masks_and_groups(imported: Callable[..., Any]) -> None:
    def inputs(batch: int, rows: int, columns: int) -> tuple[torch.Tensor, ...]:
        mask = torch.rand(batch, 1, rows, columns) > 0.3
        mask[:, :, :1] = False  # a row that attends to nothing gives 0
        return torch.randn(batch, 4, rows, 8), torch.randn(batch, 4, columns, 8), mask

    batch, rows, columns = Dim("batch"), Dim("rows"), Dim("columns")
    shapes = ({0: batch, 2: rows}, {0: batch, 2: columns}, {0: batch, 2: rows, 3: columns})
    model = imported(Attends(), inputs(2, 5, 7), dynamic_shapes=shapes)
    for sizes in [(2, 5, 7), (3, 4, 4), (1, 1, 1), (4, 1, 3), (0, 3, 3)]:
        values = inputs(*sizes)
        torch.testing.assert_close(model(*values), Attends()(*values), atol=1e-6, rtol=1e-5)


class Kernel(nn.Module):
    """What AOTAutograd makes of attention: torch's kernel ends the process where the length is 0."""

    def forward(self, q: torch.Tensor) -> torch.Tensor:
        return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, q, q)[0]


def test_a_kernel_that_dies_on_empty_tensors_is_not_tried(imported: Callable[..., Any]) -> None:
    model = imported(Kernel(), (torch.randn(2, 2, 5, 4),), dynamic_shapes=({0: Dim("batch"), 2: Dim("length")},))
    assert model.signature.symbols == {"batch": SymbolRange(1), "length": SymbolRange(1)}
    q = torch.randn(1, 2, 1, 4)
    torch.testing.assert_close(model(q), Kernel()(q))


class Views(nn.Module):
    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        b, s, _ = x.shape
        return [
            x.reshape(b * s, 6),
            x.reshape(b, s * 6),
            x.reshape(s, b, 6),
            x.reshape(b, s, 2, 3).transpose(1, 2).flatten(2),
            x.reshape(-1),
            x.transpose(0, 1).reshape(s * b * 2, 3),
            x.unsqueeze(1).expand(b, 2, s, 6).reshape(2 * b, s, 6),
        ]


def test_views_of_every_kind(imported: Callable[..., Any]) -> None:
    model = imported(Views(), (torch.randn(3, 4, 6),), dynamic_shapes=({0: Dim("b"), 1: Dim("s")},))
    shapes = [spec.shape for spec in model.signature.results]
    assert shapes[0] == (Size(None, 0, 0), 6)
    assert shapes[1] == (Size("b"), Size("s", 6))
    assert shapes[6] == (Size("b", 2), Size("s"), 6)
    for batch, length in SIZES:
        x = torch.randn(batch, length, 6)
        torch.testing.assert_close(model(x), Views()(x))


class Convolutions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.MaxPool2d(2))
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(x).mean((2, 3)))


def test_images_of_any_batch_and_derived_height(imported: Callable[..., Any]) -> None:
    quarter = Dim("quarter", min=1, max=64)
    source = Convolutions().eval()
    model = imported(source, (torch.randn(2, 3, 16, 8),), dynamic_shapes=({0: Dim("batch"), 2: 4 * quarter},))
    assert model.signature.inputs[0].shape == (Size("batch"), 3, Size("quarter", 4), 8)
    assert model.signature.symbols["quarter"] == SymbolRange(1, 64)
    for batch, height in [(1, 4), (3, 12), (2, 20)]:
        x = torch.randn(batch, 3, height, 8)
        with torch.no_grad():
            torch.testing.assert_close(model(x), source(x), atol=1e-5, rtol=1e-4)


class Ones(nn.Module):
    """A branch that torch.export decides without a word, as sizes under 2 do not exist for it."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x * 100 if x.shape[0] == 1 else x * 2, y + 1


def test_ranges_start_where_the_graph_is_right() -> None:
    """A size that was refused only because torch starts at 2 is allowed; one that would be wrong is not."""
    for n, m in ((Dim("n"), Dim("m")), (Dim.AUTO, Dim.AUTO)):
        signature = load_program(Ones(), (torch.ones(4), torch.ones(5)), dynamic_shapes=({0: n}, {0: m})).signatures[
            "main"
        ]
        lowers = [signature.symbols[spec.shape[0].symbol].lower for spec in signature.inputs]
        assert lowers == [2, 0]


class Quarters(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(-1, 4).sum(1)


def test_divisibility_is_asked_for() -> None:
    with pytest.raises(ImportFailure, match="%") as caught:
        load_program(Quarters(), (torch.ones(8),), dynamic_shapes=({0: Dim.AUTO},))
    assert "Dim(" in (caught.value.hint or "")


class Halves(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[: x.shape[0] // 2] + x[x.shape[0] // 2 :]


def test_a_constraint_that_does_not_hold_is_named() -> None:
    with pytest.raises(ImportFailure, match="dynamic shapes") as caught:
        load_program(Halves(), (torch.randn(4),), dynamic_shapes=({0: Dim("n")},))
    assert "n" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("before", "after", "groups"),
    [
        ((2, 3, 4), (6, 4), [((0, 1), (0,)), ((2,), (1,))]),
        ((6, 4), (2, 3, 4), [((0,), (0, 1)), ((1,), (2,))]),
        ((2, 6), (4, 3), [((0, 1), (0, 1))]),
        ((8,), (8, 1), [((0,), (0, 1))]),
        ((1, 8), (8,), [((0, 1), (0,))]),
        ((0, 3, 4), (0, 12), [((0, 1, 2), (0, 1))]),
        ((5, 2), (5, 2), [((0,), (0,)), ((1,), (1,))]),
    ],
)
def test_group_dimensions(before: Any, after: Any, groups: Any) -> None:
    assert [(tuple(i), tuple(o)) for i, o in group_dimensions(before, after)] == groups


def test_nothing_is_written_into_what_has_no_elements(imported: Callable[..., Any]) -> None:
    """Upstream's lowering divides by the size that is 0 and ends the process."""

    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.index_put(x[:, :0] * 2, [torch.tensor([0, 2])], torch.tensor(1.0))

    model = imported(Model(), (torch.randn(4, 3, 2),), dynamic_shapes=({0: Dim("batch")},))
    x = torch.randn(7, 3, 2)
    assert model(x).shape == (7, 0, 2)


class Many(nn.Module):
    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0] * tensors[1]


@pytest.mark.parametrize("structure", ["tuple", "dictionary"])
def test_sizes_of_any_number_of_arguments_have_names(structure: str) -> None:
    shapes = ({}, {0: Dim("batch")})
    hints: Any = (shapes,) if structure == "tuple" else {"tensors": shapes}
    signature = load_program(Many(), (torch.tensor(2.0), torch.ones(3)), dynamic_shapes=hints).signatures["main"]
    assert [spec.shape for spec in signature.inputs] == [(), (Size("batch"),)]


class Scaled(nn.Module):
    def __init__(self, mode: str, factor: float) -> None:
        super().__init__()
        self.mode, self.factor = mode, factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.interpolate(x, scale_factor=self.factor, mode=self.mode)


@pytest.mark.parametrize("factor", [1.7, 0.6])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic"])
def test_interpolation_by_a_factor(imported: Callable[..., Any], mode: str, factor: float) -> None:
    """Sizes are multiplied by numbers that are no integers."""
    source = Scaled(mode, factor)
    shapes = ({2: Dim("height", min=4), 3: Dim("width", min=4)},)
    model = imported(source, (torch.randn(1, 2, 5, 6),), dynamic_shapes=shapes)
    for height, width in [(5, 6), (7, 4), (4, 9)]:
        x = torch.randn(1, 2, height, width)
        torch.testing.assert_close(model(x), source(x), atol=1e-5, rtol=1e-4)


class Features(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)


def test_attention_with_any_number_of_features(imported: Callable[..., Any]) -> None:
    model = imported(Features(), (torch.randn(2, 3, 5, 6),), dynamic_shapes=({3: Dim("features", min=1)},))
    for features in (6, 1, 9):
        x = torch.randn(2, 3, 5, features)
        torch.testing.assert_close(model(x), Features()(x), atol=1e-5, rtol=1e-4)
