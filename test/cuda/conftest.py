"""Modules on their way to the GPU, and a stand-in for NVIDIA's driver."""

import ctypes
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from torch_mlir import ir

from stepwell.backends.cuda.driver import Driver
from stepwell.backends.cuda.pipeline import kernel_stages
from stepwell.backends.llvm.toolchain import find_compiler
from stepwell.dialects.context import make_context
from stepwell.passes.pipeline import Pipeline, Stage, parse_element
from stepwell.passes.runner import run_pipeline


def parse(text: str) -> ir.Module:
    with make_context(torch=False), ir.Location.unknown():
        return ir.Module.parse(text)


@pytest.fixture
def to_nvvm() -> Callable[[str], ir.Module]:
    """A tensor-level module at the last level of target ``cuda``."""

    def lower(text: str, arch: str = "sm_90a") -> ir.Module:
        module = parse(text)
        run_pipeline(Pipeline(kernel_stages("contract", arch, 256)), module)
        return module

    return lower


@pytest.fixture
def emulated() -> Callable[[str], ir.Module]:
    """A tensor-level module taken to GPU kernels, and from there to loops that the interpreter runs."""

    def lower(text: str, threads: int = 32) -> ir.Module:
        module = parse(text)
        loops = Stage("loops", "buffer", [parse_element("gpu-to-loops")])
        run_pipeline(Pipeline([*kernel_stages("strict", "sm_90a", threads, plain=True)[:-1], loops]), module)
        return module

    return lower


class Mock:
    """The stand-in driver and what it counts."""

    def __init__(self, library: Path) -> None:
        self.driver = Driver(str(library))
        self._library = ctypes.CDLL(str(library))
        for name in ("launches", "fail_alloc", "minor", "updates"):
            self.set(name, 0)

    def get(self, name: str) -> int:
        return ctypes.c_int.in_dll(self._library, f"mock_{name}").value

    def set(self, name: str, value: int) -> None:
        ctypes.c_int.in_dll(self._library, f"mock_{name}").value = value


@pytest.fixture(scope="session")
def mock_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("cuda") / "libmock_cuda.so"
    source = Path(__file__).with_name("mock_cuda.c")
    subprocess.run([*find_compiler(), "-shared", "-fPIC", "-w", "-o", str(library), str(source)], check=True)
    return library


@pytest.fixture
def mock(mock_library: Path) -> Mock:
    return Mock(mock_library)
