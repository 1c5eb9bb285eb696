"""``torch.compile(model, backend="stepwell")``: each graph that Dynamo captures becomes an executable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch._dynamo.backends.common import aot_autograd
from torch._functorch import config as functorch_config
from torch._functorch._aot_autograd.utils import make_boxed_func
from torch._subclasses.fake_tensor import unset_fake_temporarily
from torch.export import Dim

from stepwell.driver import api
from stepwell.driver.executable import Executable
from stepwell.support.errors import ImportFailure, UnsupportedError, UsageError


def stepwell_backend(
    graph: torch.fx.GraphModule, example_inputs: Sequence[Any], *, options: dict[str, Any] | None = None, **others: Any
) -> Callable[..., Any]:
    """The backend that torch finds by its entry point.

    AOTAutograd makes forward and backward functional; each is compiled by itself, with parameters as inputs.
    ``options={"target": "cpu,..."}`` chooses the target.

    Raises:
        UsageError: an option that the backend does not have.
    """
    unknown = [*(set(options or {}) - {"target"}), *others]
    if unknown:
        raise UsageError(f"backend 'stepwell' has no option {', '.join(sorted(unknown))}", hint="it has: target")
    target = (options or {}).get("target", "cpu")

    def compile_graph(functional: torch.fx.GraphModule, inputs: Sequence[Any]) -> Callable[..., Any]:
        return make_boxed_func(_Region(functional, inputs, target))

    # Tokens that keep effects in order would be arguments otherwise, in whose place nothing is given.
    with functorch_config.patch(unlift_effect_tokens=True):
        compiled: Callable[..., Any] = aot_autograd(fw_compiler=compile_graph)(graph, example_inputs)
    return compiled


class _Region:
    """A functional graph and its executables: called with the graph's arguments, it gives the list of its results.

    Only tensors cross into an executable. An integer argument is read off the shape of a tensor where one has that
    size; an executable is made for each value of the others, and for each shape where torch.export can't state how
    the sizes are tied. Results that are arguments, integers or None are made here.
    """

    def __init__(self, graph: torch.fx.GraphModule, inputs: Sequence[Any], target: str) -> None:
        self._graph, self._inputs, self._target = graph, inputs, target
        placeholders = [node for node in graph.graph.nodes if node.op == "placeholder"]
        self._positions = {node: position for position, node in enumerate(placeholders)}
        self._results: list[Any] = list(graph.graph.output_node().args[0])  # type: ignore[arg-type]
        self._computed = [
            index
            for index, result in enumerate(self._results)
            if isinstance(result, torch.fx.Node)
            and result not in self._positions
            and isinstance(result.meta.get("val"), torch.Tensor)
        ]
        # Size expression -> the argument and axis that have it.
        self._sizes = {
            _expression(size): (position, axis)
            for position, value in enumerate(inputs)
            if isinstance(value, torch.Tensor)
            for axis, size in enumerate(value.shape)
            if _varies(size)
        }
        self._free = [
            position
            for position, value in enumerate(inputs)
            if not isinstance(value, torch.Tensor) and not (_varies(value) and _expression(value) in self._sizes)
        ]
        self._executables: dict[tuple[Any, ...], Executable] = {}
        self._exact = False
        if self._computed:
            examples = [_example(value) if isinstance(value, torch.Tensor) else _hint(value) for value in inputs]
            self._executable(examples)

    def __call__(self, *arguments: Any) -> list[Any]:
        if self._computed:
            tensors = [argument for argument in arguments if isinstance(argument, torch.Tensor)]
            made = self._executable(arguments)(*tensors)
        else:
            made = ()
        computed = dict(zip(self._computed, made, strict=True))
        results: list[Any] = []
        for index, result in enumerate(self._results):
            if index in computed:
                # AOTAutograd takes views of results by the strides that it traced.
                results.append(self._restride(computed[index], result.meta["val"], arguments))
            elif not isinstance(result, torch.fx.Node):
                results.append(result)
            elif result in self._positions:
                results.append(arguments[self._positions[result]])
            else:
                results.append(self._integer(result.meta["val"], arguments))
        return results

    def _executable(self, arguments: Sequence[Any]) -> Executable:
        tensors = [argument for argument in arguments if isinstance(argument, torch.Tensor)]
        fixed = tuple(arguments[position] for position in self._free)
        shapes = [tuple(tensor.shape) for tensor in tensors] if self._exact else []
        key = (fixed, *shapes)
        if key not in self._executables:
            dynamic = tuple(_dynamic(value) for value in self._inputs if isinstance(value, torch.Tensor))
            model = _TensorsOnly(self._graph, self._expand(fixed), self._computed)
            # Torch compiles in a mode where every tensor is a fake one, and shares one set of size symbols.
            with torch._guards.tracing(None), unset_fake_temporarily():
                examples = tuple(torch.zeros(tuple(tensor.shape), dtype=tensor.dtype) for tensor in tensors)
                varying = (dynamic,) if any(dynamic) and not self._exact else None
                try:
                    self._executables[key] = api.compile(model, examples, target=self._target, dynamic_shapes=varying)
                except ImportFailure:
                    if varying is None:
                        raise
                    self._exact = True
                    return self._executable(arguments)
        return self._executables[key]

    def _expand(self, fixed: tuple[Any, ...]) -> Callable[[Sequence[torch.Tensor]], list[Any]]:
        """Makes all of the graph's arguments of its tensors alone."""
        values = dict(zip(self._free, fixed, strict=True))

        def expand(tensors: Sequence[torch.Tensor]) -> list[Any]:
            remaining = iter(tensors)
            arguments: list[Any] = [
                next(remaining) if isinstance(value, torch.Tensor) else values.get(position)
                for position, value in enumerate(self._inputs)
            ]
            for position, value in enumerate(self._inputs):
                if position not in values and not isinstance(value, torch.Tensor):
                    owner, axis = self._sizes[_expression(value)]
                    arguments[position] = arguments[owner].shape[axis]
            return arguments

        return expand

    def _integer(self, value: Any, arguments: Sequence[Any]) -> int:
        """What a traced integer stands for in a call with ``arguments``."""
        if not _varies(value):
            return int(value)
        known = {expression: arguments[position].shape[axis] for expression, (position, axis) in self._sizes.items()}
        free = [position for position in self._free if _varies(self._inputs[position])]
        known |= {_expression(self._inputs[position]): arguments[position] for position in free}
        return int(_expression(value).xreplace(known))

    def _restride(self, result: torch.Tensor, traced: torch.Tensor, arguments: Sequence[Any]) -> torch.Tensor:
        strides = [self._integer(stride, arguments) for stride in traced.stride()]
        if list(result.stride()) == strides or result.numel() == 0:
            return result
        return torch.empty_strided(result.shape, strides, dtype=result.dtype).copy_(result)


class _TensorsOnly(torch.nn.Module):
    """A captured graph that takes tensors only and returns the results numbered in ``wanted``."""

    def __init__(
        self, graph: torch.fx.GraphModule, expand: Callable[[Sequence[torch.Tensor]], list[Any]], wanted: list[int]
    ) -> None:
        super().__init__()
        self.graph, self.expand, self.wanted = graph, expand, wanted

    def forward(self, *tensors: torch.Tensor) -> Any:
        # The interpreter hands on each node's stack trace, so that messages name the model's lines.
        with torch.fx.traceback.preserve_node_meta():
            results = torch.fx.Interpreter(self.graph).run(*self.expand(tensors))
        return tuple(results[index] for index in self.wanted)


def _varies(value: Any) -> bool:
    return isinstance(value, torch.SymInt) and bool(_expression(value).free_symbols)


def _expression(value: Any) -> Any:
    """The symbolic expression of a size."""
    return value.node.expr


def _hint(value: Any) -> Any:
    """The value that a traced one was traced with.

    Raises:
        UnsupportedError: it is known only when the graph runs.
    """
    if not isinstance(value, (torch.SymInt, torch.SymFloat, torch.SymBool)):
        return value
    if value.node.hint is None:
        raise UnsupportedError(
            "a size or number in this graph depends on data", hint="torch._dynamo.config.capture_scalar_outputs = False"
        )
    return value.node.hint


def _example(value: torch.Tensor) -> torch.Tensor:
    return torch.zeros([_hint(size) for size in value.shape], dtype=value.dtype)


def _dynamic(value: torch.Tensor) -> Any:
    return {axis: Dim.DYNAMIC for axis, size in enumerate(value.shape) if _varies(size)} or None
