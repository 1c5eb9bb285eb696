"""NVIDIA's driver through ``libcuda.so.1``: memory, modules and launches of one device, nothing else needed."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from stepwell.support.errors import DeviceError, ExecutionError

_LIBRARY = "libcuda.so.1"
_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76
_OUT_OF_MEMORY = 2
_EVENT_WITHOUT_TIMING = 2
_MOST_DYNAMIC_SHARED = 8
_SHARED_WITHOUT_ASKING = 48 * 1024

_HANDLE = ctypes.c_void_p
_ADDRESS = ctypes.c_uint64
_SIGNATURES: dict[str, list[Any]] = {
    "cuInit": [ctypes.c_uint],
    "cuGetErrorString": [ctypes.c_int, ctypes.POINTER(ctypes.c_char_p)],
    "cuDriverGetVersion": [ctypes.POINTER(ctypes.c_int)],
    "cuDeviceGet": [ctypes.POINTER(ctypes.c_int), ctypes.c_int],
    "cuDeviceGetName": [ctypes.c_char_p, ctypes.c_int, ctypes.c_int],
    "cuDeviceGetAttribute": [ctypes.POINTER(ctypes.c_int), ctypes.c_int, ctypes.c_int],
    "cuDevicePrimaryCtxRetain": [ctypes.POINTER(_HANDLE), ctypes.c_int],
    "cuCtxSetCurrent": [_HANDLE],
    "cuModuleLoadData": [ctypes.POINTER(_HANDLE), ctypes.c_char_p],
    "cuModuleUnload": [_HANDLE],
    "cuModuleGetFunction": [ctypes.POINTER(_HANDLE), _HANDLE, ctypes.c_char_p],
    "cuMemAlloc_v2": [ctypes.POINTER(_ADDRESS), ctypes.c_size_t],
    "cuMemFree_v2": [_ADDRESS],
    "cuMemcpyHtoD_v2": [_ADDRESS, ctypes.c_void_p, ctypes.c_size_t],
    "cuMemcpyDtoH_v2": [ctypes.c_void_p, _ADDRESS, ctypes.c_size_t],
    "cuMemcpyHtoDAsync_v2": [_ADDRESS, ctypes.c_void_p, ctypes.c_size_t, _HANDLE],
    "cuMemcpyDtoDAsync_v2": [_ADDRESS, _ADDRESS, ctypes.c_size_t, _HANDLE],
    "cuFuncSetAttribute": [_HANDLE, ctypes.c_int, ctypes.c_int],
    "cuLaunchKernel": [_HANDLE, *[ctypes.c_uint] * 7, _HANDLE, ctypes.POINTER(ctypes.c_void_p), _HANDLE],
    "cuStreamSynchronize": [_HANDLE],
    "cuEventCreate": [ctypes.POINTER(_HANDLE), ctypes.c_uint],
    "cuEventDestroy_v2": [_HANDLE],
    "cuEventRecord": [_HANDLE, _HANDLE],
    "cuStreamWaitEvent": [_HANDLE, _HANDLE, ctypes.c_uint],
    "cuGraphCreate": [ctypes.POINTER(_HANDLE), ctypes.c_uint],
    "cuGraphDestroy": [_HANDLE],
    "cuGraphAddKernelNode_v2": [ctypes.POINTER(_HANDLE), _HANDLE, ctypes.POINTER(_HANDLE), ctypes.c_size_t, _HANDLE],
    "cuGraphInstantiateWithFlags": [ctypes.POINTER(_HANDLE), _HANDLE, ctypes.c_ulonglong],
    "cuGraphExecKernelNodeSetParams_v2": [_HANDLE, _HANDLE, _HANDLE],
    "cuGraphExecDestroy": [_HANDLE],
    "cuGraphLaunch": [_HANDLE, _HANDLE],
    "cuTensorMapEncodeTiled": [
        ctypes.c_void_p,
        ctypes.c_int,
        ctypes.c_uint,
        _ADDRESS,
        *[ctypes.c_void_p] * 4,
        *[ctypes.c_int] * 4,
    ],
    "cuTensorMapEncodeIm2col": [
        ctypes.c_void_p,
        ctypes.c_int,
        ctypes.c_uint,
        _ADDRESS,
        *[ctypes.c_void_p] * 4,
        *[ctypes.c_uint] * 2,
        ctypes.c_void_p,
        *[ctypes.c_int] * 4,
    ],
}


class Driver:
    """The first device of this machine.

    Args:
        library: the driver's library by name or path.

    Raises:
        DeviceError: there is no driver.
        ExecutionError: there is no device.
    """

    def __init__(self, library: str = _LIBRARY) -> None:
        try:
            self._library = ctypes.CDLL(library)
            for name, arguments in _SIGNATURES.items():
                getattr(self._library, name).argtypes = arguments
        except (OSError, AttributeError):
            raise DeviceError(
                "this machine has no NVIDIA driver, so CUDA code can't run here",
                where=library,
                hint="run it on a machine with an NVIDIA GPU, or compile for target 'cpu'",
            ) from None
        self.call("cuInit", 0)
        self._device = ctypes.c_int()
        self.call("cuDeviceGet", ctypes.byref(self._device), 0)
        self._context = _HANDLE()
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), self._device)
        self.attach()

    def attach(self) -> None:
        """Make the device current in the calling thread."""
        self.call("cuCtxSetCurrent", self._context)

    @property
    def name(self) -> str:
        """The device's name."""
        text = ctypes.create_string_buffer(256)
        self.call("cuDeviceGetName", text, len(text), self._device)
        return text.value.decode()

    @property
    def capability(self) -> tuple[int, int]:
        """The device's compute capability: (9, 0) for sm_90."""
        major, minor = ctypes.c_int(), ctypes.c_int()
        self.call("cuDeviceGetAttribute", ctypes.byref(major), _CAPABILITY_MAJOR, self._device)
        self.call("cuDeviceGetAttribute", ctypes.byref(minor), _CAPABILITY_MINOR, self._device)
        return major.value, minor.value

    def load(self, code: bytes) -> Module:
        """Load a cubin, or PTX that the driver compiles."""
        handle = _HANDLE()
        self.call("cuModuleLoadData", ctypes.byref(handle), code + b"\0")
        return Module(self, handle)

    def allocate(self, size: int) -> int:
        """Device memory of ``size`` bytes, aligned to 256.

        Raises:
            ExecutionError: the device's memory is full.
        """
        address = _ADDRESS()
        self.call("cuMemAlloc_v2", ctypes.byref(address), max(size, 1))
        return address.value

    def free(self, address: int) -> None:
        """Give device memory back."""
        self.call("cuMemFree_v2", address)

    def upload(self, address: int, source: int, size: int) -> None:
        """Copy ``size`` bytes from host address ``source`` to the device."""
        if size:
            self.call("cuMemcpyHtoD_v2", address, source, size)

    def download(self, target: int, address: int, size: int) -> None:
        """Copy ``size`` bytes from the device to host address ``target``; waits for what runs before."""
        if size:
            self.call("cuMemcpyDtoH_v2", target, address, size)

    def upload_on(self, stream: int, address: int, content: bytes) -> None:
        """Copy a few bytes to the device in the order of ``stream``; ``content`` may go at once."""
        self.call("cuMemcpyHtoDAsync_v2", address, content, len(content), stream)

    def copy_on(self, stream: int, target: int, source: int, size: int) -> None:
        """Copy on the device in the order of ``stream``."""
        if size:
            self.call("cuMemcpyDtoDAsync_v2", target, source, size, stream)

    def synchronize(self, stream: int = 0) -> None:
        """Wait until everything in ``stream`` has run; errors of kernels show here."""
        self.call("cuStreamSynchronize", stream)

    def wait_for(self, stream: int, other: int) -> None:
        """Let ``stream`` wait for what is in stream ``other`` now."""
        event = _HANDLE()
        self.call("cuEventCreate", ctypes.byref(event), _EVENT_WITHOUT_TIMING)
        try:
            self.call("cuEventRecord", event, other)
            self.call("cuStreamWaitEvent", stream, event, 0)
        finally:
            self.call("cuEventDestroy_v2", event)

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function of the driver.

        Raises:
            ExecutionError: it fails.
        """
        status = getattr(self._library, name)(*arguments)
        if status == 0:
            return
        text = ctypes.c_char_p()
        self._library.cuGetErrorString(status, ctypes.byref(text))
        reason = text.value.decode() if text.value else f"error {status}"
        hint = "use smaller inputs, or free memory on the device" if status == _OUT_OF_MEMORY else None
        raise ExecutionError(f"the CUDA driver failed: {reason}", where=name, hint=hint)

    def unload(self, handle: Any) -> None:
        """Unload a module."""
        self.attach()
        self.call("cuModuleUnload", handle)


class Module:
    """Loaded device code; unloaded when it is no longer referenced."""

    def __init__(self, driver: Driver, handle: Any) -> None:
        self._driver = driver
        self._handle = handle

    def function(self, name: str, shared: int = 0) -> Any:
        """The kernel called ``name``, which may take ``shared`` bytes of dynamic shared memory."""
        function = _HANDLE()
        self._driver.call("cuModuleGetFunction", ctypes.byref(function), self._handle, name.encode())
        if shared > _SHARED_WITHOUT_ASKING:
            self._driver.call("cuFuncSetAttribute", function, _MOST_DYNAMIC_SHARED, shared)
        return function

    def __del__(self) -> None:
        try:
            self._driver.unload(self._handle)
        except (ExecutionError, AttributeError):
            return  # the process is ending, and the driver with it


@cache
def default_driver() -> Driver:
    """The driver of this process."""
    return Driver()
