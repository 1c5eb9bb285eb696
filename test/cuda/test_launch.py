"""Launch plans and the driver, on a stand-in for libcuda."""

import ctypes
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stepwell.backends.cuda import tensor_maps
from stepwell.backends.cuda.driver import Driver
from stepwell.backends.cuda.map_slots import MapSlots
from stepwell.backends.cuda.memory import place_temporaries
from stepwell.backends.cuda.plan import Plan, TensorMap, descriptor_words, evaluate
from stepwell.backends.cuda.runnable import CudaRunnable, check_arch
from stepwell.backends.cuda.tensor_maps import encode
from stepwell.support import parameter_file
from stepwell.support.errors import ArtifactError, ExecutionError, UsageError
from stepwell.support.parameters import ParameterStore
from stepwell.support.signature import Dim, Signature, SymbolRange, TensorSpec

SIGNATURE = Signature(
    inputs=(TensorSpec("x", "f32", (Dim("n"),)),),
    results=(TensorSpec("0", "f32", (Dim("n"),)), TensorSpec("1", "f32", (1, Dim("n")))),
    symbols={"n": SymbolRange(0, None)},
)

ONE_RESULT = replace(SIGNATURE, results=SIGNATURE.results[:1])

PLAN: dict[str, Any] = {
    "buffers": [
        {"kind": "input", "index": 0},
        {"kind": "parameter", "name": "w"},
        {"kind": "temporary", "dtype": "f32", "sizes": [["dim", 0, 0]]},
        {"kind": "view", "of": 2, "sizes": [1, ["dim", 2, 0]]},
    ],
    "launches": [
        {
            "kernel": "add_one",
            "grid": [["max", ["ceildiv", ["dim", 0, 0], 32], 1], 1, 1],
            "block": [32, 1, 1],
            "arguments": [{"index": ["dim", 0, 0]}, {"buffer": source}, {"buffer": 2}],
        }
        for source in (0, 2)
    ],
    "results": [2, 3],
}


@pytest.fixture
def parameters(tmp_path: Path) -> Path:
    store = ParameterStore()
    store.add("w", lambda: np.ones(3, np.float32))
    parameter_file.write(tmp_path / "model.safetensors", store)
    return tmp_path / "model.safetensors"


def runnable(parameters: Path, driver: Driver, plan: Any = None, signature: Signature = SIGNATURE) -> CudaRunnable:
    plans = {"main": Plan.from_data(plan or PLAN)}
    return CudaRunnable(b"code", "sm_90a", plans, {"main": signature}, parameters, driver)


def _run(program: CudaRunnable) -> list[torch.Tensor]:
    return program.run(program.new_session(), "main", [torch.ones(4)])


@pytest.mark.parametrize("count", [0, 1, 100])
def test_a_run(mock: Any, parameters: Path, count: int) -> None:
    program = runnable(parameters, mock.driver)
    x = torch.arange(count, dtype=torch.float32)
    before = mock.get("allocated")
    session = program.new_session()
    first, second = program.run(session, "main", [x])
    torch.testing.assert_close(first, x + 2)
    torch.testing.assert_close(second, (x + 2)[None])
    assert mock.get("launches") == 2
    assert (mock.get("grid"), mock.get("block")) == (max(1, -(-count // 32)), 32)
    again, _ = program.run(session, "main", [x])
    torch.testing.assert_close(again, x + 2)
    assert mock.get("launches") == 4
    # Only the weight stays on the device, and goes with the program.
    assert mock.get("allocated") == before + 1
    del program
    assert mock.get("allocated") == before


def test_kernels_run_as_one_graph_for_each_shape(mock: Any, parameters: Path) -> None:
    program = runnable(parameters, mock.driver)
    session = program.new_session()
    graphs = mock.get("graphs")
    for count in (3, 5, 3, 5):
        x = torch.rand(count)
        result, _ = program.run(session, "main", [x])
        torch.testing.assert_close(result, x + 2)
    assert mock.get("graphs") == graphs + 2
    assert mock.get("updates") > 0, "inputs and results lie elsewhere at every run"
    for count in range(1, 20):
        program.run(session, "main", [torch.rand(count)])
    assert mock.get("graphs") == graphs + 16
    session = program.new_session()
    assert mock.get("graphs") == graphs


def test_temporaries_share_memory(mock: Any, parameters: Path) -> None:
    temporary = {"kind": "temporary", "dtype": "f32", "sizes": [["dim", 0, 0]]}
    plan = {
        "buffers": [PLAN["buffers"][0], *[temporary] * 4],
        "launches": [
            {**PLAN["launches"][0], "arguments": [{"index": ["dim", 0, 0]}, {"buffer": n}, {"buffer": n + 1}]}
            for n in range(4)
        ],
        "results": [4],
    }
    offsets, size = place_temporaries(Plan.from_data(plan), [(1000,)] * 5)
    assert offsets[1] == offsets[3] != offsets[2]
    assert 2 * 4000 <= size < 3 * 4000
    x = torch.rand(7)
    program = runnable(parameters, mock.driver, plan, ONE_RESULT)
    torch.testing.assert_close(program.run(program.new_session(), "main", [x])[0], x + 4)


def test_zeros_are_there_at_the_start_and_alone(mock: Any, parameters: Path) -> None:
    temporary = {"kind": "temporary", "dtype": "f32", "sizes": [["dim", 0, 0]]}
    zeros = {**temporary, "kind": "zeros"}
    order = [(0, 1), (1, 2), (3, 4)]
    plan = {
        "buffers": [PLAN["buffers"][0], temporary, temporary, zeros, temporary],
        "launches": [
            {**PLAN["launches"][0], "arguments": [{"index": ["dim", 0, 0]}, {"buffer": source}, {"buffer": target}]}
            for source, target in order
        ],
        "results": [4],
    }
    offsets, _ = place_temporaries(Plan.from_data(plan), [(1000,)] * 5)
    assert len({offsets[1], offsets[2], offsets[3]}) == 3
    program = runnable(parameters, mock.driver, plan, ONE_RESULT)
    session = program.new_session()
    for size in (7, 300):
        assert program.run(session, "main", [torch.rand(size)])[0].tolist() == [1] * size


@pytest.mark.parametrize(("arch", "loaded"), [("sm_80", b"code"), ("sm_90", b"cubin")])
def test_a_cubin_is_for_its_own_generation(mock: Any, parameters: Path, arch: str, loaded: bytes) -> None:
    plans = {"main": Plan.from_data(PLAN)}
    program = CudaRunnable(b"code", arch, plans, {"main": SIGNATURE}, parameters, mock.driver, cubin=b"cubin")
    with mock.loaded() as codes:
        _run(program)
    assert codes == [loaded]


def test_tensor_maps_follow_their_buffers(mock: Any, parameters: Path) -> None:
    mapped = {
        "map": {
            "buffer": 0,
            "dtype": "f32",
            "offset": 0,
            "sizes": [1, ["dim", 0, 0]],
            "strides": [8, 1],
            "box": [1, 32],
        }
    }
    plan = {
        "buffers": [PLAN["buffers"][0], PLAN["buffers"][2]],
        "launches": [
            {
                **PLAN["launches"][0],
                "kernel": "by_map",
                "shared": 200000,
                "arguments": [{"index": ["dim", 0, 0]}, mapped, {"buffer": 1}],
            }
        ],
        "results": [1],
    }
    program = runnable(parameters, mock.driver, plan, ONE_RESULT)
    session = program.new_session()
    for _ in range(3):
        x = torch.rand(9)
        torch.testing.assert_close(program.run(session, "main", [x])[0], x + 1)
    assert mock.get("shared") == 200000, "more than 48 KB are asked for"


def test_maps_are_made_once_for_each_of_the_last_addresses(mock: Any) -> None:
    found = TensorMap(0, "f32", 0, (1, ["dim", 0, 0]), (8, 1), (1, 32))
    first = mock.driver.allocate(2 * tensor_maps.BYTES)
    slots = MapSlots(mock.driver, found, [(7,)], first, 2)
    one, other = slots.place(256, 0), slots.place(512, 0)
    assert {one, other} == {first, first + tensor_maps.BYTES}
    assert (slots.place(256, 0), slots.place(512, 0)) == (one, other)
    assert mock.get("maps") == 2
    assert slots.place(768, 0) == one, "the one not used for longest goes"
    assert slots.place(256, 0) == other
    assert mock.get("maps") == 4
    mock.driver.free(first)


@pytest.mark.parametrize(("dtype", "width"), [("i8", 1), ("i32", 4), ("f16", 2), ("bf16", 2), ("f32", 4), ("tf32", 4)])
def test_boxes_are_as_wide_as_the_driver_takes_elements_to_be(mock: Any, dtype: str, width: int) -> None:
    found = TensorMap(0, dtype, 0, (1, 64, 256), (1 << 14, 256, 1), (1, 64, 128 // width))
    assert len(encode(mock.driver, 4096, found, [1, 64, 256], [1 << 14, 256, 1])) == tensor_maps.BYTES


def test_a_tensor_map_of_images(mock: Any, mock_library: Path) -> None:
    window = {"lower": [-1, -2], "upper": [-3, -4], "strides": [5, 6]}
    found = TensorMap(0, "bf16", 0, (1, 9, 9, 64), (5184, 576, 64, 1), (128, 64), window)
    encode(mock.driver, 4096, found, [1, 9, 9, 64], [5184, 576, 64, 1])
    seen = (ctypes.c_int * 10).in_dll(ctypes.CDLL(str(mock_library)), "mock_window")
    assert list(seen) == [-2, -1, -4, -3, 64, 128, 1, 6, 5, 1], "innermost first"


def test_a_state_stays_on_the_device(mock: Any, parameters: Path) -> None:
    store = ParameterStore()
    store.add("state:total", lambda: np.full(4, 5, np.float32))
    parameter_file.write(parameters, store)
    plan = {
        "buffers": [{"kind": "state", "name": "total"}, {"kind": "temporary", "dtype": "f32", "sizes": [4]}],
        "launches": [
            {**PLAN["launches"][0], "grid": [1, 1, 1], "arguments": [{"index": 4}, {"buffer": 0}, {"buffer": 1}]}
        ],
        "results": [1],
        "states": {"total": 1},
    }
    signature = replace(ONE_RESULT, inputs=(), states=(TensorSpec("total", "f32", (4,)),), symbols={})
    program = runnable(parameters, mock.driver, plan, signature)
    session = program.new_session()
    assert program.state(session, "total").tolist() == [5] * 4
    for value in (6, 7):
        assert program.run(session, "main", [])[0].tolist() == [value] * 4
    assert program.state(session, "total").tolist() == [7] * 4
    copy = program.clone_session(session)
    assert program.run(copy, "main", [])[0].tolist() == [8] * 4
    assert program.state(session, "total").tolist() == [7] * 4
    assert program.run(program.new_session(), "main", [])[0].tolist() == [6] * 4
    with pytest.raises(UsageError, match="no state called 'other'"):
        program.state(session, "other")


@pytest.mark.parametrize(("target", "copies"), [(0, 0), (1, 2)])
def test_a_state_that_is_written_in_place_is_not_copied(mock: Any, parameters: Path, target: int, copies: int) -> None:
    store = ParameterStore()
    store.add("state:total", lambda: np.full(4, 5, np.float32))
    parameter_file.write(parameters, store)
    plan = {
        "buffers": [{"kind": "state", "name": "total"}, {"kind": "temporary", "dtype": "f32", "sizes": [4]}],
        "launches": [
            {**PLAN["launches"][0], "grid": [1, 1, 1], "arguments": [{"index": 4}, {"buffer": 0}, {"buffer": target}]}
        ],
        "results": [],
        "states": {"total": 1} if target else {},
    }
    signature = replace(SIGNATURE, inputs=(), results=(), states=(TensorSpec("total", "f32", (4,)),), symbols={})
    program = runnable(parameters, mock.driver, plan, signature)
    session = program.new_session()
    launched, before = mock.get("launches"), mock.get("copies")
    for value in (6, 7):
        assert program.run(session, "main", []) == []
        assert program.state(session, "total").tolist() == [value] * 4
    assert mock.get("launches") == launched + 2
    assert mock.get("copies") == before + copies


def test_an_input_that_is_returned_is_copied(mock: Any, parameters: Path) -> None:
    plan = {"buffers": [PLAN["buffers"][0]], "launches": [], "results": [0]}
    program = runnable(parameters, mock.driver, plan, ONE_RESULT)
    x = torch.rand(6)
    result = program.run(program.new_session(), "main", [x])[0]
    torch.testing.assert_close(result, x)
    assert result.data_ptr() != x.data_ptr()


def test_out_of_memory(mock: Any, parameters: Path) -> None:
    mock.set("fail_alloc", 1)
    with pytest.raises(ExecutionError, match="out of memory") as failure:
        _run(runnable(parameters, mock.driver))
    assert "use smaller inputs" in str(failure.value)
    assert mock.get("launches") == 0


def test_sizes_that_the_model_does_not_take(mock: Any, parameters: Path) -> None:
    plan = {**PLAN, "checks": [{"holds": ["ne", ["dim", 0, 0], 4], "message": "four are too many"}]}
    with pytest.raises(ExecutionError, match="four are too many"):
        _run(runnable(parameters, mock.driver, plan))
    assert mock.get("launches") == 0


def test_an_unknown_kernel(mock: Any, parameters: Path) -> None:
    plan = {**PLAN, "launches": [{**PLAN["launches"][0], "kernel": "absent"}]}
    with pytest.raises(ExecutionError, match="named symbol not found"):
        _run(runnable(parameters, mock.driver, plan))


def test_another_architecture(mock: Any, parameters: Path) -> None:
    mock.set("minor", 1)
    with pytest.raises(ArtifactError, match=r"the code is for sm_90a, Mock GPU has compute capability 9\.1"):
        _run(runnable(parameters, mock.driver))
    check_arch("sm_80", (9, 0), "GPU")
    check_arch("sm_90", (12, 0), "GPU")
    for arch, capability in (("sm_90a", (12, 0)), ("sm_90", (8, 9))):
        with pytest.raises(ArtifactError, match="cuda,arch=sm_"):
            check_arch(arch, capability, "GPU")


def test_no_driver() -> None:
    with pytest.raises(ExecutionError) as failure:
        Driver("libno_such_driver.so")
    assert "this machine has no NVIDIA driver, so CUDA code can't run here" in str(failure.value)
    assert "target 'cpu'" in str(failure.value)


def test_the_device(mock: Any) -> None:
    assert mock.driver.name == "Mock GPU"
    assert mock.driver.capability == (9, 0)


def test_sizes() -> None:
    shapes = [(5, 7), (3,)]
    assert evaluate(4, shapes) == 4
    assert evaluate(["dim", 0, 1], shapes) == 7
    assert evaluate(["ceildiv", ["mul", ["dim", 0, 0], ["dim", 1, 0]], 4], shapes) == 4
    assert evaluate(["max", ["sub", 1, 3], ["div", 7, 2]], shapes) == 3
    assert [evaluate([name, -7, 2], shapes) for name in ("div", "floordiv", "ceildiv", "rem")] == [-3, -4, -3, -1]
    assert evaluate(["select", ["and", ["lt", 1, 2], ["ne", 3, 3]], 5, ["dim", 1, 0]], shapes) == 3
    assert descriptor_words(64, (5, 7)) == [64, 64, 0, 5, 7, 7, 1]
    assert descriptor_words(64, ()) == [64, 64, 0]


@pytest.mark.parametrize("damage", [{}, {"buffers": [{"color": 1}], "launches": [], "results": []}, {"buffers": 3}])
def test_a_damaged_plan(damage: dict[str, Any]) -> None:
    with pytest.raises(ArtifactError, match="the launch plan is damaged"):
        Plan.from_data(damage)
