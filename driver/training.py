"""``stepwell.compile_step``: forward pass, gradients and the optimiser's update as one compiled program."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stepwell.backends.target import Target
from stepwell.driver import api
from stepwell.driver.executable import Executable, Session
from stepwell.frontend.training.joint import Objective
from stepwell.frontend.training.optimizers import fixed_options
from stepwell.frontend.training.program import StepModule, rate_names, state_name, step_module
from stepwell.passes.pipeline import Pipeline
from stepwell.support.errors import UsageError

_MODEL = "model."


@dataclass(frozen=True)
class _Options:
    """How a step is compiled, as :func:`stepwell.compile` takes it."""

    target: str | Target
    dynamic_shapes: Any
    pipeline: Pipeline | str | None
    dump_ir: str | Path | None
    cache: bool


class TrainingStep:
    """A compiled training step; parameters, buffers and optimiser state are its own and change with every call.

    The model and the optimiser that it was made of stay as they are until :meth:`write_back`. Learning rates are those
    that ``optimizer.param_groups`` have at the time of a call, so that PyTorch's schedulers work; all other options
    are fixed.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        loss: Callable[..., Any] | None,
        optimizer: torch.optim.Optimizer,
        options: _Options,
    ) -> None:
        self._model, self._loss, self._optimizer, self._options = model, loss, optimizer, options
        self._fixed = [fixed_options(group) for group in optimizer.param_groups]
        self._compiled: tuple[Executable, Session, StepModule] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """Make one step: the last positional argument goes to the loss, all others and the keywords to the model.

        Returns:
            The loss before the update, without dimensions.
        """
        self._check_options()
        if self._compiled is None:
            self.compile(args, kwargs)
        _, session, _ = self._parts
        loss = session.run("main", *args, *self._rates(), **kwargs)
        assert isinstance(loss, Tensor)
        return loss

    def compile(self, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None = None) -> None:
        """Compile for example arguments, with the values that model and optimiser have now."""
        keywords = dict(kwargs or {})
        objective = Objective(self._model, self._loss, tuple(args), keywords)
        rates = rate_names(self._optimizer)
        shapes = _by_name(self._options.dynamic_shapes, [*objective.names, *keywords])
        module = step_module(objective, self._optimizer, tuple(args), keywords, shapes)
        options = self._options
        executable = api.compile(
            module, (*args, *self._rates()), keywords, target=options.target, pipeline=options.pipeline,
            dynamic_shapes=None if shapes is None else shapes | dict.fromkeys(rates), dump_ir=options.dump_ir,
            cache=options.cache,
        )  # fmt: skip
        self._compiled = executable, executable.new_session(), module

    @property
    def executable(self) -> Executable:
        """What was compiled; its arguments are the step's and then the learning rates, float64 of no dimension."""
        return self._parts[0]

    def parameters(self) -> Iterator[Tensor]:
        """Current values in the order of ``model.parameters()``."""
        return (self._value(_MODEL + name, value) for name, value in self._model.named_parameters())

    def state_dict(self) -> dict[str, Tensor]:
        """Current values of parameters and buffers, named as the model's ``state_dict``."""
        return {
            name: self._value(_MODEL + name, value) if isinstance(value, Tensor) else value
            for name, value in self._model.state_dict(keep_vars=True).items()
        }

    def optimizer_state_dict(self) -> dict[str, Any]:
        """The optimiser's ``state_dict`` after the steps made: a PyTorch optimiser of the same class loads it."""
        _, session, module = self._parts
        result = self._optimizer.state_dict()
        names = {id(value): name for name, value in self._objective_parameters()}
        states: dict[int, Any] = {}
        parameters = [parameter for group in self._optimizer.param_groups for parameter in group["params"]]
        for index, parameter in enumerate(parameters):
            name = module.owners.get(names[id(parameter)], "")
            if name in module.rules:
                rule, _ = module.rules[name]
                kept = {key: session.state(state_name(key, name)).clone() for key in module.kept[name]}
                states[index] = rule.as_torch(kept)
            elif index in result["state"]:
                states[index] = result["state"][index]
        return {**result, "state": {index: state for index, state in states.items() if state}}

    def write_back(self) -> None:
        """Copy current values into the model and the optimiser that the step was made of."""
        with torch.no_grad():
            for name, value in [*self._model.named_parameters(), *self._model.named_buffers()]:
                value.copy_(self._value(_MODEL + name, value))
        self._optimizer.load_state_dict(self.optimizer_state_dict())

    def reset(self) -> None:
        """Go back to the values that the step was compiled with."""
        self._parts[1].reset()

    def save(self, folder: str | Path) -> None:
        """Write the artifact folder of :attr:`executable`; it starts with the values that the step was compiled with.

        Raises:
            ArtifactError: the folder can't be written. ToolError: a linker is missing.
        """
        self.executable.save(folder)

    @property
    def _parts(self) -> tuple[Executable, Session, StepModule]:
        if self._compiled is None:
            raise UsageError(
                "the step is not compiled yet", hint="call it once, or give compile_step example arguments as args="
            )
        return self._compiled

    def _value(self, name: str, fallback: Tensor) -> Tensor:
        """A value by its name in the step; ``fallback`` where no step changes it."""
        executable, session, module = self._parts
        owner = module.owners.get(name, name)
        if any(spec.name == owner for spec in executable.signatures["main"].states):
            current: Tensor = session.state(owner)
            return current.clone()
        return fallback.detach().clone()

    def _objective_parameters(self) -> Iterator[tuple[str, Tensor]]:
        for name, value in self._model.named_parameters():
            yield _MODEL + name, value
        if isinstance(self._loss, torch.nn.Module):
            for name, value in self._loss.named_parameters():
                yield f"loss.{name}", value

    def _rates(self) -> list[Tensor]:
        return [torch.as_tensor(group["lr"], dtype=torch.float64) for group in self._optimizer.param_groups]

    def _check_options(self) -> None:
        for index, (fixed, group) in enumerate(zip(self._fixed, self._optimizer.param_groups, strict=False)):
            for name, value in fixed_options(group).items():
                if value != fixed.get(name):
                    raise UsageError(
                        f"'{name}' of parameter group {index} is {value}, the step was made with {fixed.get(name)}",
                        hint="only learning rates may change between steps; make another step with compile_step",
                    )


def compile_step(
    model: torch.nn.Module,
    loss: Callable[..., Any] | None,
    optimizer: torch.optim.Optimizer,
    args: tuple[Any, ...] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    target: str | Target = "cpu",
    dynamic_shapes: Any = None,
    pipeline: Pipeline | str | None = None,
    dump_ir: str | Path | None = None,
    cache: bool = True,
) -> TrainingStep:
    """Compile a training step: ``step(x, y)`` computes ``loss(model(x), y)``, its gradients, and updates parameters.

    Args:
        model: what is trained, in the mode (``train()`` or ``eval()``) that it is in.
        loss: called with the model's result and the last positional argument of the step; gives one number. None
            for a model that gives its loss itself: it gets all arguments.
        optimizer: ``torch.optim.SGD``, ``Adam`` or ``AdamW`` on the model's parameters; its state is taken over.
        args, kwargs: example arguments of the step; without them the first call compiles.
        target, pipeline, dump_ir, cache: as for :func:`stepwell.compile`.
        dynamic_shapes: which sizes of the step's arguments may vary, as ``torch.export.export`` takes it.

    Raises:
        UnsupportedError: another optimiser, or a model that draws random numbers (dropout).
        UsageError: the loss is not one number, or the optimiser moves what the model does not have.
        stepwell.Error: as :func:`stepwell.compile`.
    """
    step = TrainingStep(model, loss, optimizer, _Options(target, dynamic_shapes, pipeline, dump_ir, cache))
    if args is not None:
        step.compile(args, kwargs)
    return step


def _by_name(dynamic_shapes: Any, names: list[str]) -> dict[str, Any] | None:
    """``dynamic_shapes`` for each argument.

    Raises:
        UsageError: it has another number of arguments.
    """
    if dynamic_shapes is None:
        return None
    if isinstance(dynamic_shapes, Mapping):
        return dict(dynamic_shapes)
    if len(dynamic_shapes) != len(names):
        raise UsageError(
            f"dynamic_shapes is for {len(dynamic_shapes)} arguments, the step has {len(names)}: {', '.join(names)}",
            hint="give one for each, None where nothing varies",
        )
    return dict(zip(names, dynamic_shapes, strict=True))
