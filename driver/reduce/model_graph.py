"""Shrinking a model: its graph from both ends, then node by node, then sizes and values."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import fx

from stepwell.driver.reduce.candidate import Candidate
from stepwell.driver.reduce.chunks import leave_out

Change = Callable[[Candidate], None]

# What a change that does not fit can raise, in fx or when the shrunk graph is run once.
_MISFITS = (RuntimeError, TypeError, ValueError, IndexError, KeyError, StopIteration, AttributeError)


class ModelShrinker:
    """Shrinks a candidate as long as it stays of interest.

    Args:
        fails: whether a candidate fails as the model does.
    """

    def __init__(self, candidate: Candidate, fails: Callable[[Candidate], bool]) -> None:
        self.candidate = candidate
        self._fails = fails
        self._values = candidate.values()

    def shrink(self) -> None:
        """All reductions in turns until none helps."""
        while any([self._end(), self._start(), self._results(), self._nodes(), self._sizes()]):
            pass
        self._plain_values()

    def _try(self, change: Change) -> bool:
        candidate = self.candidate.copy()
        try:
            change(candidate)
            candidate.tidy()
            values = candidate.values()
        except _MISFITS:
            return False
        if not self._fails(candidate):
            return False
        self.candidate, self._values = candidate, values
        return True

    def _end(self) -> bool:
        """The shortest beginning that fails, by bisection; it returns what the rest would read."""
        return self._bisect(lambda keep: lambda candidate: _cut_end(candidate, keep, self._values))

    def _start(self) -> bool:
        """The shortest ending that fails; what it reads becomes inputs."""

        def change(keep: int) -> Change:
            def cut(candidate: Candidate) -> None:
                for node in candidate.calls[: len(candidate.calls) - keep]:
                    self._to_input(candidate, node)

            return cut

        return self._bisect(change)

    def _bisect(self, change: Callable[[int], Change]) -> bool:
        """Keep fewer calls: as few as bisection finds."""
        shrunk = False
        low, high = 1, len(self.candidate.calls)
        while low < high:
            middle = (low + high) // 2
            if self._try(change(middle)):
                shrunk = True
                high = min(middle, len(self.candidate.calls))
            else:
                low = middle + 1
        return shrunk

    def _results(self) -> bool:
        def without(start: int, end: int) -> bool:
            def change(candidate: Candidate) -> None:
                results = candidate.results
                rest = tuple(results[:start] + results[end:])
                if not rest:
                    raise ValueError("nothing to return")
                candidate.graph.output_node().args = (rest,)

            return self._try(change)

        return leave_out(lambda: len(self.candidate.results), without)

    def _nodes(self) -> bool:
        """Calls left out: an operand like the result takes its place, or an input does."""

        def without(start: int, end: int) -> bool:
            def by_operands(candidate: Candidate) -> None:
                for node in reversed(candidate.calls[start:end]):
                    alike = self._operand_like(node)
                    if alike is None:
                        self._to_input(candidate, node)
                    else:
                        _replace(candidate, node, alike)

            def by_inputs(candidate: Candidate) -> None:
                for node in reversed(candidate.calls[start:end]):
                    self._to_input(candidate, node)

            return self._try(by_operands) or self._try(by_inputs)

        return leave_out(lambda: len(self.candidate.calls), without)

    def _to_input(self, candidate: Candidate, node: fx.Node) -> None:
        value = self._values[node.name]
        if not isinstance(value, torch.Tensor):
            return  # a list of tensors, or a size: it goes when its readers have gone
        if not node.users:
            return
        with candidate.graph.inserting_before(next(iter(candidate.graph.nodes))):
            new = candidate.graph.placeholder(f"{node.name}_input")
        candidate.inputs.insert(0, value)
        candidate.dynamic.insert(0, frozenset())
        self._values.setdefault(new.name, value)
        _replace(candidate, node, new)

    def _operand_like(self, node: fx.Node) -> fx.Node | None:
        wanted = self._values[node.name]
        for operand in node.all_input_nodes:
            value = self._values.get(operand.name)
            if not isinstance(value, torch.Tensor) or not isinstance(wanted, torch.Tensor):
                continue
            if (value.shape, value.dtype) == (wanted.shape, wanted.dtype):
                return operand
        return None

    def _sizes(self) -> bool:
        """Each size, wherever it stands in inputs, weights and constants, becomes 1, 2 or half of it."""
        shrunk = False
        tensors = [*self.candidate.inputs, *self.candidate.weights.values()]
        for size in sorted({size for tensor in tensors for size in tensor.shape if size > 1}, reverse=True):
            smaller = sorted({1, 2, size // 2} - {size})
            shrunk |= any(self._try(partial(_resize, size=size, new=new)) for new in smaller)
        return shrunk

    def _plain_values(self) -> None:
        """Ones, or else numbers from 0 up, where it does not matter what the values are."""
        for index, tensor in enumerate(self.candidate.inputs):
            for value in _plain(tensor):
                if self._try(partial(_set_input, index=index, value=value)):
                    break
        for name, tensor in self.candidate.weights.items():
            for value in _plain(tensor):
                if self._try(partial(_set_weight, name=name, value=value)):
                    break


def _replace(candidate: Candidate, node: fx.Node, other: fx.Node) -> None:
    node.replace_all_uses_with(other)
    candidate.graph.erase_node(node)


def _cut_end(candidate: Candidate, keep: int, values: dict[str, Any]) -> None:
    kept = candidate.calls[:keep]
    gone = {*candidate.calls[keep:], candidate.graph.output_node()}
    results = [
        node
        for node in kept
        if isinstance(values[node.name], torch.Tensor) and (not node.users or gone & {*node.users})
    ]
    if not results:
        raise ValueError("nothing to return")
    candidate.graph.output_node().args = (tuple(results),)
    for node in reversed(candidate.calls[keep:]):
        candidate.graph.erase_node(node)


def _resize(candidate: Candidate, size: int, new: int) -> None:
    def narrow(tensor: torch.Tensor) -> torch.Tensor:
        for axis, actual in enumerate(tensor.shape):
            if actual == size:
                tensor = tensor.narrow(axis, 0, new)
        return tensor.clone()

    def constant(value: Any) -> Any:
        return new if type(value) is int and value == size else value

    candidate.inputs = [narrow(value) for value in candidate.inputs]
    candidate.weights = {name: narrow(value) for name, value in candidate.weights.items()}
    for node in candidate.calls:
        node.args = fx.node.map_aggregate(node.args, constant)
        node.kwargs = fx.node.map_aggregate(node.kwargs, constant)


def _set_input(candidate: Candidate, index: int, value: torch.Tensor) -> None:
    candidate.inputs[index] = value


def _set_weight(candidate: Candidate, name: str, value: torch.Tensor) -> None:
    candidate.weights[name] = value


def _plain(value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    count = torch.arange(value.numel()) % (2 if value.dtype is torch.bool else 100)
    return torch.ones_like(value), count.reshape(value.shape).to(value.dtype)
