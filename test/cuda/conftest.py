"""Modules on their way to the GPU, kernels alone, and a stand-in for NVIDIA's driver."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest
from torch_mlir import ir
from torch_mlir.dialects import arith, memref
from torch_mlir.passmanager import PassManager

from stepwell.backends.cuda.driver import Driver
from stepwell.backends.cuda.kernels.epilogue import End, Epilogue, MakeEpilogue
from stepwell.backends.cuda.kernels.instructions import declare_shared
from stepwell.backends.cuda.kernels.word import Word
from stepwell.backends.cuda.pipeline import NVVM, CudaOptions, kernel_stages
from stepwell.backends.cuda.ptx import generate_ptx
from stepwell.backends.cuda.toolkit import ptxas
from stepwell.dialects.context import make_context
from stepwell.passes.pipeline import Pipeline, Stage, parse_element
from stepwell.passes.runner import run_pipeline

sys.path.insert(0, str(Path(__file__).parent))  # for what stands beside the tests
from stand_in import Counters, build_stand_in


def parse(text: str) -> ir.Module:
    with make_context(torch=False), ir.Location.unknown():
        return ir.Module.parse(text)


@pytest.fixture
def to_nvvm() -> Callable[[str], ir.Module]:
    """A tensor-level module at the last level of target ``cuda``."""

    def lower(text: str, arch: str = "sm_90a") -> ir.Module:
        module = parse(text)
        run_pipeline(Pipeline(kernel_stages(CudaOptions(arch=arch))), module)
        return module

    return lower


@pytest.fixture
def emulated() -> Callable[[str], ir.Module]:
    """A tensor-level module taken to GPU kernels, and from there to loops that the interpreter runs."""

    def lower(text: str, threads: int = 32) -> ir.Module:
        module = parse(text)
        loops = Stage("loops", "buffer", [parse_element("gpu-to-loops")])
        run_pipeline(Pipeline([*kernel_stages(CudaOptions("strict", threads=threads, plain=True))[:-1], loops]), module)
        return module

    return lower


@dataclass(frozen=True)
class Assembled:
    """A kernel's PTX, and what ``ptxas -v`` says of it."""

    ptx: str
    report: str

    @property
    def registers(self) -> int:
        found = re.search(r"Used (\d+) registers", self.report)
        assert found is not None, self.report
        return int(found[1])

    def check(self, most_registers: int) -> None:
        """No spills, no notes (C7510 and its like), and no more registers than this."""
        assert not re.search(r"[1-9]\d* bytes spill", self.report), self.report
        assert not re.search(r"C7\d\d\d|warning", self.report), self.report
        assert self.registers <= most_registers


@pytest.fixture
def assemble_ptx(tmp_path: Path) -> Callable[[str, str], Assembled]:
    """Assembles PTX for an architecture."""

    def assemble(ptx: str, arch: str) -> Assembled:
        (tmp_path / "kernel.ptx").write_text(ptx)
        command = [str(ptxas()), "-v", f"-arch={arch}", "-o", "kernel.cubin", "kernel.ptx"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return Assembled(ptx, done.stderr)

    return assemble


@pytest.fixture
def assemble(assemble_ptx: Callable[[str, str], Assembled]) -> Callable[[Callable[[], None], str], Assembled]:
    """Assembles the kernel that a function builds at the insertion point, for an architecture."""

    def assemble(build: Callable[[], None], arch: str) -> Assembled:
        with make_context(torch=False), ir.Location.unknown():
            module = ir.Module.parse("module attributes {gpu.container_module} { gpu.module @kernels {} }")
            inside = module.body.operations[0].regions[0].blocks
            with ir.InsertionPoint(inside[0] if len(inside) else inside.append()):
                declare_shared()
                build()
            assert module.operation.verify()
            PassManager.parse(f"builtin.module({NVVM[-1]})").run(module.operation)
            ptx = generate_ptx(module, arch)
        return assemble_ptx(ptx, arch)

    return assemble


@pytest.fixture
def biased() -> MakeEpilogue:
    """An epilogue that adds a bias of 64 f32 columns, repeated."""

    def make(arguments: Sequence[ir.Value]) -> Epilogue:
        def epilogue(batch: Word, row: Word, column: Word) -> End:
            def end(sums: Sequence[ir.Value]) -> Sequence[ir.Value]:
                results = []
                for step, total in enumerate(sums):
                    place = arith.index_castui(ir.IndexType.get(), ((column + step) % 64).value)
                    results.append(arith.addf(total, memref.load(arguments[0], [place])))
                return results

            return end

        return epilogue

    return make


class Mock(Counters):
    """The stand-in driver and what it counts."""

    def __init__(self, library: Path) -> None:
        super().__init__(library, launches=0, fail_alloc=0, minor=0, updates=0, maps=0)
        self.driver = Driver(str(library))

    @contextmanager
    def loaded(self) -> Iterator[list[bytes]]:
        """The code that is loaded meanwhile."""
        codes: list[bytes] = []
        load = self.driver.load
        with patch.object(self.driver, "load", lambda code: codes.append(code) or load(code)):
            yield codes


@pytest.fixture(scope="session")
def mock_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_stand_in("mock_cuda.c", tmp_path_factory.mktemp("cuda"))


@pytest.fixture
def mock(mock_library: Path) -> Mock:
    return Mock(mock_library)
