"""Locations that name the model from any folder, identical bytes, and costs that grow with the graph alone."""

import inspect
import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest
import torch
from torch import nn

from stepwell.frontend.export import decompose, export_model
from stepwell.frontend.importer import import_program
from stepwell.frontend.load import load_program
from stepwell.frontend.source_paths import innermost_frame, relative_source
from stepwell.passes.pipeline import Pipeline
from stepwell.passes.runner import run_pipeline
from stepwell.passes.stages import graph_stage, tensor_stage

_SCRIPT = """
import sys, torch
from net import Net
from stepwell.frontend.load import load_program
from stepwell.passes.stages import graph_stage, tensor_stage
from stepwell.passes.pipeline import Pipeline
from stepwell.passes.runner import run_pipeline
torch.manual_seed(0)
program = load_program(Net().eval(), (torch.randn(2, 5, 8),), dynamic_shapes=({0: torch.export.Dim("b")},))
print(program.module.operation.get_asm(enable_debug_info=True))
run_pipeline(Pipeline([graph_stage(), tensor_stage()]), program.module)
print(program.module.operation.get_asm(enable_debug_info=True))
"""
_NET = """
import torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    def forward(self, x):
        return {"y": self.layer(x), "z": x.sin()}
"""


def test_identical_bytes_from_two_folders_and_hash_seeds(tmp_path: Path) -> None:
    processes = []
    for name, seed in (("here", "1"), ("elsewhere/deep", "2")):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "net.py").write_text(_NET)
        (folder / "run.py").write_text(_SCRIPT)
        environment = dict(os.environ, PYTHONHASHSEED=seed)
        command = [sys.executable, str(folder / "run.py")]
        processes.append(subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True))
    first, second = (process.communicate()[0] for process in processes)
    assert first == second and len(first) > 10_000
    assert '"net.py":8' in first and "linalg" in first
    assert str(tmp_path) not in first and "site-packages" not in first


def test_paths_start_at_the_outermost_package(tmp_path: Path) -> None:
    inner = tmp_path / "pkg" / "sub"
    inner.mkdir(parents=True)
    for folder in (inner, inner.parent):
        (folder / "__init__.py").touch()
    assert relative_source(str(inner / "model.py")) == "pkg/sub/model.py"
    assert relative_source(str(tmp_path / "script.py")) == "script.py"
    trace = f'File "{tmp_path}/script.py", line 3, in forward\n  x\nFile "{torch.__file__}", line 9, in forward'
    assert innermost_frame(trace) == ("script.py", 3)
    assert innermost_frame("no frame") is None


class Lines(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x.exp()
        return y.sin()


def test_locations_survive_to_the_tensor_level() -> None:
    program = load_program(Lines(), (torch.randn(3),))
    run_pipeline(Pipeline([graph_stage(), tensor_stage()]), program.module)
    found: dict[str, str] = {}
    program.module.operation.walk(lambda op: found.update({op.name: str(op.location)}) or _advance())
    line = inspect.getsourcelines(Lines.forward)[1]
    assert found["math.exp"] == f'loc("exp"("test_reproducible.py":{line + 1}:0))'
    assert found["math.sin"] == f'loc("sin"("test_reproducible.py":{line + 2}:0))'


def _advance() -> object:
    from torch_mlir import ir

    return ir.WalkResult.ADVANCE


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.down(torch.relu(self.up(self.norm(x))))


def _import_seconds(blocks: int) -> float:
    exported = decompose(export_model(nn.Sequential(*(Block(8) for _ in range(blocks))), (torch.randn(2, 8),), None))
    start = time.process_time()
    program = import_program(exported, origin="blocks")
    run_pipeline(Pipeline([graph_stage(), tensor_stage()]), program.module)
    return time.process_time() - start


def _grows_linearly(few: int, many: int) -> None:
    _import_seconds(1)
    short, long = _import_seconds(few), _import_seconds(many)
    assert long < 2 * many / few * short, f"{few} blocks take {short:.2f} s, {many} blocks {long:.2f} s"


def test_import_grows_linearly() -> None:
    _grows_linearly(4, 16)


@pytest.mark.slow
def test_import_grows_linearly_to_64_blocks() -> None:
    _grows_linearly(16, 64)


def test_weights_are_not_in_memory_twice() -> None:
    model = nn.Sequential(*(nn.Linear(2048, 2048) for _ in range(8)))  # 134 MB
    exported = decompose(export_model(model, (torch.randn(1, 2048),), None))
    before = _resident_bytes()
    tracemalloc.start()
    program = import_program(exported, origin="large")
    run_pipeline(Pipeline([graph_stage(), tensor_stage()]), program.module)
    tracemalloc.stop()
    assert _resident_bytes() - before < 60e6
    assert len(program.module.operation.get_asm()) < 50_000


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
