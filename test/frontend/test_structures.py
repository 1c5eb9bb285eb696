"""Arguments and outputs keep the model's structure: nesting, keywords, numbers, constants, classes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from stepwell.frontend.load import load_program
from stepwell.support.signature import OutputRef


@dataclass
class Pair:
    """An output class of a user's model."""

    total: torch.Tensor
    parts: list[torch.Tensor]


torch.export.register_dataclass(Pair, serialized_type_name="test.frontend.Pair")


class Nested(nn.Module):
    def forward(self, pair: Any, *, scale: float, extra: dict[str, torch.Tensor], mask: Any = None) -> dict[str, Any]:
        a, (b, c) = pair
        total = a + b * scale + extra["z"]
        return {"total": total, "same": a, "twice": [total, c * 2], "none": mask, "number": 3, "text": "ok"}


def test_nested_arguments_and_outputs(imported: Callable[..., Any]) -> None:
    a, b, c, z = (torch.randn(2, 3) for _ in range(4))
    model = imported(Nested(), ((a, [b, c]),), {"scale": 2.0, "extra": {"z": z}, "mask": None})
    signature = model.signature
    assert [spec.name for spec in signature.inputs] == ["pair[0]", "pair[1][0]", "pair[1][1]", "extra.z"]
    assert signature.input_leaves == (0, 1, 2, None, 3, None)
    assert signature.leaf_constants == {3: 2.0, 5: None}
    assert [spec.name for spec in signature.results] == ["total", "twice[1]"]
    assert signature.outputs == (
        OutputRef("result", 0), OutputRef("input", 0), OutputRef("result", 0), OutputRef("result", 1),
        OutputRef("constant", value=None), OutputRef("constant", value=3), OutputRef("constant", value="ok"),
    )  # fmt: skip
    a2, b2, c2, z2 = (torch.randn(2, 3) for _ in range(4))
    got = model((a2, [b2, c2]), scale=2.0, extra={"z": z2}, mask=None)
    expected = Nested()((a2, [b2, c2]), scale=2.0, extra={"z": z2})
    assert got["same"] is a2 and got["none"] is None and (got["number"], got["text"]) == (3, "ok")
    torch.testing.assert_close([got["total"], *got["twice"]], [expected["total"], *expected["twice"]])


def test_trees_survive_as_text() -> None:
    args = ((torch.ones(1), [torch.ones(1), torch.ones(1)]),)
    program = load_program(Nested(), args, {"scale": 2.0, "extra": {"z": torch.ones(1)}, "mask": None})
    signature = program.signatures["main"]
    assert signature.in_spec is not None and signature.out_spec is not None
    assert pytree.treespec_loads(signature.in_spec) == program.trees["main"][0]
    assert pytree.treespec_loads(signature.out_spec) == program.trees["main"][1]


class Classy(nn.Module):
    def forward(self, x: torch.Tensor) -> Pair:
        return Pair(x.sum(), [x + 1, x * 2])


def test_dataclass_output(imported: Callable[..., Any]) -> None:
    x = torch.randn(2, 3)
    model = imported(Classy(), (x,))
    assert [spec.name for spec in model.signature.results] == ["total", "parts[0]", "parts[1]"]
    got = model(x)
    assert isinstance(got, Pair)
    torch.testing.assert_close([got.total, *got.parts], [x.sum(), x + 1, x * 2])


class Numbers(nn.Module):
    def forward(self, x: torch.Tensor, n: int, flag: bool) -> Any:
        return x * n if flag else x, x.shape[0] * 2, x.shape[0] > 3


def test_dynamic_numbers_in_and_out(imported: Callable[..., Any]) -> None:
    batch = torch.export.Dim("batch")
    shapes = ({0: batch}, torch.export.Dim.DYNAMIC, None)
    model = imported(Numbers(), (torch.randn(4, 2), 3, True), dynamic_shapes=shapes)
    assert [(spec.name, spec.dtype, spec.shape, spec.scalar) for spec in model.signature.inputs][1:] == [
        ("n", "i64", (), "int")
    ]
    assert model.signature.leaf_constants == {2: True}
    x = torch.randn(5, 2)
    scaled, doubled, large = model(x, 7, True)
    torch.testing.assert_close(scaled, x * 7)
    assert (doubled, large) == (10, True)


class Parameterish(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3))

    def forward(self, x: torch.Tensor) -> Any:
        return self.weight, x


def test_weight_as_output(imported: Callable[..., Any]) -> None:
    source = Parameterish()
    weight, _ = imported(source, (torch.ones(2),))(torch.ones(2))
    torch.testing.assert_close(weight, source.weight.detach())


class Several(nn.Module):
    def forward(self, *values: torch.Tensor) -> list[torch.Tensor]:
        return [value + 1 for value in values]


def test_scalars_and_strided_inputs(imported: Callable[..., Any]) -> None:
    values = [torch.tensor(2.5), torch.randn(3, 4).t(), torch.randn(4, 6)[:, ::2], torch.randn(3).expand(2, 3)]
    torch.testing.assert_close(imported(Several(), tuple(values))(*values), [value + 1 for value in values])


class Difference(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3))

    def forward(self, x: torch.Tensor, *, pair: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return x - 2 * pair[0] + 3 * pair[1] * self.weight


def test_one_tensor_as_the_example_of_several_inputs(imported: Callable[..., Any]) -> None:
    """torch.export by itself lets one input stand for all that were given the same object."""
    source, x = Difference(), torch.randn(3)
    model = imported(source, (x,), {"pair": (x, source.weight)})
    a, b, c = (torch.randn(3) for _ in range(3))
    torch.testing.assert_close(model(a, pair=(b, c)), source(a, pair=(b, c)).detach())
