"""Where a call's tensors lie: on the GPU, or on the host with copies there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from math import prod

import torch

from stepwell.backends.cuda.driver import Driver
from stepwell.backends.cuda.plan import Shape

ALIGNMENT = 16
"""Bytes: what the copy engine and kernels expect tensors to lie at multiples of; parts of others may not."""


class OnDevice:
    """Tensors of the GPU, used as they are."""

    def __init__(self) -> None:
        self._copies: list[torch.Tensor] = []

    def input(self, tensor: torch.Tensor) -> int:
        """Where an input lies; one on the CPU, or between the places that kernels take, is copied."""
        if tensor.device.type != "cuda":
            tensor = tensor.to("cuda")
            self._copies.append(tensor)
        elif tensor.data_ptr() % ALIGNMENT:
            tensor = tensor.clone()
            self._copies.append(tensor)
        return tensor.data_ptr()

    def result(self, shape: Shape, dtype: torch.dtype) -> tuple[torch.Tensor, int]:
        """Memory for a result."""
        result = torch.empty(shape, dtype=dtype, device="cuda")
        return result, result.data_ptr()

    def finish(self, stream: int, results: Sequence[tuple[torch.Tensor, int]]) -> list[torch.Tensor]:
        """The results; whoever reads them does so behind what runs."""
        return [result for result, _ in results]


class OnHost:
    """Tensors of the CPU, copied to the device and back."""

    def __init__(self, driver: Driver, owned: ExitStack) -> None:
        self._driver, self._owned = driver, owned

    def _allocate(self, size: int) -> int:
        address = self._driver.allocate(size)
        self._owned.callback(self._driver.free, address)
        return address

    def input(self, tensor: torch.Tensor) -> int:
        """Where a copy of an input lies."""
        size = tensor.numel() * tensor.element_size()
        address = self._allocate(size)
        self._driver.upload(address, tensor.data_ptr(), size)
        return address

    def result(self, shape: Shape, dtype: torch.dtype) -> tuple[torch.Tensor, int]:
        """Memory for a result on both sides."""
        result = torch.empty(shape, dtype=dtype)
        return result, self._allocate(prod(shape) * result.element_size())

    def finish(self, stream: int, results: Sequence[tuple[torch.Tensor, int]]) -> list[torch.Tensor]:
        """The results, once all has run."""
        self._driver.synchronize(stream)
        for result, address in results:
            self._driver.download(result.data_ptr(), address, result.numel() * result.element_size())
        return [result for result, _ in results]
