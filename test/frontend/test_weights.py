"""Weights are arguments that name their parameter; values stay where the model has them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch_mlir import ir

from stepwell.frontend.load import load_program
from stepwell.frontend.program import Program
from stepwell.support.errors import ImportFailure


class Weights(nn.Module):
    """Tied, unused, persistent and non-persistent tensors, small and large constants."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 4)
        self.head = nn.Linear(4, 10, bias=False)
        self.head.weight = self.embed.weight
        self.unused = nn.Linear(3, 3)
        self.register_buffer("kept", torch.randn(4))
        self.register_buffer("hidden", torch.randn(4), persistent=False)
        self.register_buffer("allowed", torch.tensor([True, False, True, True]))
        self.large = torch.randn(100)

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = self.embed(ids) + self.kept * self.hidden + torch.tensor([1.0, 2.0, 3.0, 4.0])
        h = torch.where(self.allowed, h, 0.0)
        return self.head(h), self.large * 2


@pytest.fixture(scope="module")
def source() -> Weights:
    return Weights().eval()


@pytest.fixture(scope="module")
def program(source: Weights) -> Program:
    return load_program(source, (torch.tensor([[1, 2], [3, 4]]),))


def names(module: ir.Module, attribute: str) -> list[tuple[str, str]]:
    function = module.body.operations[0].operation
    marks = [list(ir.DictAttr(mark)) for mark in ir.ArrayAttr(function.attributes[attribute])]
    return [(items[0].name, items[0].attr.value) for items in marks]


def test_arguments_name_inputs_and_parameters(program: Program) -> None:
    kinds = names(program.module, "arg_attrs")
    assert kinds[0] == ("stepwell.input", "ids")
    parameters = {name for kind, name in kinds if kind == "stepwell.parameter"}
    assert {"kept", "hidden", "allowed"} < parameters
    assert len(parameters & {"embed.weight", "head.weight"}) == 1, "tied weights are one parameter"
    assert not any(name.startswith("unused") for name in parameters)
    assert len(parameters) == 5, "the large constant is a parameter too"


def test_small_constants_are_literals(program: Program) -> None:
    text = program.module.operation.get_asm()
    assert "dense<[1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00]>" in text
    assert "dense_resource" not in text


def test_all_names_of_tied_weights_are_known(program: Program, source: Weights) -> None:
    for name in ("embed.weight", "head.weight"):
        np.testing.assert_array_equal(program.parameters[name], source.embed.weight.detach().numpy())


def test_values_are_not_copied(program: Program, source: Weights) -> None:
    assert np.shares_memory(program.parameters["embed.weight"], source.embed.weight.detach().numpy())
    assert program.parameters.spec("embed.weight").shape == (10, 4)


def test_values(imported: Callable[..., Any], source: Weights) -> None:
    ids = torch.tensor([[5, 0], [9, 9]])
    torch.testing.assert_close(imported(source, (torch.tensor([[1, 2], [3, 4]]),))(ids), source(ids))


def test_bfloat16_values_keep_their_bits() -> None:
    model = nn.Linear(3, 2, dtype=torch.bfloat16)
    weight = load_program(model, (torch.zeros(1, 3, dtype=torch.bfloat16),)).parameters["weight"]
    assert weight.dtype.name == "bfloat16"
    np.testing.assert_array_equal(weight.astype(np.float32), model.weight.detach().float().numpy())


def test_weights_without_values_import_and_fail_when_read() -> None:
    with torch.device("meta"):
        model = nn.Linear(3, 2)
    program = load_program(model, (torch.zeros(1, 3, device="meta"),))
    with pytest.raises(ImportFailure, match="has no values"):
        program.parameters["weight"]


class Aliased(nn.Module):
    """A counter that the model changes and a weight that is a view of it."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(2))
        self.register_buffer("view", self.count)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result = x + self.view
        self.count.add_(1)
        return result


def test_mutated_alias_is_refused() -> None:
    with pytest.raises(ImportFailure, match=r"'(count|view)' and '(count|view)' share memory"):
        load_program(Aliased(), (torch.zeros(2),))
