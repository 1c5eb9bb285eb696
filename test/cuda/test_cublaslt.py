"""Products left to cuBLASLt: what it is asked, on stand-ins for it and for the driver."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stand_in import Counters, build_stand_in
from torch import nn
from torch.export import Dim

import stepwell
from stepwell.backends.cuda import cublaslt
from stepwell.backends.cuda.cpp.file import print_cuda
from stepwell.backends.cuda.cublaslt import CublasLt, LibraryProduct, default_library
from stepwell.backends.cuda.plan import Plan
from stepwell.backends.cuda.runnable import CudaRunnable
from stepwell.driver.executable import Executable
from stepwell.driver.verify import verify
from stepwell.support import parameter_file
from stepwell.support.errors import DeviceError, ExecutionError, UsageError
from stepwell.support.parameters import ParameterStore
from stepwell.support.signature import Signature, TensorSpec

TARGET = "cuda,libraries=cublaslt"


class Library(Counters):
    """The stand-in and what it counts."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, products=0, ways=1, status=0)
        self.library = CublasLt(str(path))


@pytest.fixture(scope="session")
def library_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_stand_in("mock_cublaslt.c", tmp_path_factory.mktemp("cublaslt"))


@pytest.fixture
def library(library_path: Path) -> Library:
    return Library(library_path)


class Product(nn.Module):
    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a @ b


def on_stand_ins(program: Executable, mock: Any, library: Library) -> CudaRunnable:
    plans = {"main": Plan.from_data(program.code.facts["launches"]["main"])}
    code = program.code.files["model.ptx"]
    return CudaRunnable(code, "sm_90a", plans, program.signatures, program.parameter_file, mock.driver, library.library)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [(), (3,)])
def test_products(batch: tuple[int, ...], kind: torch.dtype, mock: Any, library: Library) -> None:
    inputs = (torch.randn(*batch, 5, 4, dtype=kind), torch.randn(*batch, 4, 7, dtype=kind))
    program = stepwell.compile(Product(), inputs, target=TARGET, cache=False)
    assert program.report is not None
    assert program.report.notes["lower-kernels"] == {"cublaslt": 1}
    assert ".entry" not in program.code.files["model.ptx"].decode()
    runnable = on_stand_ins(program, mock, library)
    session, alive = runnable.new_session(), library.get("alive")
    for _ in range(2):  # inputs and results lie elsewhere
        inputs = (torch.randn_like(inputs[0]), torch.randn_like(inputs[1]))
        (result,) = runnable.run(session, "main", inputs)
        torch.testing.assert_close(result, inputs[0] @ inputs[1])
    assert library.get("products") == 2
    del session
    assert library.get("alive") == alive


@pytest.mark.parametrize("left_transposed", [False, True])
@pytest.mark.parametrize("right_transposed", [False, True])
def test_layouts(left_transposed: bool, right_transposed: bool, library: Library) -> None:
    left, right = (np.random.default_rng().standard_normal(shape) for shape in ((2, 5, 4), (2, 4, 7)))
    memory = [
        np.ascontiguousarray(left.swapaxes(1, 2)) if left_transposed else left,
        np.ascontiguousarray(right.swapaxes(1, 2)) if right_transposed else right,
        np.zeros((2, 5, 7)),
    ]
    facts = {
        "element": "f64", "result": "f64", "left_transposed": left_transposed, "right_transposed": right_transposed,
        "batch": [0], "rows": [1], "columns": [2], "depth": 4,
    }  # fmt: skip
    places = [array.ctypes.data for array in memory]
    LibraryProduct(library.library, facts, (2, 5, 7), places, memory[0].ctypes.data).launch(0)
    np.testing.assert_allclose(memory[2], left @ right)


@pytest.mark.parametrize("rows", [0, 1, 6])
def test_dynamic_rows(rows: int, mock: Any, library: Library) -> None:
    shapes = {"a": {0: Dim("rows", min=0)}, "b": None}
    inputs = (torch.randn(3, 8), torch.randn(8, 4))
    program = stepwell.compile(Product(), inputs, target=TARGET, dynamic_shapes=shapes, cache=False)
    runnable = on_stand_ins(program, mock, library)
    x = torch.randn(rows, 8)
    (result,) = runnable.run(runnable.new_session(), "main", [x, inputs[1]])
    torch.testing.assert_close(result, x @ inputs[1])
    assert library.get("products") == (rows > 0)


def test_what_it_takes() -> None:
    model = nn.Sequential(nn.Linear(64, 96), nn.GELU(), nn.Linear(96, 64)).to(torch.bfloat16)
    x = torch.randn(8, 64).to(torch.bfloat16)
    program = stepwell.compile(model, (x,), target=TARGET, cache=False)
    assert program.report is not None
    notes = program.report.notes["lower-kernels"]
    assert notes == {"cublaslt": 2, "rows": 2}
    launches = program.code.facts["launches"]["main"]["launches"]
    assert [launch.get("library", {}).get("name") for launch in launches] == ["cublaslt", None, "cublaslt", None]
    assert [launch["library"]["element"] for launch in launches[::2]] == ["bf16", "bf16"]
    integers = stepwell.compile(
        Product(), (torch.ones(4, 8, dtype=torch.int32), torch.ones(8, 4, dtype=torch.int32)), target=TARGET
    )
    assert integers.report is not None
    assert "cublaslt" not in integers.report.notes["lower-kernels"]


def test_levels_and_printed_kernels() -> None:
    model, x = nn.Linear(16, 24), torch.randn(5, 16)
    report = verify(model, (x,), target=TARGET)
    assert report.passed, report.table()
    assert "kernels" in {row.stage for row in report.rows}
    text = print_cuda(stepwell.lower(model, (x,), target=TARGET, to="kernel"))
    assert "rows_" in text
    assert "product_" not in text


def test_kernels_and_products_in_turn(mock: Any, library: Library, tmp_path: Path) -> None:
    store = ParameterStore()
    store.add("w", lambda: np.ones(3, np.float32))
    parameter_file.write(tmp_path / "model.safetensors", store)
    temporary = {"kind": "temporary", "dtype": "f32", "sizes": [4]}

    def add_one(source: int) -> dict[str, Any]:
        arguments = [{"index": 4}, {"buffer": source}, {"buffer": source + 1}]
        return {"kernel": "add_one", "grid": [1, 1, 1], "block": [32, 1, 1], "arguments": arguments}

    facts = {
        "name": "cublaslt", "element": "f32", "result": "f32", "left": 0, "right": 0, "left_transposed": True,
        "right_transposed": False, "batch": [], "rows": [0], "columns": [1], "depth": 1,
    }  # fmt: skip
    squares = {
        "kernel": "product_0", "grid": [1, 1, 1], "block": [32, 1, 1], "library": facts,
        "arguments": [{"buffer": 3}, {"buffer": 4}],
    }  # fmt: skip
    buffers = [{"kind": "input", "index": 0}, *[temporary] * 3, {**temporary, "sizes": [4, 4]}]
    plan = {"buffers": buffers, "launches": [add_one(0), add_one(1), add_one(2), squares], "results": [4]}
    signature = Signature((TensorSpec("x", "f32", (4,)),), (TensorSpec("0", "f32", (4, 4)),))
    program = CudaRunnable(
        b"code", "sm_90a", {"main": Plan.from_data(plan)}, {"main": signature}, tmp_path / "model.safetensors",
        mock.driver, library.library,
    )  # fmt: skip
    session = program.new_session()
    for _ in range(3):
        x = torch.rand(4)
        (result,) = program.run(session, "main", [x])
        torch.testing.assert_close(result, torch.outer(x + 3, x + 3))
    assert mock.get("launches") == 9
    assert library.get("products") == 3


def test_failures(mock: Any, library: Library) -> None:
    inputs = (torch.randn(3, 8), torch.randn(8, 4))
    program = stepwell.compile(Product(), inputs, target=TARGET, cache=False)
    runnable = on_stand_ins(program, mock, library)
    library.set("ways", 0)
    with pytest.raises(ExecutionError, match="cuBLASLt has no way to compute a product"):
        runnable.run(runnable.new_session(), "main", inputs)
    library.set("ways", 1)
    library.set("status", 14)
    with pytest.raises(ExecutionError, match="cuBLASLt failed with status 14") as failure:
        runnable.run(runnable.new_session(), "main", inputs)
    assert "compile without 'libraries=cublaslt'" in str(failure.value)


def test_without_the_library(mock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cublaslt, "_NAMES", ("libno_such_library.so",))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    default_library.cache_clear()
    inputs = (torch.randn(3, 8), torch.randn(8, 4))
    program = stepwell.compile(Product(), inputs, target=TARGET, cache=False)
    plans = {"main": Plan.from_data(program.code.facts["launches"]["main"])}
    runnable = CudaRunnable(b"", "sm_90a", plans, program.signatures, program.parameter_file, mock.driver)
    with pytest.raises(DeviceError, match="compiled with 'libraries=cublaslt', and cuBLASLt was not found") as failure:
        runnable.run(runnable.new_session(), "main", inputs)
    assert "pip install nvidia-cublas" in str(failure.value)


def test_another_library() -> None:
    with pytest.raises(UsageError, match="option 'libraries' of target 'cuda' is one of none, cublaslt, not 'mkl'"):
        stepwell.compile(Product(), (torch.randn(3, 8), torch.randn(8, 4)), target="cuda,libraries=mkl")
