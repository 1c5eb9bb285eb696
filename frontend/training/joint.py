"""Loss and gradients of a model as one graph, by tracing PyTorch's autograd."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._functorch._aot_autograd.logging_utils import setup_stacktrace_preservation_hooks
from torch._guards import detect_fake_mode
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx.experimental.proxy_tensor import make_fx

from stepwell.frontend.export import export_model
from stepwell.frontend.source_paths import describe_node
from stepwell.support.errors import ImportFailure, UnsupportedError, UsageError

_OWN_FRAME = re.compile(rf' *File "{re.escape(__file__)}", line .*\n.*\n?')


class Objective(torch.nn.Module):
    """A model and a loss: takes the model's arguments, then the loss's target, and gives the loss.

    Args:
        model: what is trained.
        loss: called with the model's result and the target; None for a model that gives its loss itself.
        args, kwargs: example arguments, for their names.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        loss: Callable[..., Any] | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        super().__init__()
        self.model = model
        self.loss = loss
        self.names = [*_positional(model, args if loss is None else args[:-1], kwargs), *(["target"] if loss else [])]
        take(self, self.names, kwargs)

    def forward(self, *given: Any, **named: Any) -> Any:
        """The loss."""
        if self.loss is None:
            return self.model(*given, **named)
        return self.loss(self.model(*given[:-1], **named), given[-1])


@dataclass(frozen=True)
class Joint:
    """Loss and gradients.

    Attributes:
        graph: takes what ``program`` takes, flat; gives the loss, then the gradient of each of ``parameters``, and
            changes buffers in place as the model does.
        program: the model's forward pass as it was exported.
        parameters: names of the parameters that the loss depends on, of those to be trained.
    """

    graph: torch.fx.GraphModule
    program: ExportedProgram
    parameters: tuple[str, ...]


def take(module: torch.nn.Module, names: Sequence[str], keywords: Iterable[str]) -> None:
    """Have ``module.forward``, which takes anything, declare positional arguments ``names`` and then ``keywords``."""
    positional = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ("self", *names)]
    named = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in keywords]
    plain = type(module).forward

    def forward(self: torch.nn.Module, *given: Any, **others: Any) -> Any:
        return plain(self, *given, **others)

    forward.__signature__ = inspect.Signature(positional + named)  # type: ignore[attr-defined]
    # In a class of its own: what an instance holds would act on that instance in copies, too.
    module.__class__ = type(type(module).__name__, (type(module),), {"forward": forward})


def differentiate(
    objective: Objective, args: tuple[Any, ...], kwargs: dict[str, Any], dynamic_shapes: Any, trained: set[str]
) -> Joint:
    """Export ``objective`` and trace its loss and the gradients of the parameters ``trained``.

    Raises:
        ImportFailure: the model can't be exported or differentiated.
        UsageError: the loss is not one number.
        UnsupportedError: the model draws random numbers.
    """
    program = export_model(objective, args, kwargs, dynamic_shapes)
    for node in program.graph.nodes:  # places are those of the model
        node.meta["stack_trace"] = _OWN_FRAME.sub("", node.meta.get("stack_trace") or "")
    _check(program)
    names = tuple(
        spec.target
        for spec in program.graph_signature.input_specs
        if spec.kind == InputKind.PARAMETER and spec.target in trained
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # anomaly mode, which keeps the lines of the model, says that it is slow
            graph = _trace(program, set(names))
    except RuntimeError as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise ImportFailure(
            f"torch could not differentiate the loss: {first[:200]}",
            hint="loss.backward() must work on the model's result",
        ) from error
    names = _without_unused(graph, names)
    _check_gradients(graph, names)
    return Joint(graph, program, names)


def value_of(program: ExportedProgram, name: str) -> Tensor:
    """The parameter, buffer or constant called ``name``."""
    value = program.state_dict[name] if name in program.state_dict else program.constants[name]
    assert isinstance(value, Tensor)
    return value


def _trace(program: ExportedProgram, trained: set[str]) -> torch.fx.GraphModule:
    placeholders = [node for node in program.graph.nodes if node.op == "placeholder"]
    values = [node.meta.get("val") for node in placeholders]
    specs = program.graph_signature.input_specs
    wanted = [spec.kind == InputKind.PARAMETER and spec.target in trained for spec in specs]

    def joint(*given: Any) -> list[Any]:
        leaves = [
            value.detach().requires_grad_() if is_wanted else value
            for value, is_wanted in zip(given, wanted, strict=True)
        ]
        with torch.enable_grad(), torch.autograd.detect_anomaly(check_nan=False):
            (loss,) = torch.fx.Interpreter(program.graph_module).run(*leaves)
            setup_stacktrace_preservation_hooks([loss.grad_fn] if loss.grad_fn is not None else [])
            parameters = [value for value, is_wanted in zip(leaves, wanted, strict=True) if is_wanted]
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        return [loss.detach(), *gradients]

    mode = detect_fake_mode(values)
    assert mode is not None
    with mode, torch.fx.traceback.preserve_node_meta():
        return make_fx(joint)(*values)


def _without_unused(graph: torch.fx.GraphModule, names: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out gradients that are None: the loss does not depend on their parameters."""
    output = graph.graph.output_node()
    results = output.args[0]
    assert isinstance(results, (tuple, list))
    output.args = ([result for result in results if result is not None],)
    return tuple(name for name, gradient in zip(names, results[1:], strict=True) if gradient is not None)


def _check_gradients(graph: torch.fx.GraphModule, names: tuple[str, ...]) -> None:
    results = graph.graph.output_node().args[0]
    assert isinstance(results, (tuple, list))
    for name, gradient in zip(names, results[1:], strict=True):
        if gradient.meta["val"].layout is not torch.strided:
            raise UnsupportedError(
                f"the gradient of '{name.removeprefix('model.')}' is sparse",
                where=describe_node(gradient),
                hint="leave sparse=True of the embedding out",
            )


def _check(program: ExportedProgram) -> None:
    outputs = program.graph.output_node().args[0]
    assert isinstance(outputs, (tuple, list))
    loss = outputs[0].meta.get("val") if len(outputs) == 1 and isinstance(outputs[0], torch.fx.Node) else None
    if not isinstance(loss, Tensor) or loss.dim() or not loss.is_floating_point():
        what = f"a tensor of shape {list(loss.shape)}" if isinstance(loss, Tensor) else f"{len(outputs)} results"
        raise UsageError(f"the loss must be one number, it is {what}", hint="reduce it, by loss.mean() for example")
    for node in program.graph.nodes:
        if _draws(node):
            raise UnsupportedError(
                f"the model draws random numbers ({node.target}), which a compiled step can't repeat",
                where=describe_node(node),
                hint="set the dropout's p to 0, or draw outside and pass the numbers as an argument",
            )


def _draws(node: torch.fx.Node) -> bool:
    """Whether ``node`` takes numbers from PyTorch's generator; dropout does so in training and at a p above 0."""
    operator = node.target
    if not isinstance(operator, torch._ops.OpOverload) or torch.Tag.nondeterministic_seeded not in operator.tags:
        return False
    given = {argument.name: argument.default_value for argument in operator._schema.arguments}
    given |= dict(zip(given, node.args, strict=False)) | node.kwargs
    switched_off = given.get("train") is False or given.get("training") is False
    return not switched_off and given.get("p", given.get("dropout_p")) != 0


def _positional(model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    """Names of positional arguments, those of ``*args`` numbered."""
    try:
        bound = inspect.signature(model.forward).bind(*args, **kwargs).args
        parameters = list(inspect.signature(model.forward).parameters.values())
    except TypeError as error:
        raise ImportFailure(
            f"the example arguments do not fit {type(model).__name__}.forward: {error}",
            hint="step(inputs, target): all arguments but the last go to the model, the last to the loss",
        ) from None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [parameter.name for parameter in parameters if parameter.kind in kinds][: len(args)]
    assert len(bound) >= len(args)
    return names + [f"input_{index}" for index in range(len(names), len(args))]
