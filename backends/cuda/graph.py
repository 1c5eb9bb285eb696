"""Kernels that the driver launches as one graph, alone, or in turns with calls of a library."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from stepwell.backends.cuda.cublaslt import LibraryProduct
from stepwell.backends.cuda.driver import Driver
from stepwell.support.errors import ExecutionError


class _NodeParams(ctypes.Structure):
    """CUDA_KERNEL_NODE_PARAMS (v2) of cuda.h."""

    _fields_ = (
        ("func", ctypes.c_void_p),
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("shared", ctypes.c_uint),
        ("params", ctypes.POINTER(ctypes.c_void_p)),
        ("extra", ctypes.c_void_p),
        ("kern", ctypes.c_void_p),
        ("ctx", ctypes.c_void_p),
    )


class Kernel:
    """A kernel with its sizes; its parameters are 64-bit words, which may change between launches."""

    def __init__(
        self, function: Any, grid: Sequence[int], block: Sequence[int], shared: int, words: Sequence[int]
    ) -> None:
        self.words = (ctypes.c_uint64 * max(1, len(words)))(*words)
        base = ctypes.addressof(self.words)
        self._pointers = (ctypes.c_void_p * max(1, len(words)))(*(base + 8 * index for index in range(len(words))))
        self.params = _NodeParams(
            func=function, grid=tuple(grid), block=tuple(block), shared=shared, params=self._pointers
        )


class _LaunchConfig(ctypes.Structure):
    """CUlaunchConfig of cuda.h."""

    _fields_ = (
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("shared", ctypes.c_uint),
        ("stream", ctypes.c_void_p),
        ("attributes", ctypes.c_void_p),
        ("attribute_count", ctypes.c_uint),
    )


class Single:
    """A kernel alone, which a graph would only make slower."""

    def __init__(self, driver: Driver, kernel: Kernel) -> None:
        self._kernel = kernel
        p = kernel.params
        self._config = _LaunchConfig(grid=p.grid, block=p.block, shared=p.shared)
        self._launch = driver.bind("cuLaunchKernelEx")
        self._arguments = ctypes.byref(self._config), p.func, p.params, None

    def update(self, number: int) -> None:
        """Nothing: its words are read at every launch."""

    def launch(self, stream: int) -> None:
        """Run the kernel in the order of ``stream``."""
        self._config.stream = stream
        self._launch(*self._arguments)


class Chain:
    """Kernels and calls of a library in turn; kernels that follow each other are launched as one."""

    def __init__(self, driver: Driver, steps: Sequence[Kernel | LibraryProduct]) -> None:
        self._parts: list[Graph | Single | LibraryProduct] = []
        self._places: list[tuple[Graph | Single | None, int]] = []
        for kernels, group in groupby(steps, key=lambda step: isinstance(step, Kernel)):
            members = list(group)
            if not kernels:
                self._parts += [step for step in members if isinstance(step, LibraryProduct)]
                self._places += [(None, 0)] * len(members)
                continue
            recorded = record(driver, [step for step in members if isinstance(step, Kernel)])
            self._parts.append(recorded)
            self._places += [(recorded, number) for number in range(len(members))]

    def update(self, number: int) -> None:
        """Take the present words of step ``number``; a library reads its own at every launch."""
        recorded, place = self._places[number]
        if recorded is not None:
            recorded.update(place)

    def launch(self, stream: int) -> None:
        """Run all of it in the order of ``stream``."""
        for part in self._parts:
            part.launch(stream)


def record(driver: Driver, kernels: Sequence[Kernel]) -> Graph | Single:
    """Kernels one after another as one launch."""
    return Single(driver, kernels[0]) if len(kernels) == 1 else Graph(driver, kernels)


class Graph:
    """Kernels one after another; copies their parameters when it is made and by :meth:`update`."""

    def __init__(self, driver: Driver, kernels: Sequence[Kernel]) -> None:
        self._driver = driver
        self._kernels = list(kernels)
        self._graph, self._exec = ctypes.c_void_p(), ctypes.c_void_p()
        driver.call("cuGraphCreate", ctypes.byref(self._graph), 0)
        self._nodes: list[ctypes.c_void_p] = []
        for kernel in self._kernels:
            node = ctypes.c_void_p()
            before = ctypes.byref(self._nodes[-1]) if self._nodes else None
            driver.call(
                "cuGraphAddKernelNode_v2",
                ctypes.byref(node),
                self._graph,
                ctypes.cast(before, ctypes.POINTER(ctypes.c_void_p)) if before is not None else None,
                len(self._nodes[-1:]),
                ctypes.addressof(kernel.params),
            )
            self._nodes.append(node)
        driver.call("cuGraphInstantiateWithFlags", ctypes.byref(self._exec), self._graph, 0)
        self._launch, self._update = driver.bind("cuGraphLaunch"), driver.bind("cuGraphExecKernelNodeSetParams_v2")
        self._params = [ctypes.addressof(kernel.params) for kernel in self._kernels]

    def update(self, number: int) -> None:
        """Take the present words of kernel ``number``."""
        self._update(self._exec, self._nodes[number], self._params[number])

    def launch(self, stream: int) -> None:
        """Run all kernels in the order of ``stream``."""
        self._launch(self._exec, stream)

    def __del__(self) -> None:
        try:
            self._driver.attach()
            for name, handle in (("cuGraphExecDestroy", self._exec), ("cuGraphDestroy", self._graph)):
                if handle:
                    self._driver.call(name, handle)
        except (ExecutionError, AttributeError):
            return  # the process is ending, and the driver with it
