"""The target through the same driver as every other."""

import pytest
import torch
from function import Function
from torch.export import Dim
from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.backend import CudaBackend
from stepwell.backends.target import Target
from stepwell.driver import api
from stepwell.driver.verify import verify
from stepwell.passes.base import Pass, PassContext
from stepwell.support.errors import ExecutionError, ToolError, UnsupportedError, UsageError


class Gate(torch.nn.Module):
    """Two results, a weight, a broadcast."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = torch.nn.Parameter(torch.ones(8))

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.tanh(x * y + self.bias) * torch.sigmoid(x), torch.nn.functional.gelu(x)


class Softmax(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(x, -1) * 2


def test_compile_without_a_gpu() -> None:
    args = (torch.randn(4, 8), torch.randn(8))
    program = api.compile(Gate(), args, target="cuda", dynamic_shapes=({0: Dim("batch")}, None))
    assert program.target == Target("cuda", arch="sm_90a", fp="contract", threads=256, plain="false")
    assert ".target sm_90a" in program.code.files["model.ptx"].decode()
    assert program.code.files["model.cubin"].startswith(b"\x7fELF")
    plan = program.code.facts["launches"]["main"]
    assert [launch["kernel"] for launch in plan["launches"]] == ["rows_0", "rows_1"]
    assert program.code.layout == {"bias": 0}
    if not torch.cuda.is_available():
        with pytest.raises(ExecutionError, match="this machine has no NVIDIA driver"):
            program(*args)


def test_softmax_is_one_kernel() -> None:
    program = api.compile(Softmax(), (torch.randn(4, 8),), target="cuda")
    assert len(program.code.facts["launches"]["main"]["launches"]) == 1
    assert program.report is not None
    assert program.report.notes["lower-kernels"] == {"rows": 1}


def test_functions_by_libdevice(monkeypatch: pytest.MonkeyPatch) -> None:
    own = api.compile(Softmax(), (torch.randn(4, 8),), target="cuda", cache=False).code.files["model.ptx"].decode()
    program = api.compile(Softmax(), (torch.randn(4, 8),), target="cuda,math=libdevice", cache=False)
    ptx = program.code.files["model.ptx"].decode()
    assert "div.full.f32" in own
    assert "div.rn.f32" not in own
    assert "div.full.f32" not in ptx
    assert "div.rn.f32" in ptx
    assert "__nv_expf" not in ptx, "it is linked and inlined"
    monkeypatch.setattr("stepwell.backends.cuda.toolkit._roots", lambda: iter(()))
    with pytest.raises(
        ToolError, match=r"libdevice, which holds the math functions of CUDA \(__nv_expf\), was not found"
    ):
        api.compile(Softmax(), (torch.randn(4, 8),), target="cuda,math=libdevice", cache=False)


def test_a_type_that_gpus_lack_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="complex<f32>") as failure:
        api.compile(Softmax(), (torch.randn(4, 8, dtype=torch.complex64),), target="cuda")
    assert "nothing was lowered" in str(failure.value)


@pytest.mark.parametrize(
    ("target", "kernels"),
    [
        ("cuda", {"wgmma_e4m3": 1}),
        ("cuda,arch=sm_89", {"mma_e4m3": 1}),
        ("cuda,arch=sm_80", {"rows": 2, "mma_bf16": 1}),
    ],
)
def test_products_of_float8(target: str, kernels: dict[str, int]) -> None:
    inputs = torch.randn(64, 128).to(torch.float8_e4m3fn), torch.randn(256, 128).to(torch.float8_e4m3fn)
    model = Function(lambda x, y: torch._scaled_mm(x, y.t(), torch.tensor(0.3), torch.tensor(0.7)))
    report = api.compile(model, inputs, target=target, cache=False).report
    assert report.notes["lower-kernels"] == kernels


def test_fast_sums_of_float8_are_the_tensor_cores_own() -> None:
    inputs = torch.empty(8192, 512).to(torch.float8_e4m3fn), torch.empty(8192, 512).to(torch.float8_e4m3fn)
    model = Function(lambda x, y: torch._scaled_mm(x, y.t(), torch.ones(()), torch.ones(()), out_dtype=torch.bfloat16))
    exact, fast = (
        api.compile(model, inputs, target=target, cache=False).report.notes["kernel-schedules"]["product_0"]
        for target in ("cuda", "cuda,fp=fast")
    )
    assert "columns=256" not in exact  # each sum stands twice in registers
    assert "columns=256" in fast


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("cuda,arch=sm_20", "option 'arch' of target 'cuda' is one of"),
        ("cuda,threads=100", "a block of 100 threads is not possible"),
        ("cuda,threads=2048", "a block of 2048 threads is not possible"),
        ("cuda,math=fast", "option 'math' of target 'cuda' is one of own, libdevice, not 'fast'"),
        ("cuda,speed=11", "target 'cuda' has no option 'speed'"),
    ],
)
def test_wrong_options(target: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        CudaBackend().resolve(Target.parse(target))


def test_verify_emulates_the_kernels() -> None:
    report = verify(Gate(), (torch.randn(4, 8), torch.randn(8)), target="cuda,plain=true")
    errors = {row.stage: row.error for row in report.rows}
    assert errors["kernels"] < 1e-6
    assert report.first_pass is None


class DropLast(Pass):
    """A mistake: the last block of every launch is left out."""

    name = "drop-last"
    summary = "a planted mistake"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        for child in op.regions[0].blocks[0].operations:
            if child.operation.name == "func.func":
                for launch in child.regions[0].blocks[0].operations:
                    if launch.operation.name == "gpu.launch_func":
                        with ir.InsertionPoint(launch), launch.location:
                            launch.operation.operands[0] = arith.constant(ir.IndexType.get(), 0)


def test_verify_names_a_wrong_kernel_pass() -> None:
    pipeline = CudaBackend().pipeline(CudaBackend().resolve(Target("cuda", plain="true")))
    pipeline.insert_after("lower-kernels", DropLast())
    report = verify(Gate(), (torch.randn(4, 8), torch.randn(8)), target="cuda,plain=true", pipeline=pipeline)
    assert report.first_pass == "drop-last"


def test_doctor_tells_what_is_missing() -> None:
    rows = {what: found for what, found, _ in CudaBackend().doctor()}
    assert set(rows) == {"ptxas", "libdevice", "GPU"}
