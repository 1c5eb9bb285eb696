"""Launch plans and the driver, on a stand-in for libcuda."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stepwell.backends.cuda.driver import Driver
from stepwell.backends.cuda.plan import Plan, descriptor_words, evaluate
from stepwell.backends.cuda.runnable import CudaRunnable, check_arch
from stepwell.support import parameter_file
from stepwell.support.errors import ArtifactError, ExecutionError
from stepwell.support.parameters import ParameterStore
from stepwell.support.signature import Dim, Signature, SymbolRange, TensorSpec

SIGNATURE = Signature(
    inputs=(TensorSpec("x", "f32", (Dim("n"),)),),
    results=(TensorSpec("0", "f32", (Dim("n"),)), TensorSpec("1", "f32", (1, Dim("n")))),
    symbols={"n": SymbolRange(0, None)},
)

PLAN = {
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


def runnable(parameters: Path, driver: Driver, plan: Any = None) -> CudaRunnable:
    plans = {"main": Plan.from_data(plan or PLAN)}
    return CudaRunnable(b"code", "sm_90a", plans, {"main": SIGNATURE}, parameters, driver)


@pytest.mark.parametrize("count", [0, 1, 100])
def test_a_run(mock: Any, parameters: Path, count: int) -> None:
    program = runnable(parameters, mock.driver)
    x = torch.arange(count, dtype=torch.float32)
    before = mock.get("allocated")
    first, second = program.run(program.new_session(), "main", [x])
    torch.testing.assert_close(first, x + 2)
    torch.testing.assert_close(second, (x + 2)[None])
    assert mock.get("launches") == 2
    assert (mock.get("grid"), mock.get("block")) == (max(1, -(-count // 32)), 32)
    program.run(None, "main", [x])
    # Only the weight stays on the device, and goes with the program.
    assert mock.get("allocated") == before + 1
    del program
    assert mock.get("allocated") == before


def test_out_of_memory(mock: Any, parameters: Path) -> None:
    mock.set("fail_alloc", 1)
    with pytest.raises(ExecutionError, match="out of memory") as failure:
        runnable(parameters, mock.driver).run(None, "main", [torch.ones(4)])
    assert "use smaller inputs" in str(failure.value)
    assert mock.get("launches") == 0


def test_an_unknown_kernel(mock: Any, parameters: Path) -> None:
    plan = {**PLAN, "launches": [{**PLAN["launches"][0], "kernel": "absent"}]}  # type: ignore[dict-item]
    with pytest.raises(ExecutionError, match="named symbol not found"):
        runnable(parameters, mock.driver, plan).run(None, "main", [torch.ones(4)])


def test_another_architecture(mock: Any, parameters: Path) -> None:
    mock.set("minor", 1)
    with pytest.raises(ArtifactError, match=r"the code is for sm_90a, Mock GPU has compute capability 9\.1"):
        runnable(parameters, mock.driver).run(None, "main", [torch.ones(4)])
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
    assert descriptor_words(64, (5, 7)) == [64, 64, 0, 5, 7, 7, 1]
    assert descriptor_words(64, ()) == [64, 64, 0]


@pytest.mark.parametrize("damage", [{}, {"buffers": [{"color": 1}], "launches": [], "results": []}, {"buffers": 3}])
def test_a_damaged_plan(damage: dict[str, Any]) -> None:
    with pytest.raises(ArtifactError, match="the launch plan is damaged"):
        Plan.from_data(damage)
