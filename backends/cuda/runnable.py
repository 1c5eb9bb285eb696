"""Running launch plans on a GPU: in the caller's stream, on the caller's tensors."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from stepwell.backends.base import Runnable
from stepwell.backends.cuda.cublaslt import CublasLt, default_library
from stepwell.backends.cuda.direct import Direct
from stepwell.backends.cuda.driver import Driver, Module, default_driver
from stepwell.backends.cuda.instance import Instance
from stepwell.backends.cuda.places import OnDevice, OnHost
from stepwell.backends.cuda.plan import Plan, Shape
from stepwell.backends.cuda.session import CudaSession
from stepwell.support.dtypes import torch_dtype
from stepwell.support.errors import ArtifactError, ExecutionError
from stepwell.support.parameter_file import open_file
from stepwell.support.signature import Signature

_MOST_INSTANCES = 16
"""Shapes that a session keeps ready; the one not used for longest goes first."""


class CudaRunnable(Runnable):
    """Kernels and their plans; the device is looked for at the first run.

    Tensors on the GPU are used where they lie and results are made there, in the current stream of torch; tensors of
    the CPU are copied, and results with them.

    Args:
        code: PTX, which the driver compiles.
        plans: by entry.
        arch: the architecture the code was made for; ``sm_90a`` runs on compute capability 9.0 only.
        driver: the device to run on, the machine's first by default.
        library: what computes products that a plan leaves to one, that of this machine by default.
        cubin: the same, ready for ``arch`` and those of its generation that came later.
    """

    devices = ("cpu", "cuda")

    def __init__(
        self,
        code: bytes,
        arch: str,
        plans: Mapping[str, Plan],
        signatures: Mapping[str, Signature],
        parameter_file: Path,
        driver: Driver | None = None,
        library: CublasLt | None = None,
        cubin: bytes | None = None,
    ) -> None:
        self._code, self._cubin = code, cubin
        self._arch = arch
        self._plans = plans
        self._signatures = signatures
        self._parameters = open_file(parameter_file)
        self._driver = driver
        self._library = library
        self._module: Module | None = None
        self._resident: dict[str, int] = {}

    def new_session(self) -> CudaSession:
        return CudaSession()

    def run(self, session: CudaSession, entry: str, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        driver, module = self._open()
        on_device = any(tensor.device.type == "cuda" for tensor in inputs)
        stream = torch.cuda.current_stream().cuda_stream if on_device else 0
        plan = self._plans[entry]
        instance = self._instance(session, driver, module, entry, plan, inputs)
        if session.stream is not None and session.stream != stream:
            driver.wait_for(stream, session.stream)  # temporaries are shared by the runs of a session
        session.stream = stream
        with ExitStack() as owned:
            place = OnDevice() if on_device else OnHost(driver, owned)
            external = {
                number: place.input(inputs[buffer.index])
                for number, buffer in enumerate(plan.buffers)
                if buffer.kind == "input"
            }
            results = []
            copies = []
            for spec, number in zip(self._signatures[entry].results, plan.results, strict=True):
                result, address = place.result(instance.shapes[number], torch_dtype(spec.dtype))
                root = plan.root(number)
                if plan.buffers[root].kind == "temporary" and root not in external:
                    external[root] = address
                else:  # an input, a weight, or a result that is given twice
                    copies.append((address, root, result.numel() * result.element_size()))
                results.append((result, address))
            instance.run(stream, external)
            for address, root, size in copies:
                driver.copy_on(stream, address, instance.address(root), size)
            for name, number in plan.states.items():
                driver.copy_on(stream, session.states[name], instance.address(number), self._state(name).nbytes)
            return place.finish(stream, results)

    def state(self, session: CudaSession, name: str) -> torch.Tensor:
        if not any(spec.name == name for signature in self._signatures.values() for spec in signature.states):
            return super().state(session, name)
        spec, initial = self._parameters.spec(f"state:{name}"), self._state(name)
        value = torch.empty(self._shape(f"state:{name}"), dtype=torch_dtype(spec.dtype))
        if name in session.states:
            driver, _ = self._open()
            driver.synchronize(session.stream or 0)
            driver.download(value.data_ptr(), session.states[name], initial.nbytes)
        else:
            ctypes.memmove(value.data_ptr(), initial.ctypes.data, initial.nbytes)
        return value

    def clone_session(self, session: CudaSession) -> CudaSession:
        copy = CudaSession()
        if session.states:
            driver, _ = self._open()
            copy.driver = driver
            for name, address in session.states.items():
                size = self._state(name).nbytes
                copy.states[name] = driver.allocate(size)
                driver.copy_on(session.stream or 0, copy.states[name], address, size)
            driver.synchronize(session.stream or 0)
        return copy

    def _state(self, name: str) -> Any:
        return self._parameters[f"state:{name}"]

    def direct(self, session: CudaSession, entry: str) -> Direct | None:
        if entry not in session.short_ways:
            session.short_ways[entry] = Direct(session, entry, self._plans[entry], self._signatures[entry])
        found: Direct = session.short_ways[entry]
        return found

    def _instance(
        self,
        session: CudaSession,
        driver: Driver,
        module: Module,
        entry: str,
        plan: Plan,
        inputs: Sequence[torch.Tensor],
    ) -> Instance:
        key = (entry, tuple(tuple(tensor.shape) for tensor in inputs))
        if key in session.instances:
            session.instances.move_to_end(key)
            return session.instances[key]
        if len(session.instances) == _MOST_INSTANCES:
            _, oldest = session.instances.popitem(last=False)
            driver.synchronize(session.stream or 0)
            oldest.close()
        names = [buffer.name for buffer in plan.buffers if buffer.kind == "parameter"]
        addresses = {name: self._upload_parameter(driver, name) for name in names}
        known = {name: self._shape(name) for name in names}
        for buffer in plan.buffers:
            if buffer.kind == "state":
                known[buffer.name] = self._shape(f"state:{buffer.name}")
                addresses[buffer.name] = self._place_state(driver, session, buffer.name)
        shapes = plan.shapes(key[1], known)
        instance = Instance(driver, module, plan, addresses, shapes, self._library)
        session.instances[key] = instance
        return instance

    def _open(self) -> tuple[Driver, Module]:
        """The device, with the code on it.

        Raises:
            ExecutionError: there is no device. ArtifactError: it is of another architecture.
            DeviceError: a library that the plans ask for is not there.
        """
        driver = self._driver or default_driver()
        driver.attach()
        if self._module is None:
            check_arch(self._arch, driver.capability, driver.name)
            ready = self._cubin if driver.capability[0] == capability_of(self._arch)[0] else None
            self._module = driver.load(self._code if ready is None else ready)
            self._driver = driver
        asked = any(launch.library for plan in self._plans.values() for launch in plan.launches)
        if asked and self._library is None:
            self._library = default_library()
        return driver, self._module

    def _shape(self, name: str) -> Shape:
        return tuple(int(str(size)) for size in self._parameters.spec(name).shape)

    def _place_state(self, driver: Driver, session: CudaSession, name: str) -> int:
        """A state starts with its initial value and stays on the device as long as its session."""
        if name not in session.states:
            initial = self._state(name)
            session.driver = driver
            session.states[name] = driver.allocate(initial.nbytes)
            driver.upload(session.states[name], initial.ctypes.data, initial.nbytes)
        return session.states[name]

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


def capability_of(arch: str) -> tuple[int, int]:
    """The compute capability that ``arch`` names."""
    number = arch.removeprefix("sm_").rstrip("a")
    return int(number[:-1]), int(number[-1])


def check_arch(arch: str, capability: tuple[int, int], device: str) -> None:
    """Check that a device can run code made for ``arch``.

    Raises:
        ArtifactError: it can't; PTX of a plain architecture runs on later ones, that of ``sm_90a`` on no other.
    """
    wanted = capability_of(arch)
    if capability == wanted or (not arch.endswith("a") and capability > wanted):
        return
    raise ArtifactError(
        f"the code is for {arch}, {device} has compute capability {capability[0]}.{capability[1]}",
        hint=f"compile for target 'cuda,arch=sm_{capability[0]}{capability[1]}'",
    )
