"""A plan for inputs of certain shapes: sizes computed, temporaries placed, launches recorded as one graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from stepwell.backends.cuda import tensor_maps
from stepwell.backends.cuda.driver import Driver, Module
from stepwell.backends.cuda.graph import Graph, Kernel, Single
from stepwell.backends.cuda.memory import place_temporaries
from stepwell.backends.cuda.plan import Plan, Shape, TensorMap, descriptor_words, evaluate
from stepwell.support.dtypes import byte_size


class Instance:
    """Ready to run; inputs and results may lie elsewhere at every run.

    Args:
        parameters: the device addresses of weights and states by name.
        shapes: of all buffers of the plan.
    """

    def __init__(
        self, driver: Driver, module: Module, plan: Plan, parameters: Mapping[str, int], shapes: Sequence[Shape]
    ) -> None:
        self._driver, self._plan, self.shapes = driver, plan, list(shapes)
        self._module = module
        self._addresses: dict[int, int] = {}
        for number, buffer in enumerate(plan.buffers):
            if buffer.kind in ("parameter", "state"):
                self._addresses[number] = parameters[buffer.name]
        offsets, used = place_temporaries(plan, shapes)
        launches = [(launch, [evaluate(size, shapes) for size in launch.grid]) for launch in plan.launches]
        self._launches = [(launch, grid) for launch, grid in launches if prod(grid) > 0]
        maps = sum("map" in argument for launch, _ in self._launches for argument in launch.arguments)
        self._arena = driver.allocate(used + maps * tensor_maps.BYTES) if used + maps else 0
        self._maps = self._arena + used
        self._addresses |= {number: self._arena + offset for number, offset in offsets.items()}
        self._recorded: Graph | Single | None = None
        self._placed: dict[int, int] = {}
        self._moving: dict[int, list[_Reference]] = {}

    def run(self, stream: int, external: Mapping[int, int]) -> None:
        """Run in the order of ``stream``; inputs and results lie at ``external`` addresses, by number of the buffer."""
        if self._recorded is None:
            self._addresses |= external
            self._record(stream, external)
        elif external != self._placed:
            self._move(stream, external)
        self._placed = dict(external)
        if self._recorded is not None:
            self._recorded.launch(stream)

    def _move(self, stream: int, external: Mapping[int, int]) -> None:
        """Tell the kernels where inputs and results lie now."""
        self._addresses |= external
        changed = set()
        for number, address in external.items():
            if self._placed[number] != address:
                for reference in self._moving.get(number, ()):
                    changed |= self._follow(reference, stream)
        if self._recorded is not None:
            for kernel in sorted(changed):
                self._recorded.update(kernel)

    def _record(self, stream: int, external: Mapping[int, int]) -> None:
        self._kernels: list[Kernel] = []
        slot = self._maps
        for number, (launch, grid) in enumerate(self._launches):
            block = [evaluate(size, self.shapes) for size in launch.block]
            words: list[int] = []
            references: list[_Reference] = []
            for argument in launch.arguments:
                if "index" in argument:
                    words.append(evaluate(argument["index"], self.shapes) & (1 << 64) - 1)
                elif "buffer" in argument:
                    buffer = argument["buffer"]
                    references += [_Reference(self._plan.root(buffer), number, len(words) + i) for i in range(2)]
                    words += descriptor_words(self.address(buffer), self.shapes[buffer])
                elif "address" in argument:
                    references.append(_Reference(self._plan.root(argument["address"]), number, len(words)))
                    words.append(self.address(argument["address"]))
                else:
                    found = TensorMap(**argument["map"])
                    reference = _Reference(self._plan.root(found.buffer), number, len(words), found, slot)
                    references.append(reference)
                    words.append(slot)
                    self._encode(reference, stream)
                    slot += tensor_maps.BYTES
            for reference in references:
                if reference.buffer in external:
                    self._moving.setdefault(reference.buffer, []).append(reference)
            function = self._module.function(launch.kernel, launch.shared)
            self._kernels.append(Kernel(function, grid, block, launch.shared, words))
        if len(self._kernels) == 1:
            self._recorded = Single(self._driver, self._kernels[0])
        elif self._kernels:
            self._recorded = Graph(self._driver, self._kernels)

    def _follow(self, reference: _Reference, stream: int) -> set[int]:
        """Let a kernel see the new place of a buffer; gives its number if its parameters changed."""
        if reference.tensor_map is not None:
            self._encode(reference, stream)
            return set()
        self._kernels[reference.kernel].words[reference.word] = self._addresses[reference.buffer]
        return {reference.kernel}

    def _encode(self, reference: _Reference, stream: int) -> None:
        found = reference.tensor_map
        assert found is not None
        sizes = [evaluate(size, self.shapes) for size in found.sizes]
        strides = [evaluate(stride, self.shapes) for stride in found.strides]
        place = self.address(found.buffer) + found.offset * byte_size(found.dtype)
        content = tensor_maps.encode(self._driver, place, found, sizes, strides)
        self._driver.upload_on(stream, reference.slot, content)

    def address(self, buffer: int) -> int:
        """Where a buffer lies on the device."""
        return self._addresses.get(self._plan.root(buffer), 0)

    def close(self) -> None:
        """Give the memory back."""
        self._recorded = None
        if self._arena:
            self._driver.attach()
            self._driver.free(self._arena)
            self._arena = 0


@dataclass(frozen=True)
class _Reference:
    """A place where a kernel is told where a buffer lies: a word of its parameters, or a tensor map at ``slot``."""

    buffer: int
    kernel: int
    word: int
    tensor_map: TensorMap | None = None
    slot: int = 0
