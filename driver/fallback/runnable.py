"""Running a divided graph: compiled regions where there are any, PyTorch for the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import GraphModule

from stepwell.backends.base import Runnable
from stepwell.driver.executable import Executable
from stepwell.frontend.regions import Divided
from stepwell.support.carried import carried, restored
from stepwell.support.signature import Signature


class CompiledRegion:
    """An executable in the place of a submodule.

    Args:
        passed: which of the submodule's arguments the executable takes; it has the weights itself.
    """

    def __init__(self, executable: Executable, passed: Sequence[int]) -> None:
        self.executable = executable
        self._plan = executable.plan("main")
        self._passed = tuple(passed)

    def open(self) -> torch.nn.Module:
        """The region with temporary memory of its own."""
        return _OpenRegion(self)

    def run(self, session: Any, arguments: Sequence[Any]) -> tuple[Any, ...]:
        """The submodule's results."""
        inputs = self._plan.check([arguments[index] for index in self._passed])
        results = self.executable.runnable.run(session, "main", inputs)
        given: tuple[Any, ...] = self._plan.unflatten(inputs, results)
        return given


class _OpenRegion(torch.nn.Module):
    def __init__(self, region: CompiledRegion) -> None:
        super().__init__()
        self._region = region
        self._session = region.executable.runnable.new_session()

    def forward(self, *arguments: Any) -> tuple[Any, ...]:
        return self._region.run(self._session, arguments)


@dataclass
class _State:
    """Of one session: the graph on regions that it alone runs, and the values of mutable buffers."""

    graph: GraphModule
    buffers: dict[str, torch.Tensor]


class DividedRunnable(Runnable):
    """A graph of regions.

    Args:
        regions: the compiled ones by name; others run in PyTorch, as what is in no region does.
        signature: the boundary of the whole.
    """

    def __init__(self, divided: Divided, regions: Mapping[str, CompiledRegion], signature: Signature) -> None:
        self._graph, self._roles = divided.graph, divided.placeholders
        self._regions = dict(regions)
        self._signature = signature
        # What PyTorch computes with stays what it was, as the weights of compiled regions do.
        self._held = {
            value: divided.values[value].detach().clone()
            for node, (kind, value) in zip(self._graph.graph.find_nodes(op="placeholder"), self._roles, strict=True)
            if kind in ("weight", "literal") and any(str(user.target) not in self._regions for user in node.users)
        }
        self._initial = {spec.name: divided.values[f"state:{spec.name}"].detach() for spec in signature.states}

    def new_session(self) -> _State:
        return self._open({name: value.clone() for name, value in self._initial.items()})

    def clone_session(self, session: _State) -> _State:
        return self._open({name: value.clone() for name, value in session.buffers.items()})

    def run(self, session: _State, entry: str, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        with torch.no_grad():
            made = session.graph(*(self._argument(session, inputs, *role) for role in self._roles))
        count = len(self._signature.results)
        # Whoever has a result may write into it; weights and buffers must stay what they are then.
        ours = {_storage(tensor) for tensor in self._held.values()}
        results = [carried(_apart(_as_tensor(value), ours)) for value in made[:count]]
        theirs = ours | {_storage(tensor) for tensor in (*inputs, *results)}
        for spec, value in zip(self._signature.states, made[count:], strict=True):
            session.buffers[spec.name] = _apart(value, theirs)
        return results

    def state(self, session: _State, name: str) -> torch.Tensor:
        if name not in session.buffers:
            return super().state(session, name)
        return carried(session.buffers[name].clone())

    def _argument(self, session: _State, inputs: Sequence[torch.Tensor], kind: str, value: Any) -> Any:
        if kind == "input":
            spec = self._signature.inputs[value]
            if spec.scalar:
                return inputs[value].item()
            return restored(inputs[value], spec) if spec.unsigned else inputs[value]  # the graph has pairs itself
        if kind == "state":
            return session.buffers[value]
        return value if kind == "constant" else self._held.get(value)

    def _open(self, buffers: dict[str, torch.Tensor]) -> _State:
        root: dict[str, Any] = {}
        for node in self._graph.graph.nodes:
            if node.op in ("call_module", "get_attr"):
                name = str(node.target)
                root[name] = self._regions[name].open() if name in self._regions else _attribute(self._graph, name)
        return _State(GraphModule(root, self._graph.graph), buffers)


def _attribute(module: Any, name: str) -> Any:
    for part in name.split("."):
        module = getattr(module, part)
    return module


def _apart(tensor: torch.Tensor, storages: set[int]) -> torch.Tensor:
    """``tensor``, or a copy where it shares memory with one of ``storages``."""
    return tensor.clone() if _storage(tensor) in storages else tensor


def _storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage()._cdata if tensor.layout is torch.strided else id(tensor)


def _as_tensor(value: Any) -> torch.Tensor:
    """A result of a graph: a number is a tensor without dimensions at the boundary."""
    if isinstance(value, torch.Tensor):
        return value
    return torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else None)
