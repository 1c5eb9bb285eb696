"""A plan for inputs of certain shapes: sizes computed, temporaries placed, launches recorded as one graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from stepwell.backends.cuda import map_slots, tensor_maps
from stepwell.backends.cuda.cublaslt import WORKSPACE, CublasLt, LibraryProduct
from stepwell.backends.cuda.driver import Driver, Module
from stepwell.backends.cuda.graph import Chain, Graph, Kernel, Single, record
from stepwell.backends.cuda.map_slots import MapSlots
from stepwell.backends.cuda.memory import place_temporaries
from stepwell.backends.cuda.plan import Launch, Plan, Shape, TensorMap, descriptor_words, evaluate
from stepwell.support.dtypes import byte_size


class Instance:
    """Ready to run; inputs and results may lie elsewhere at every run.

    Args:
        parameters: the device addresses of weights and states by name.
        shapes: of all buffers of the plan.
        library: what computes the products that the plan leaves to a library.
    """

    def __init__(
        self,
        driver: Driver,
        module: Module,
        plan: Plan,
        parameters: Mapping[str, int],
        shapes: Sequence[Shape],
        library: CublasLt | None = None,
    ) -> None:
        self._driver, self._plan, self.shapes = driver, plan, list(shapes)
        self._module, self._library = module, library
        self._addresses: dict[int, int] = {}
        for number, buffer in enumerate(plan.buffers):
            if buffer.kind in ("parameter", "state"):
                self._addresses[number] = parameters[buffer.name]
        offsets, used = place_temporaries(plan, shapes)
        self._fixed = {*self._addresses, *offsets}
        launches = [(launch, [evaluate(size, shapes) for size in launch.grid]) for launch in plan.launches]
        self._launches = [
            (launch, grid) for launch, grid in launches if prod(grid) > 0 and self._does_something(launch)
        ]
        maps = sum(self._slots_of(argument) for launch, _ in self._launches for argument in launch.arguments)
        self._arena = driver.allocate(used + maps * tensor_maps.BYTES) if used + maps else 0
        self._workspace = driver.allocate(WORKSPACE) if any(launch.library for launch, _ in self._launches) else 0
        self._maps = self._arena + used
        self._addresses |= {number: self._arena + offset for number, offset in offsets.items()}
        for number in offsets:
            if plan.buffers[number].kind == "zeros":
                self._clear(self._addresses[number], prod(shapes[number]) * byte_size(plan.buffers[number].dtype))
        self._recorded: Graph | Single | Chain | None = None
        self._placed: dict[int, int] = {}
        self._moving: dict[int, list[_Reference]] = {}

    def _clear(self, address: int, size: int) -> None:
        zeros = np.zeros(size, np.uint8)
        self._driver.upload(address, zeros.ctypes.data, size)

    def _does_something(self, launch: Launch) -> bool:
        """Whether there is anything to compute; a kernel finds that out by itself, a library must not be asked."""
        return launch.library is None or prod(self.shapes[launch.arguments[-1]["buffer"]]) > 0

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
                    self._kernels[reference.kernel].words[reference.word] = reference.value(address, stream)
                    changed.add(reference.kernel)
        if self._recorded is not None:
            for kernel in sorted(changed):
                self._recorded.update(kernel)

    def _slots_of(self, argument: Mapping[str, Any]) -> int:
        """How many tensor maps an argument may need: more where its buffer is an input or a result."""
        if "map" not in argument:
            return 0
        return 1 if self._plan.root(TensorMap(**argument["map"]).buffer) in self._fixed else map_slots.COUNT

    def _record(self, stream: int, external: Mapping[int, int]) -> None:
        self._kernels: list[Kernel | LibraryProduct] = []
        slot = self._maps
        for number, (launch, grid) in enumerate(self._launches):
            if launch.library is not None:
                self._kernels.append(self._product(number, launch, external))
                continue
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
                    found, count = TensorMap(**argument["map"]), self._slots_of(argument)
                    maps = MapSlots(self._driver, found, self.shapes, slot, count)
                    references.append(_Reference(self._plan.root(found.buffer), number, len(words), maps))
                    words.append(maps.place(self.address(found.buffer), stream))
                    slot += count * tensor_maps.BYTES
            for reference in references:
                if reference.buffer in external:
                    self._moving.setdefault(reference.buffer, []).append(reference)
            function = self._module.function(launch.kernel, launch.shared)
            self._kernels.append(Kernel(function, grid, block, launch.shared, words))
        kernels = [step for step in self._kernels if isinstance(step, Kernel)]
        if len(kernels) < len(self._kernels):
            self._recorded = Chain(self._driver, self._kernels)
        elif kernels:
            self._recorded = record(self._driver, kernels)

    def _product(self, number: int, launch: Launch, external: Mapping[int, int]) -> LibraryProduct:
        """What a library computes in place of launch ``number``."""
        assert launch.library is not None
        assert self._library is not None
        places = (launch.library["left"], launch.library["right"], -1)
        buffers = [launch.arguments[place]["buffer"] for place in places]
        for word, buffer in enumerate(buffers):
            root = self._plan.root(buffer)
            if root in external:
                self._moving.setdefault(root, []).append(_Reference(root, number, word))
        words = [self.address(buffer) for buffer in buffers]
        return LibraryProduct(self._library, launch.library, self.shapes[buffers[2]], words, self._workspace)

    def address(self, buffer: int) -> int:
        """Where a buffer lies on the device."""
        return self._addresses.get(self._plan.root(buffer), 0)

    def close(self) -> None:
        """Give the memory back."""
        self._recorded = None
        for memory in (self._arena, self._workspace):
            if memory:
                self._driver.attach()
                self._driver.free(memory)
        self._arena = self._workspace = 0


@dataclass(frozen=True)
class _Reference:
    """A place where a kernel is told where a buffer lies: a word of its parameters, maybe by way of tensor maps."""

    buffer: int
    kernel: int
    word: int
    maps: MapSlots | None = None

    def value(self, address: int, stream: int) -> int:
        """The word for a buffer at ``address``."""
        return address if self.maps is None else self.maps.place(address, stream)
