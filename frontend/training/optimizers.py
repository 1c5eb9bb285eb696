"""Update rules of PyTorch's optimisers for tracing: state and learning rate are tensors, all else is fixed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from stepwell.support.errors import UnsupportedError

# Options that say how PyTorch runs an update, not what it computes.
_ABOUT_RUNNING = ("foreach", "fused", "capturable", "initial_lr", "lr", "params", "param_names")


class Rule(ABC):
    """How one parameter moves; ``options`` are those of its group, under PyTorch's names."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options

    @abstractmethod
    def state(self, parameter: Tensor) -> dict[str, Tensor]:
        """What is kept for ``parameter`` before the first step, under PyTorch's names."""

    def resume(self, parameter: Tensor, kept: Mapping[str, Any]) -> dict[str, Tensor]:
        """What is kept for ``parameter`` after steps that PyTorch's optimiser has made; ``kept`` is its state."""
        return {
            name: kept[name].detach().clone() if isinstance(kept.get(name), Tensor) else fresh
            for name, fresh in self.state(parameter).items()
        }

    def as_torch(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``state`` as PyTorch's optimiser has it."""
        return dict(state)

    @abstractmethod
    def update(self, parameter: Tensor, gradient: Tensor, state: Mapping[str, Tensor], rate: Tensor) -> None:
        """Change ``parameter`` and ``state`` in place; ``rate`` is the learning rate, a float64 of no dimension."""

    def _ascent(self, gradient: Tensor) -> Tensor:
        return -gradient if self.options["maximize"] else gradient


class StochasticGradientDescent(Rule):
    """``torch.optim.SGD`` with momentum, dampening, Nesterov's momentum and weight decay."""

    def state(self, parameter: Tensor) -> dict[str, Tensor]:
        """A momentum buffer, where there is momentum."""
        if not self.options["momentum"]:
            return {}
        buffers = {"momentum_buffer": torch.zeros_like(parameter)}
        # PyTorch's first step takes the gradient undampened.
        return buffers | {"started": torch.zeros((), dtype=parameter.dtype)}

    def resume(self, parameter: Tensor, kept: Mapping[str, Any]) -> dict[str, Tensor]:
        """A buffer that is there has been started."""
        state = super().resume(parameter, kept)
        if isinstance(kept.get("momentum_buffer"), Tensor):
            state["started"].fill_(1)
        return state

    def as_torch(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """No buffer before the first step."""
        return {"momentum_buffer": state["momentum_buffer"]} if state and state["started"] else {}

    def update(self, parameter: Tensor, gradient: Tensor, state: Mapping[str, Tensor], rate: Tensor) -> None:
        """One step."""
        gradient = self._ascent(gradient)
        if self.options["weight_decay"]:
            gradient = gradient + self.options["weight_decay"] * parameter
        momentum = self.options["momentum"]
        if momentum:
            buffer = state["momentum_buffer"]
            buffer.mul_(momentum).add_(gradient * (1 - self.options["dampening"] * state["started"]))
            state["started"].fill_(1)
            gradient = gradient + momentum * buffer if self.options["nesterov"] else buffer
        parameter.sub_(rate.to(parameter.dtype) * gradient)


class Adam(Rule):
    """``torch.optim.Adam`` and ``AdamW`` (Kingma and Ba, 2014; Loshchilov and Hutter, 2017), AMSGrad included."""

    def state(self, parameter: Tensor) -> dict[str, Tensor]:
        """Running moments and the number of steps."""
        moments = ["exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if self.options["amsgrad"] else [])]
        return {"step": torch.zeros(())} | {name: torch.zeros_like(parameter) for name in moments}

    def update(self, parameter: Tensor, gradient: Tensor, state: Mapping[str, Tensor], rate: Tensor) -> None:
        """One step; bias corrections in float64, as PyTorch has them in Python numbers."""
        gradient = self._ascent(gradient)
        decay = self.options["weight_decay"]
        if decay and self.options["decoupled_weight_decay"]:
            parameter.mul_((1 - rate * decay).to(parameter.dtype))
        elif decay:
            gradient = gradient + decay * parameter
        first, second = self.options["betas"]
        state["step"].add_(1)
        steps = state["step"].to(torch.float64)
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean.add_((1 - first) * (gradient - mean))
        square.mul_(second).add_((1 - second) * gradient * gradient)
        if self.options["amsgrad"]:
            state["max_exp_avg_sq"].copy_(torch.maximum(state["max_exp_avg_sq"], square))
            square = state["max_exp_avg_sq"]
        correction = (1 - second**steps).sqrt().to(parameter.dtype)
        length = (rate / (1 - first**steps)).to(parameter.dtype)
        parameter.sub_(length * mean / (square.sqrt() / correction + self.options["eps"]))


_RULES: dict[type[torch.optim.Optimizer], type[Rule]] = {
    torch.optim.SGD: StochasticGradientDescent,
    torch.optim.Adam: Adam,
    torch.optim.AdamW: Adam,
}


def rule_for(optimizer: torch.optim.Optimizer, group: Mapping[str, Any]) -> Rule:
    """The rule of one parameter group.

    Raises:
        UnsupportedError: an optimiser of another class, or an option that only eager PyTorch has.
    """
    rule = _RULES.get(type(optimizer))  # a subclass may do anything
    if rule is None:
        known = ", ".join(kind.__name__ for kind in _RULES)
        raise UnsupportedError(
            f"there is no compiled update for the optimizer {type(optimizer).__name__}",
            hint=f"use one of torch.optim's {known}, or compile the model with torch.compile(backend='stepwell')",
        )
    if group.get("differentiable"):
        raise UnsupportedError("a compiled step is not differentiable", hint="leave differentiable=True out")
    return rule(fixed_options(group))


def fixed_options(group: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a group that its compiled update keeps for ever; tensors among them as numbers."""
    return {name: _number(value) for name, value in group.items() if name not in _ABOUT_RUNNING}


def _number(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_number(item) for item in value)
    return value.item() if isinstance(value, Tensor) else value
