"""The model that one training step is: parameters and optimiser state are its buffers, which every call changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.export.graph_signature import InputKind
from torch.utils import _pytree as pytree

from stepwell.frontend.training.joint import Joint, Objective, differentiate, take, value_of
from stepwell.frontend.training.optimizers import Rule, rule_for
from stepwell.support.errors import UsageError

RATE = "learning_rate"
"""Name of the argument with the learning rate; numbered where the optimiser has several groups."""


class StepModule(torch.nn.Module):
    """Takes the model's arguments, the target, a learning rate for each parameter group and keywords; gives the loss.

    Buffers: ``model.NAME`` and ``loss.NAME`` as the model and the loss have them, ``optimizer.KEY.NAME`` for what the
    optimiser keeps of the parameter ``NAME``.

    Attributes:
        arguments: names of all arguments, in order.
        owners: name of a parameter or buffer -> the name under which it is kept; they differ for tied ones.
        rules: name of a trained parameter -> its update, and the index of its group.
        kept: name of a trained parameter -> what the optimiser keeps of it.
    """

    def __init__(
        self, joint: Joint, objective: Objective, optimizer: torch.optim.Optimizer, keywords: Sequence[str]
    ) -> None:
        super().__init__()
        self._joint = joint
        self.owners: dict[str, str] = {}
        self.rules: dict[str, tuple[Rule, int]] = {}
        self.kept: dict[str, tuple[str, ...]] = {}
        trained = self._hold_model()
        for index, group in enumerate(optimizer.param_groups):
            rule = rule_for(optimizer, group)
            for parameter in group["params"]:
                if id(parameter) in trained:
                    name = trained[id(parameter)]
                    self.rules[name] = rule, index
                    self._hold_state(name, rule.resume(parameter.detach(), optimizer.state.get(parameter, {})))
        names, rates = objective.names, rate_names(optimizer)
        self._given = len(names)
        self.arguments = [*names, *rates, *keywords]
        take(self, [*names, *rates], keywords)

    def forward(self, *given: Any, **named: Any) -> Tensor:
        """The loss; buffers change."""
        return self._step(pytree.tree_leaves((given[: self._given], named)), given[self._given :])

    def _hold_model(self) -> dict[int, str]:
        """Take copies of parameters and buffers; the names of trained ones by their identity."""
        owners: dict[int, str] = {}
        for spec in self._joint.program.graph_signature.input_specs:
            if spec.kind == InputKind.USER_INPUT:
                continue
            name = str(spec.target)
            value = value_of(self._joint.program, name)
            self.owners[name] = owners.setdefault(id(value), name)
            if self.owners[name] == name:
                hold(self, name, value.detach().clone())
        trained = {self.owners[name] for name in self._joint.parameters}
        return {identity: name for identity, name in owners.items() if name in trained}

    def _hold_state(self, name: str, state: Mapping[str, Tensor]) -> None:
        self.kept[name] = tuple(state)
        for key, value in state.items():
            hold(self, state_name(key, name), value)

    def _step(self, leaves: Sequence[Any], rates: Sequence[Tensor]) -> Tensor:
        remaining = iter(leaves)
        specs = self._joint.program.graph_signature.input_specs
        arguments = [
            next(remaining) if spec.kind == InputKind.USER_INPUT else self.get_buffer(self.owners[str(spec.target)])
            for spec in specs
        ]
        with torch.fx.traceback.preserve_node_meta():  # messages name the model's lines
            loss, *gradients = torch.fx.Interpreter(self._joint.graph).run(*arguments)
            totals: dict[str, Tensor] = {}
            for name, gradient in zip(self._joint.parameters, gradients, strict=True):
                owner = self.owners[name]
                totals[owner] = totals[owner] + gradient if owner in totals else gradient
            for name, gradient in totals.items():
                rule, group = self.rules[name]
                state = {key: self.get_buffer(state_name(key, name)) for key in self.kept[name]}
                rule.update(self.get_buffer(name), gradient, state, rates[group])
        assert isinstance(loss, Tensor)
        return loss


def step_module(
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    dynamic_shapes: Mapping[str, Any] | None,
) -> StepModule:
    """One step of ``optimizer`` on ``objective``, with their values of now.

    Raises:
        UsageError: the optimiser has a parameter that the model does not have.
        stepwell.Error: as :func:`differentiate` and :func:`rule_for`.
    """
    names = {id(value): name for name, value in objective.named_parameters()}
    moved = {id(parameter): parameter for group in optimizer.param_groups for parameter in group["params"]}
    strangers = [parameter for identity, parameter in moved.items() if identity not in names]
    if strangers:
        raise UsageError(
            f"the optimizer moves a parameter of shape {list(strangers[0].shape)} that the model does not have",
            hint="make the optimizer of model.parameters(), after the model is in its final form",
        )
    for group in optimizer.param_groups:
        rule_for(optimizer, group)
    trained = {
        name
        for name, value in objective.named_parameters(remove_duplicate=False)
        if id(value) in moved and value.requires_grad
    }
    joint = differentiate(objective, args, kwargs, dynamic_shapes, trained)
    return StepModule(joint, objective, optimizer, list(kwargs))


def rate_names(optimizer: torch.optim.Optimizer) -> list[str]:
    """Names of the arguments with learning rates: one, or one for each parameter group."""
    groups = len(optimizer.param_groups)
    return [RATE] if groups == 1 else [f"{RATE}_{index}" for index in range(groups)]


def state_name(key: str, name: str) -> str:
    """Name of the buffer with what the optimiser keeps under ``key`` of the parameter ``name``."""
    return f"optimizer.{key}.{name}"


def hold(root: torch.nn.Module, path: str, value: Tensor) -> None:
    """Register ``value`` as the buffer ``path``, whose dots are modules."""
    *folders, name = path.split(".")
    for folder in folders:
        if folder not in root._modules:
            root.add_module(folder, torch.nn.Module())
        child = root._modules[folder]
        assert child is not None
        root = child
    root.register_buffer(name, value)
