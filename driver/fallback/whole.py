"""A model that torch.export or the import refuses, as one region in PyTorch."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch.utils import _pytree as pytree

from stepwell.backends.base import Runnable
from stepwell.driver.calling import CallPlan
from stepwell.support.errors import UsageError
from stepwell.support.signature import Signature

#: Nothing is known of the boundary: arguments go to the model as they come.
UNKNOWN = Signature((), ())


class PassOn(CallPlan):
    """Hands a call on as it came, and the model's result back: the model may write into its arguments."""

    takes_tensors = False

    def __init__(self) -> None:
        super().__init__(UNKNOWN)

    def flatten(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        return [args, kwargs]

    def unflatten(self, inputs: Sequence[Any], results: Sequence[Any]) -> Any:
        return results[0]


class WholeRunnable(Runnable):
    """A copy of a model; sessions have copies of all but its parameters.

    Raises:
        UsageError: the model can't be copied.
        Exception: whatever the model raises on its example arguments.
    """

    def __init__(self, model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            self._model = copy.deepcopy(model)
        except Exception as failure:  # anything that the model holds may refuse
            raise UsageError(
                f"the model can't be copied, so PyTorch can't run it for sessions of their own: {failure}",
                hint="keep what can't be copied out of the module's attributes",
            ) from failure
        example = pytree.tree_map_only(torch.Tensor, torch.Tensor.clone, (args, kwargs))
        with torch.random.fork_rng(devices=[]):
            self.run(self.new_session(), "main", example)

    def new_session(self) -> torch.nn.Module:
        return self.clone_session(self._model)

    def clone_session(self, session: torch.nn.Module) -> torch.nn.Module:
        return copy.deepcopy(session, {id(parameter): parameter for parameter in session.parameters()})

    def run(self, session: torch.nn.Module, entry: str, inputs: Sequence[Any]) -> list[Any]:
        args, kwargs = inputs
        with torch.no_grad():
            return [session(*args, **kwargs)]

    def state(self, session: torch.nn.Module, name: str) -> torch.Tensor:
        found = dict(session.named_buffers())
        return found[name].clone() if name in found else super().state(session, name)
