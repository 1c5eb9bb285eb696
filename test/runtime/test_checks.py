"""What a run refuses, and the words it says."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest
import torch

from stepwell.support.errors import InputError
from stepwell.support.native import NativeModel, Session
from stepwell.support.native_library import DLTensor, library


@pytest.mark.parametrize(
    ("entry", "inputs", "message"),
    [
        ("add", [], "takes 1 inputs, 0 were given"),
        ("add", [torch.ones(2, 4)] * 2, "takes 1 inputs, 2 were given"),
        ("add", [torch.ones(2, 4, dtype=torch.float64)], "input 'x': expected dtype f32, got f64"),
        ("add", [torch.ones(2, 4, dtype=torch.bool)], "input 'x': expected dtype f32, got i1"),
        ("add", [torch.ones(2, 5)], "input 'x': expected shape [n, 4], got [2, 5]"),
        ("add", [torch.ones(4)], "input 'x': expected shape [n, 4], got [4]"),
        ("add", [torch.tensor(1.0)], "input 'x': expected shape [n, 4], got []"),
        ("add", [torch.ones(1001, 4)], "dimension 0 makes 'n' 1001, which must lie in 0 to 1000"),
        ("square", [torch.ones(1)], "dimension 0 makes 'n' 1, which must be at least 2"),
        ("pair", [torch.ones(3), torch.ones(2)], "input 'a': expected shape [2*n], got [3]"),
        ("pair", [torch.ones(4), torch.ones(4)], "input 'b': expected shape [n+1] with 'n' = 2 as in earlier inputs"),
        ("add", [torch.ones(2, 4, device="meta")], "input 'x' is on device meta"),
        ("add", [torch.ones(2, 4).to_sparse()], "input 'x' must be a dense torch.Tensor with memory, not torch.sparse"),
        ("add", [[1.0]], "input 'x' must be a dense torch.Tensor with memory, not list"),
    ],
)
def test_inputs_that_do_not_fit(session: Session, entry: str, inputs: list[Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        session.run(entry, inputs)
    assert message in str(error.value)


def test_inputs_that_fit_together(session: Session) -> None:
    assert session.run("pair", [torch.ones(4), torch.ones(3)]) == []


def test_a_refused_run_leaves_the_state_alone(session: Session) -> None:
    with pytest.raises(InputError):
        session.run("count", [torch.ones(3)])
    assert session.state("total").tolist() == [10, 20]


class Raw:
    """DLTensors by hand, for what Python's binding never passes."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.x = torch.ones(2, 4)
        self.y = torch.zeros(2, 4)
        self.input = self.tensor(self.x)
        self.output = self.tensor(self.y)

    @staticmethod
    def tensor(value: torch.Tensor) -> DLTensor:
        result = DLTensor(data=value.data_ptr(), device_type=1, ndim=value.dim(), code=2, bits=32, lanes=1)
        result.shape = (ctypes.c_int64 * value.dim())(*value.shape)
        return result

    def run(self, inputs: int = 1, outputs: int = 1) -> str:
        """Run entry add (index 0); the error's message, empty when there is none."""
        pointer = ctypes.POINTER(DLTensor)
        ins = (pointer * 1)(ctypes.pointer(self.input))
        outs = (pointer * 1)(ctypes.pointer(self.output))
        status = library().sw_session_run(self.session._handle, 0, ins, inputs, outs, outputs)
        return library().sw_last_error().decode() if status else ""


@pytest.fixture
def raw(session: Session) -> Raw:
    return Raw(session)


def test_output_of_the_caller_is_written(raw: Raw) -> None:
    assert raw.run() == ""
    assert raw.y.tolist() == [[2, 3, 4, 5]] * 2


def test_output_without_data_gets_memory_and_shape(raw: Raw) -> None:
    raw.output = DLTensor()
    assert raw.run() == ""
    assert raw.output.shape[:2] == [2, 4]
    assert (raw.output.ndim, raw.output.code, raw.output.bits, raw.output.lanes) == (2, 2, 32, 1)
    values = (ctypes.c_float * 8).from_address(raw.output.data)
    assert list(values) == [2, 3, 4, 5] * 2


def test_counts(raw: Raw) -> None:
    assert raw.run(inputs=0) == "entry 'add' takes 1 inputs, got 0"
    assert raw.run(outputs=0) == "entry 'add' gives 1 outputs, got room for 0"


def test_null_data(raw: Raw) -> None:
    raw.input.data = None
    assert raw.run() == "input 'x' has no data (NULL)"


def test_missing_shape(raw: Raw) -> None:
    raw.input.shape = None
    assert raw.run() == "input 'x': the tensor has no shape"


def test_other_device(raw: Raw) -> None:
    raw.input.device_type = 2
    assert raw.run() == "input 'x': expected memory of the CPU, got DLPack device type 2"


def test_vector_lanes(raw: Raw) -> None:
    raw.input.lanes = 4
    assert raw.run() == "input 'x': expected dtype f32, got DLPack code 2 with 32 bits in 4 lanes"


def test_output_of_wrong_shape(raw: Raw) -> None:
    raw.output = raw.tensor(torch.zeros(3, 4))
    assert raw.run() == "output 'y': expected shape [n, 4], got [3, 4]"


def test_output_of_wrong_dtype(raw: Raw) -> None:
    raw.output.bits = 16
    assert raw.run() == "output 'y': expected dtype f32, got f16"


def test_output_with_strides(raw: Raw) -> None:
    raw.output.strides = (ctypes.c_int64 * 2)(1, 2)
    assert raw.run() == "output 'y' must be dense and row-major"


def test_misaligned_output(raw: Raw) -> None:
    room = torch.zeros(20)
    raw.output.data = room.data_ptr() + 1
    assert raw.run() == "output 'y' must be aligned to its element of 4 bytes"


def test_output_over_an_input(raw: Raw) -> None:
    raw.output.data = raw.input.data
    assert raw.run() == "output 'y' overlaps input 'x'"


def test_null_handles(model: NativeModel) -> None:
    runtime = library()
    assert runtime.sw_session_run(None, 0, None, 0, None, 0) == 5
    assert runtime.sw_session_reset(None) == 5
    assert runtime.sw_session_create(model._handle, None) == 5
    assert runtime.sw_model_create(None, None, 0, None) == 5
    runtime.sw_session_destroy(None)
    runtime.sw_model_close(None)


def test_entry_out_of_range(session: Session) -> None:
    assert library().sw_session_run(session._handle, 99, None, 0, None, 0) == 5
    assert library().sw_last_error() == b"the model has 6 entries, none of index 99"
