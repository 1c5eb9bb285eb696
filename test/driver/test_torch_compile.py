"""``torch.compile(model, backend="stepwell")``: inference, graph breaks, varying sizes, training, options."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Any

import pytest
import torch

from stepwell.driver import api, torch_backend


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The targets that graphs were compiled for, one entry for each executable: torch falls back without a word."""
    targets: list[Any] = []
    original = api.compile

    def spy(*args: Any, **kwargs: Any) -> Any:
        executable = original(*args, **kwargs)
        targets.append(executable.target.name)
        return executable

    monkeypatch.setattr(api, "compile", spy)
    torch._dynamo.reset()
    yield targets
    torch._dynamo.reset()


def check(function: Callable[..., Any], *inputs: Any, **how: Any) -> Callable[..., Any]:
    """Compile ``function`` and compare one call with eager's."""
    made: Callable[..., Any] = torch.compile(function, backend="stepwell", **how)
    with torch.no_grad():
        torch.testing.assert_close(made(*inputs), function(*inputs))
    return made


def layer() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())


def gradients(model: torch.nn.Module, step: Callable[..., torch.Tensor], x: torch.Tensor) -> list[torch.Tensor]:
    model.zero_grad()
    torch.autograd.backward(step(x).square().sum())
    found = [parameter.grad for parameter in model.parameters()]
    assert all(gradient is not None for gradient in found)
    return [gradient.clone() for gradient in found if gradient is not None]


def test_the_entry_point_names_the_backend() -> None:
    (entry,) = entry_points(group="torch_dynamo_backends", name="stepwell")
    assert entry.load() is torch_backend.stepwell_backend


def test_inference(compiled: list[str]) -> None:
    model = layer()
    made = check(model, torch.randn(2, 4))
    with torch.no_grad():
        next(model.parameters()).fill_(1.0)
        x = torch.randn(2, 4)
        torch.testing.assert_close(made(x), model(x))
    assert compiled == ["cpu"]


def test_an_option_chooses_the_target(compiled: list[str]) -> None:
    check(layer(), torch.randn(2, 4), options={"target": "interpreter"})
    assert compiled == ["interpreter"]


def test_a_graph_break_gives_two_executables(compiled: list[str]) -> None:
    model = layer()

    def broken(x: torch.Tensor) -> Any:
        y = x * 2
        torch._dynamo.graph_break()
        return model(y) + 1

    check(broken, torch.randn(2, 4))
    assert len(compiled) == 2


def test_sizes_vary_in_one_executable(compiled: list[str]) -> None:
    model = layer()
    made = check(model, torch.randn(3, 4), dynamic=True)
    for size in (5, 2, 17):
        x = torch.randn(size, 4)
        with torch.no_grad():
            torch.testing.assert_close(made(x), model(x))
    assert len(compiled) == 1


def test_a_number_that_is_no_size_is_fixed_in_the_executable(compiled: list[str]) -> None:
    def split(x: torch.Tensor, parts: int) -> torch.Tensor:
        return x.reshape(parts, -1) * parts

    made = check(split, torch.randn(6, 4), 3, dynamic=True)
    for rows, parts in ((6, 4), (12, 2), (6, 4)):
        x = torch.randn(rows, 4)
        with torch.no_grad():
            torch.testing.assert_close(made(x, parts), split(x, parts))
    assert len(compiled) == 3


def test_a_varying_number_that_is_no_integer(compiled: list[str]) -> None:
    def scale(x: torch.Tensor, factor: float) -> torch.Tensor:
        return torch.relu(x) * factor

    made = check(scale, torch.randn(3, 4), 2.5, dynamic=True)
    for factor in (0.5, 7.25):
        x = torch.randn(5, 4)
        with torch.no_grad():
            torch.testing.assert_close(made(x, factor), scale(x, factor))
    assert compiled


def test_a_size_that_depends_on_data_breaks_the_graph(compiled: list[str]) -> None:
    def positive(x: torch.Tensor) -> torch.Tensor:
        return x[x > 0].reshape(-1, 1) * 2

    check(positive, torch.linspace(-1, 1, 12).reshape(3, 4))
    assert compiled


def test_results_keep_the_strides_that_views_are_taken_by(compiled: list[str]) -> None:
    def views(x: torch.Tensor) -> Any:
        doubled = x * 2
        return doubled.t(), doubled[1:], doubled

    check(views, torch.randn(3, 4).t())
    assert len(compiled) == 1


def test_an_argument_is_changed_in_place(compiled: list[str]) -> None:
    def add(total: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        total.add_(x)
        return total * 2

    ours, eager = torch.ones(3), torch.ones(3)
    with torch.no_grad():
        got = torch.compile(add, backend="stepwell")(ours, torch.ones(3))
        torch.testing.assert_close(got, add(eager, torch.ones(3)))
    torch.testing.assert_close(ours, eager)
    assert len(compiled) == 1


@pytest.mark.parametrize("dynamic", [False, True])
def test_a_training_step_has_eagers_gradients(compiled: list[str], dynamic: bool) -> None:
    model = layer()
    made = torch.compile(model, backend="stepwell", dynamic=dynamic)
    for size in (3, 6) if dynamic else (3,):
        x = torch.randn(size, 4)
        for got, wanted in zip(gradients(model, made, x), gradients(model, model, x), strict=True):
            torch.testing.assert_close(got, wanted)
    assert len(compiled) == 2


def test_a_transformer_layer_trains_and_infers(compiled: list[str]) -> None:
    torch.manual_seed(0)
    model = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    x = torch.randn(2, 5, 8)
    ours = gradients(model, torch.compile(model, backend="stepwell"), x)
    for got, wanted in zip(ours, gradients(model, model, x), strict=True):
        torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-4)
    torch._dynamo.reset()
    check(model.eval(), x, None, torch.tensor([[False] * 5, [False] * 3 + [True] * 2]))
    assert len(compiled) == 3, "forward, backward, and the fused operator of inference"


def test_batch_norm_trains_and_keeps_its_statistics(compiled: list[str]) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
    eager = copy.deepcopy(model)
    x = torch.randn(5, 4)
    ours = gradients(model, torch.compile(model, backend="stepwell"), x)
    for got, wanted in zip(ours, gradients(eager, eager, x), strict=True):
        torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-4)
    for got, wanted in zip(model.buffers(), eager.buffers(), strict=True):
        torch.testing.assert_close(got, wanted)
    assert len(compiled) == 2


def test_a_function_without_arguments(compiled: list[str]) -> None:
    check(lambda: torch.ones(3) * 2)
    assert len(compiled) == 1


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"options": {"speed": 1}}, "UsageError: backend 'stepwell' has no option speed\n  hint: it has: target"),
        ({"mode": "reduce-overhead"}, "UsageError: backend 'stepwell' has no option mode"),
        ({"options": {"target": "zpu"}}, "UsageError: there is no target 'zpu'\n  hint: targets are cpu, "),
    ],
)
def test_wrong_options_are_named(compiled: list[str], how: Any, message: str) -> None:
    with pytest.raises(Exception, match="stepwell") as caught:
        torch.compile(layer(), backend="stepwell", **how)(torch.randn(2, 4))
    assert message in str(caught.value)


def test_an_operator_without_a_lowering_is_refused_at_the_models_line(compiled: list[str]) -> None:
    def factor(x: torch.Tensor) -> Any:
        return torch.linalg.ldl_factor_ex(x)[0]

    with pytest.raises(Exception, match="UnsupportedError: target 'cpu' can't take this model") as caught:
        torch.compile(factor, backend="stepwell")(torch.randn(3, 3))
    assert "aten.linalg_ldl_factor_ex" in str(caught.value) and "test_torch_compile.py:" in str(caught.value)
