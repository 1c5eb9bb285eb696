"""Running launch plans on a GPU: inputs are copied there, kernels run, results come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from math import prod
from pathlib import Path
from typing import Any

import torch

from stepwell.backends.base import Runnable
from stepwell.backends.cuda.driver import Driver, Module, default_driver
from stepwell.backends.cuda.plan import Plan, Shape, descriptor_words, evaluate
from stepwell.support.dtypes import byte_size, torch_dtype
from stepwell.support.errors import ArtifactError, ExecutionError
from stepwell.support.parameter_file import open_file
from stepwell.support.signature import Signature


class CudaRunnable(Runnable):
    """Kernels and their plans; the device is looked for at the first run.

    Args:
        code: a cubin for ``arch``, or PTX.
        plans: by entry.
        arch: the architecture the code was made for; ``sm_90a`` runs on compute capability 9.0 only.
        driver: the device to run on, the machine's first by default.
    """

    def __init__(
        self,
        code: bytes,
        arch: str,
        plans: Mapping[str, Plan],
        signatures: Mapping[str, Signature],
        parameter_file: Path,
        driver: Driver | None = None,
    ) -> None:
        self._code = code
        self._arch = arch
        self._plans = plans
        self._signatures = signatures
        self._parameters = open_file(parameter_file)
        self._driver = driver
        self._module: Module | None = None
        self._resident: dict[str, int] = {}

    def new_session(self) -> None:
        return None

    def run(self, session: Any, entry: str, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        driver, module = self._open()
        plan, signature = self._plans[entry], self._signatures[entry]
        with ExitStack() as owned:
            shapes = plan.shapes([tuple(t.shape) for t in inputs], self._parameter_shapes(plan))
            addresses = self._place(driver, plan, signature, shapes, inputs, owned)
            for launch in plan.launches:
                words: list[int] = []
                for argument in launch.arguments:
                    if "buffer" in argument:
                        words += descriptor_words(addresses[argument["buffer"]], shapes[argument["buffer"]])
                    else:
                        words.append(evaluate(argument["index"], shapes))
                grid, block = ([evaluate(size, shapes) for size in sizes] for sizes in (launch.grid, launch.block))
                driver.launch(module.function(launch.kernel), grid, block, words)
            driver.synchronize()
            results = []
            for spec, number in zip(signature.results, plan.results, strict=True):
                result = torch.empty(shapes[number], dtype=torch_dtype(spec.dtype))
                driver.download(result.data_ptr(), addresses[number], result.numel() * result.element_size())
                results.append(result)
            return results

    def _open(self) -> tuple[Driver, Module]:
        """The device, with the code on it.

        Raises:
            ExecutionError: there is no device. ArtifactError: it is of another architecture.
        """
        driver = self._driver or default_driver()
        driver.attach()
        if self._module is None:
            check_arch(self._arch, driver.capability, driver.name)
            self._module = driver.load(self._code)
            self._driver = driver
        return driver, self._module

    def _parameter_shapes(self, plan: Plan) -> dict[str, Shape]:
        names = [buffer.name for buffer in plan.buffers if buffer.kind == "parameter"]
        return {name: tuple(int(str(size)) for size in self._parameters.spec(name).shape) for name in names}

    def _place(
        self,
        driver: Driver,
        plan: Plan,
        signature: Signature,
        shapes: Sequence[Shape],
        inputs: Sequence[torch.Tensor],
        owned: ExitStack,
    ) -> list[int]:
        """The device address of each buffer; what belongs to this run is freed with ``owned``."""
        addresses: list[int] = []

        def allocate(size: int) -> int:
            address = driver.allocate(size)
            owned.callback(driver.free, address)
            return address

        for buffer, shape in zip(plan.buffers, shapes, strict=True):
            if buffer.kind == "input":
                tensor = inputs[buffer.index]
                size = tensor.numel() * tensor.element_size()
                addresses.append(allocate(size))
                driver.upload(addresses[-1], tensor.data_ptr(), size)
            elif buffer.kind == "parameter":
                addresses.append(self._upload_parameter(driver, buffer.name))
            elif buffer.kind == "view":
                addresses.append(addresses[buffer.of])
            else:
                addresses.append(allocate(prod(shape) * byte_size(buffer.dtype)))
        return addresses

    def _upload_parameter(self, driver: Driver, name: str) -> int:
        """Weights are copied to the device once and stay there."""
        if name not in self._resident:
            array = self._parameters[name]
            address = driver.allocate(array.nbytes)
            driver.upload(address, array.ctypes.data, array.nbytes)
            self._resident[name] = address
        return self._resident[name]

    def __del__(self) -> None:
        if self._driver is not None:
            try:
                self._driver.attach()
                for address in self._resident.values():
                    self._driver.free(address)
            except (ExecutionError, AttributeError):
                return  # the process is ending, and the driver with it


def check_arch(arch: str, capability: tuple[int, int], device: str) -> None:
    """Check that a device can run code made for ``arch``.

    Raises:
        ArtifactError: it can't; PTX of a plain architecture runs on later ones, that of ``sm_90a`` on no other.
    """
    number = arch.removeprefix("sm_").rstrip("a")
    wanted = (int(number[:-1]), int(number[-1]))
    if capability == wanted or (not arch.endswith("a") and capability > wanted):
        return
    raise ArtifactError(
        f"the code is for {arch}, {device} has compute capability {capability[0]}.{capability[1]}",
        hint=f"compile for target 'cuda,arch=sm_{capability[0]}{capability[1]}'",
    )
