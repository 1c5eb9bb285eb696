"""``torch.compile(model, backend="stepwell")``: each graph that Dynamo captures becomes an executable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch._dynamo.backends.common import aot_autograd
from torch.export import Dim

from stepwell.driver import api
from stepwell.support.errors import UsageError


def stepwell_backend(
    graph: torch.fx.GraphModule, example_inputs: Sequence[Any], *, options: dict[str, Any] | None = None, **_: Any
) -> Callable[..., Any]:
    """The backend that torch finds by its entry point.

    AOTAutograd makes forward and backward functional; each is compiled by itself. ``options={"target": "cpu,..."}``
    chooses the target.

    Raises:
        UsageError: an option that the backend does not have.
    """
    unknown = set(options or {}) - {"target"}
    if unknown:
        raise UsageError(f"backend 'stepwell' has no option {', '.join(sorted(unknown))}", hint="it has: target")
    target = (options or {}).get("target", "cpu")

    def compile_graph(functional: torch.fx.GraphModule, inputs: Sequence[Any]) -> Callable[..., Any]:
        return _compile(functional, inputs, target)

    compiled: Callable[..., Any] = aot_autograd(fw_compiler=compile_graph)(graph, example_inputs)
    return compiled


def _compile(graph: torch.fx.GraphModule, inputs: Sequence[Any], target: str) -> Callable[..., Any]:
    examples = tuple(_example(value) for value in inputs)
    dynamic = tuple(_dynamic(value) for value in inputs)
    shapes = (dynamic,) if any(dynamic) else None
    executable = api.compile(_Positional(graph), examples, target=target, dynamic_shapes=shapes)

    def call(*arguments: Any) -> Any:
        results = executable(*arguments)
        return list(results) if isinstance(results, tuple) else results

    return call


class _Positional(torch.nn.Module):
    """A captured graph under one variadic signature: its placeholders have names that Python may not take."""

    def __init__(self, graph: torch.fx.GraphModule) -> None:
        super().__init__()
        self.graph = graph

    def forward(self, *arguments: Any) -> Any:
        return self.graph(*arguments)


def _example(value: Any) -> Any:
    """A real value of the size that a traced one stands for."""
    if isinstance(value, torch.SymInt):
        return value.node.hint
    if isinstance(value, torch.Tensor):
        sizes = [size.node.hint if isinstance(size, torch.SymInt) else size for size in value.shape]
        return torch.zeros(sizes, dtype=value.dtype)
    return value


def _dynamic(value: Any) -> Any:
    if isinstance(value, torch.SymInt):
        return Dim.DYNAMIC
    if isinstance(value, torch.Tensor):
        axes = {axis: Dim.DYNAMIC for axis, size in enumerate(value.shape) if isinstance(size, torch.SymInt)}
        return axes or None
    return None
