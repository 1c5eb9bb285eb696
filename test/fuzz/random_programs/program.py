"""A random program, and how one grows operator by operator."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import fx

FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
INTEGERS = (torch.int64, torch.int32, torch.int8, torch.uint8)
NARROW = (torch.float16, torch.bfloat16)

#: Elements beyond which a value is not used further, so that interpreters stay quick.
_MOST_ELEMENTS = 2000
#: How many sums an input may go through and still have the same digits in every dtype.
_EXACT = 2

T = TypeVar("T")

Choose = Callable[[int, int], int]
"""A whole number from the first to the second, both included: by hypothesis, or by a generator."""


@dataclass
class Program:
    """A graph with its inputs, at one size or, where a size is dynamic, at two.

    Attributes:
        sizes: the inputs of one call each; more than one where ``dynamic`` says which sizes vary.
        dynamic: as ``torch.export`` takes dynamic shapes; None where there are none.
    """

    module: fx.GraphModule
    sizes: list[tuple[torch.Tensor, ...]]
    dynamic: tuple[dict[int, Any] | None, ...] | None

    def __repr__(self) -> str:
        shapes = [[f"{str(x.dtype)[6:]}{list(x.shape)}" for x in inputs] for inputs in self.sizes]
        return f"inputs {shapes}, dynamic {self.dynamic}\n{self.module.code.strip()}"


class Builder:
    """Grows a graph; each node holds the values it has (one of each size), so that every operator fits.

    ``meta["exact"]`` of a node counts the sums that may still follow before rounding shows: what rounding would flip
    (comparisons, places of extrema, conversions to integers) is done to exact values only.
    """

    def __init__(self, choose: Choose, dynamic: bool) -> None:
        self._choose = choose
        self.root = torch.nn.Module()
        self.graph = fx.Graph()
        self.nodes: list[fx.Node] = []
        self.inputs: list[tuple[torch.Tensor, ...]] = []
        self.shown: list[fx.Node] = []
        self.dynamic: list[dict[int, Any] | None] = []
        self.lengths = (self.integer(2, 6), self.integer(7, 9)) if dynamic else ()
        self.generator = torch.Generator().manual_seed(self.integer(0, 2**31 - 1))
        self._kept: set[int] = set()  # storages that must not be changed

    def integer(self, low: int, high: int) -> int:
        """From ``low`` to ``high``, both included."""
        return self._choose(low, high)

    def pick(self, choices: Sequence[T]) -> T:
        """One of ``choices``."""
        return choices[self._choose(0, len(choices) - 1)]

    def chance(self, one_in: int) -> bool:
        """True once in so many."""
        return self.integer(1, one_in) == one_in

    def data(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        """Random values whose digits all dtypes hold: quarters below 4 for floating point."""
        if dtype.is_floating_point:
            return (torch.randint(-16, 17, tuple(shape), generator=self.generator) / 4).to(dtype)
        low, high = (0, 2) if dtype is torch.bool else (0, 10) if dtype is torch.uint8 else (-9, 10)
        return torch.randint(low, high, tuple(shape), generator=self.generator).to(dtype)

    def add_input(self, shape: Sequence[int | None], dtype: torch.dtype) -> None:
        """An input; None is the dynamic size. Once in a while it holds numbers that are none."""
        special = dtype.is_floating_point and self.chance(12)
        values = []
        for length in self.lengths or (0,):
            value = self.data([length if size is None else size for size in shape], dtype)
            if special and value.numel():
                value.view(-1)[0] = self.pick([float("nan"), float("inf"), float("-inf"), -0.0])
            values.append(value)
        node = self.graph.placeholder(f"x{len(self.inputs)}")
        axes = {axis: torch.export.Dim.DYNAMIC for axis, size in enumerate(shape) if size is None}
        self.dynamic.append(axes or None)
        self.inputs.append(tuple(value.clone() for value in values))
        self._add(node, tuple(values), _EXACT, keep=True)

    def constant(self, shape: Sequence[int], dtype: torch.dtype, *, state: bool = False) -> fx.Node:
        """A buffer of the model: a constant, or with ``state`` one that the program may change."""
        name = f"{'state' if state else 'weight'}{len(list(self.root.buffers()))}"
        value = self.data(shape, dtype)
        self.root.register_buffer(name, value)
        node = self.graph.get_attr(name)
        return self._add(node, tuple(value.clone() for _ in self.lengths or (0,)), _EXACT, keep=not state)

    def call(self, target: Any, *args: Any, exact: int = 0, show: bool = False, **kwargs: Any) -> fx.Node | None:
        """Append ``target`` of nodes and constants; None where it does not take them at every size.

        Args:
            target: a function, or the name of a method.
            exact: sums that the result may still go through.
            show: the result must be one of the program's, so that its dtype counts for what rounding explains.
        """
        values = []
        for index in range(len(self.lengths) or 1):
            real = fx.node.map_arg((args, kwargs), lambda node, index=index: node.meta["values"][index])
            try:
                value = (
                    getattr(real[0][0], target)(*real[0][1:], **real[1])
                    if isinstance(target, str)
                    else target(*real[0], **real[1])
                )
            except (RuntimeError, IndexError, ValueError, TypeError):
                return None
            values.append(value)
        create = self.graph.call_method if isinstance(target, str) else self.graph.call_function
        node = create(target, args, kwargs)
        if not isinstance(values[0], torch.Tensor):
            node.meta["values"], node.meta["exact"] = tuple(values), exact
            return node
        return self._add(node, tuple(values), exact, show=show)

    def part(self, node: fx.Node, index: int, exact: int = 0) -> fx.Node | None:
        """One of several results."""
        import operator

        return self.call(operator.getitem, node, index, exact=exact)

    def change(self, target: str, node: fx.Node, *args: Any) -> fx.Node | None:
        """Change ``node`` in place by a method; inputs and constants are left alone."""
        if any(_storage(value) in self._kept for value in node.meta["values"]):
            return None
        storages = {_storage(value) for value in node.meta["values"]}
        result = self.call(target, node, *args)
        for other in self.nodes:
            if any(_storage(value) in storages for value in other.meta["values"]):
                other.meta["exact"] = 0
        return result

    def choose(self, *conditions: Callable[[fx.Node], bool]) -> fx.Node | None:
        """One of the nodes that fulfil all conditions, if there is any; late ones as often as early ones."""
        fit = [node for node in self.nodes if all(condition(node) for condition in conditions)]
        return self.pick(fit) if fit else None

    def finish(self) -> Program:
        """The program: what nothing reads is returned; so is, now and then, an input, or a value twice."""
        results = [node for node in self.nodes if not node.users and node.op != "placeholder"] or self.nodes[-1:]
        results = results[-4:] + [node for node in self.shown if node not in results[-4:]]
        if self.chance(6):
            results.append(self.pick(self.nodes))
        self.graph.output(tuple(results) if len(results) > 1 or self.chance(2) else results[0])
        self.graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output") or _changes(node))
        for node in self.graph.nodes:
            node.meta = {}
        module = fx.GraphModule(self.root, self.graph)
        sizes = [tuple(values[index] for values in self.inputs) for index in range(len(self.lengths) or 1)]
        return Program(module, copy.deepcopy(sizes), tuple(self.dynamic) if self.lengths else None)

    def _add(
        self, node: fx.Node, values: tuple[torch.Tensor, ...], exact: int, *, keep: bool = False, show: bool = False
    ) -> fx.Node:
        node.meta["values"], node.meta["exact"] = values, exact
        if keep:
            self._kept |= {_storage(value) for value in values}
        if show:
            self.shown.append(node)
        if keep or all(value.numel() <= _MOST_ELEMENTS for value in values):
            self.nodes.append(node)
        return node


def value(node: fx.Node) -> torch.Tensor:
    """What ``node`` is at the first size."""
    return node.meta["values"][0]  # type: ignore[no-any-return]


def exact(node: fx.Node) -> int:
    """How many more sums leave ``node`` the same in every dtype; all of them for integers."""
    return _EXACT if not value(node).is_floating_point() else int(node.meta["exact"])


def finite(node: fx.Node) -> bool:
    """Whether all its values are numbers."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in node.meta["values"])


def static(node: fx.Node, axis: int) -> bool:
    """Whether the size is the same at every size of the program."""
    return len({tensor.shape[axis] for tensor in node.meta["values"]}) == 1


def least(node: fx.Node, axis: int) -> int:
    """The least that the size is."""
    return min(tensor.shape[axis] for tensor in node.meta["values"])


def floating(node: fx.Node) -> bool:
    """Whether it is of floating point."""
    return value(node).is_floating_point()


def number(node: fx.Node) -> bool:
    """Whether it is anything but booleans."""
    return value(node).dtype is not torch.bool


def boolean(node: fx.Node) -> bool:
    """Whether it is of booleans."""
    return value(node).dtype is torch.bool


def integer(node: fx.Node) -> bool:
    """Whether it is of integers."""
    return number(node) and not floating(node)


def ranked(*ranks: int) -> Callable[[fx.Node], bool]:
    """Whether its rank is one of these."""
    return lambda node: value(node).dim() in ranks


def shaped(node: fx.Node) -> bool:
    """Whether it has a dimension."""
    return value(node).dim() > 0


def _storage(tensor: torch.Tensor) -> int:
    return id(tensor.untyped_storage()) if not tensor.numel() else tensor.untyped_storage().data_ptr()


def _changes(node: fx.Node) -> bool:
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    return node.op == "call_method" and name.endswith("_")
