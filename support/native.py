"""Compiled models in this process, through the native runtime: torch tensors in, torch tensors out."""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections.abc import Sequence
from ctypes import POINTER, c_int64, c_void_p, pointer
from math import prod
from pathlib import Path
from typing import Any

import torch

from stepwell.support.direct_call import DirectCall, make_direct_call, new_tensor
from stepwell.support.dtypes import from_torch, torch_dtype
from stepwell.support.errors import InputError, UnsupportedError, UsageError
from stepwell.support.native_library import (
    DTYPES,
    Allocate,
    DLTensor,
    EntryDesc,
    ModelDesc,
    Statistics,
    TensorDesc,
    archive,
    check,
    library,
)

__all__ = ["DirectCall", "NativeModel", "Session", "archive", "library"]

_CPU = 1
_CHECK_DIGEST = 1
_CPU_DEVICE = torch.device("cpu")
_NOWHERE = 64  # an aligned address for a tensor without elements, never read or written


class NativeModel:
    """A model whose code is in this process; immutable, shared by threads.

    Make one with :meth:`open` or :meth:`at`.
    """

    def __init__(self, handle: c_void_p, keep: object) -> None:
        self._handle = handle
        self._keep = keep
        weakref.finalize(self, _close, library().sw_model_close, handle, keep)
        self.description: ModelDesc = library().sw_model_description(handle).contents

    @staticmethod
    def open(path: Path, parameter_file: Path | None, *, check_digest: bool = False) -> NativeModel:
        """Load a ``model.so``.

        Raises:
            ArtifactError: it or its parameter file is missing, damaged, or made for something else.
        """
        handle = c_void_p()
        flags = _CHECK_DIGEST if check_digest else 0
        check(library().sw_model_load(_path(path), _path(parameter_file), flags, ctypes.byref(handle)))
        return NativeModel(handle, None)

    @staticmethod
    def at(
        address: int, parameter_file: Path | None, *, keep: object = None, check_digest: bool = False
    ) -> NativeModel:
        """A model described by the constant at ``address``, its code being in this process already.

        Args:
            keep: what must live as long as the model and its sessions, such as the code.

        Raises:
            ArtifactError: the parameter file does not fit.
        """
        handle = c_void_p()
        flags = _CHECK_DIGEST if check_digest else 0
        check(library().sw_model_create(address, _path(parameter_file), flags, ctypes.byref(handle)))
        return NativeModel(handle, keep)

    @property
    def entries(self) -> list[str]:
        """Names of the entry points."""
        return [self.description.entries[i].name.decode() for i in range(self.description.n_entries)]

    def set_threads(self, count: int) -> None:
        """Threads for parallel loops; 0 is one for each available core."""
        check(library().sw_model_set_threads(self._handle, count))

    def rebind(self, parameter_file: Path, *, check_digest: bool = False) -> None:
        """Take other weights of the same shapes; a session goes over to them at its next run or reset.

        Raises:
            ArtifactError: the file does not fit the code.
        """
        check(library().sw_model_rebind(self._handle, _path(parameter_file), _CHECK_DIGEST if check_digest else 0))

    def session(self) -> Session:
        """A new session with initial state."""
        handle = c_void_p()
        check(library().sw_session_create(self._handle, ctypes.byref(handle)))
        return Session(self, handle)


class Session:
    """Arena and mutable state of one user of a model; used by one thread at a time."""

    def __init__(self, model: NativeModel, handle: c_void_p) -> None:
        self._model = model
        self._handle = handle
        self._entries: dict[str, _Entry] = {}
        self._direct: dict[str, DirectCall | None] = {}
        self._lock = threading.Lock()
        weakref.finalize(self, _close, library().sw_session_destroy, handle, model)

    def direct(self, entry: str) -> DirectCall | None:
        """The short way to :meth:`run`, called with the inputs as arguments; None where the entry has too many."""
        if entry not in self._direct:
            index, desc = self._entry(entry)
            self._direct[entry] = make_direct_call(self._handle, index, desc)
        return self._direct[entry]

    def run(self, entry: str, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Run ``entry``; inputs may have any strides and are not written. The results are fresh tensors.

        Raises:
            InputError: the inputs do not fit. ExecutionError: the program stopped. UsageError: the session is running
                in another thread, or there is no such entry.
        """
        if not self._lock.acquire(blocking=False):
            raise UsageError("the session is running in another thread", hint="give each thread a session of its own")
        try:
            bound = self._entries.get(entry)
            if bound is None:
                bound = self._entries[entry] = _Entry(self._handle, *self._entry(entry))
            return bound.run(inputs)
        finally:
            self._lock.release()

    def reset(self) -> None:
        """Give every state its initial value."""
        check(library().sw_session_reset(self._handle))

    def clone(self) -> Session:
        """A new session that starts with the states of this one."""
        handle = c_void_p()
        check(library().sw_session_clone(self._handle, ctypes.byref(handle)))
        return Session(self._model, handle)

    def state(self, name: str) -> torch.Tensor:
        """The state called ``name``: a view of the session's memory, writable between runs."""
        view = DLTensor()
        check(library().sw_session_state(self._handle, name.encode(), ctypes.byref(view)))
        shape = tuple(view.shape[: view.ndim]) if view.ndim else ()
        dtype = torch_dtype(DTYPES[view.code, view.bits])
        if prod(shape) == 0:
            return torch.empty(shape, dtype=dtype, device=_CPU_DEVICE)
        memory = (ctypes.c_uint8 * (prod(shape) * view.bits // 8)).from_address(view.data)
        memory._session = self  # the memory lives as long as the session, which lives as long as its views
        return torch.frombuffer(memory, dtype=dtype).reshape(shape)

    def statistics(self) -> dict[str, int]:
        """Runs, allocations and bytes, as ``sw_statistics`` names them."""
        numbers = Statistics()
        check(library().sw_session_statistics(self._handle, ctypes.byref(numbers)))
        return {field[0]: getattr(numbers, field[0]) for field in Statistics._fields_}

    def _entry(self, entry: str) -> tuple[int, EntryDesc]:
        index = library().sw_model_entry(self._model._handle, entry.encode())
        if index < 0:
            raise UsageError(f"there is no entry '{entry}'", hint=f"there are {', '.join(self._model.entries)}")
        return index, self._model.description.entries[index]


class _Entry:
    """The C arguments of one entry, built once; a run fills in pointers and what has changed."""

    def __init__(self, session: c_void_p, index: int, desc: EntryDesc) -> None:
        self._session = session
        self._index = index
        self._inputs = [_Input(desc.inputs[i]) for i in range(desc.n_inputs)]
        self._outputs = [_Output(desc.outputs[i]) for i in range(desc.n_outputs)]
        self._input_pointers = _pointers(self._inputs)
        self._output_pointers = _pointers(self._outputs)
        self._run = library().sw_session_run_with
        self._results: list[Any] = []
        self._failure: BaseException | None = None
        self._allocate = Allocate(self._allocate_output)

    def run(self, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        slots = self._inputs
        if len(inputs) != len(slots):
            raise InputError(f"the entry takes {len(slots)} inputs, {len(inputs)} were given")
        for slot, tensor in zip(slots, inputs, strict=True):
            slot.point_at(tensor)
        results = self._results = [output.prepare() for output in self._outputs]
        status = self._run(
            self._session,
            self._index,
            self._input_pointers,
            len(slots),
            self._output_pointers,
            len(results),
            self._allocate,
            None,
        )
        self._results = []
        if status:
            failure, self._failure = self._failure, None
            if failure is not None:
                raise failure
            check(status)
        return results

    def _allocate_output(self, user: int, index: int, rank: int, sizes: Any, byte_count: int) -> int | None:
        """Called by the running program for an output of dynamic shape."""
        try:
            tensor = self._results[index] = new_tensor(sizes[:rank], self._outputs[index].dtype)
        except BaseException as failure:  # must not pass through C: raised when the run has ended
            self._failure = failure
            return None
        return tensor.data_ptr()


class _Input:
    """The DLTensor of one input; its shape and strides are rewritten only when they change."""

    def __init__(self, desc: TensorDesc) -> None:
        self.name = desc.name.decode()
        self.tensor = DLTensor(device_type=_CPU, lanes=1)
        self._shape: Any = None
        self._stride: Any = None
        self._dtype: Any = None
        self._keep: Any = None

    def point_at(self, tensor: torch.Tensor) -> None:
        try:
            if not tensor.is_cpu:
                raise InputError(f"input '{self.name}' is on device {tensor.device}", hint="move it with .cpu()")
            if tensor.is_neg() or tensor.is_conj():  # flags that stand for work not done yet
                tensor = self._keep = tensor.resolve_conj().resolve_neg()
            stride = tensor.stride()
            if tensor.shape != self._shape or stride != self._stride or tensor.dtype is not self._dtype:
                self._describe(tensor, stride)
            self.tensor.data = tensor.data_ptr()
        except (AttributeError, RuntimeError):
            kind = tensor.layout if isinstance(tensor, torch.Tensor) else type(tensor).__name__
            raise InputError(f"input '{self.name}' must be a dense torch.Tensor with memory, not {kind}") from None

    def _describe(self, tensor: torch.Tensor, stride: tuple[int, ...]) -> None:
        rank = tensor.dim()
        target = self.tensor
        target.ndim = rank
        target.code, target.bits = _dlpack_dtype(self.name, tensor.dtype)
        target.shape = (c_int64 * rank)(*tensor.shape)
        target.strides = (c_int64 * rank)(*stride)
        self._shape, self._stride, self._dtype = tensor.shape, stride, tensor.dtype


class _Output:
    """The DLTensor of one output."""

    def __init__(self, desc: TensorDesc) -> None:
        self.dtype = torch_dtype(desc.dtype)
        self.shape = desc.static_shape()
        self.tensor = DLTensor(device_type=_CPU, lanes=1, ndim=desc.rank, code=desc.code, bits=desc.bits)
        self.tensor.shape = (c_int64 * desc.rank)(*(self.shape or ()))

    def prepare(self) -> torch.Tensor | None:
        """Memory for a result of static shape; the program asks for the others as it runs."""
        if self.shape is None:
            self.tensor.data = None
            return None
        result = new_tensor(self.shape, self.dtype)
        self.tensor.data = result.data_ptr() or _NOWHERE
        return result


_CODES = {name: pair for pair, name in DTYPES.items()}


def _dlpack_dtype(name: str, dtype: torch.dtype) -> tuple[int, int]:
    try:
        return _CODES[from_torch(dtype)]
    except (KeyError, UnsupportedError):
        raise InputError(f"input '{name}' has dtype {dtype}, which no compiled program takes") from None


def _pointers(slots: Sequence[_Input | _Output]) -> ctypes.Array[Any]:
    return (POINTER(DLTensor) * len(slots))(*(pointer(slot.tensor) for slot in slots))


def _path(path: Path | None) -> bytes | None:
    return None if path is None else str(path).encode()


def _close(function: Any, handle: c_void_p, keep: object) -> None:
    """Release ``handle``; ``keep`` is only passed so that it lives until now."""
    function(handle)
