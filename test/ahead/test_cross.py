"""Artifacts for other machines, run under QEMU and compared with PyTorch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hosts import AARCH64, NEHALEM, RISCV64, X86_64, Machine, build_host, read_output, run_host

import stepwell
from stepwell.backends.llvm.cpu import host
from stepwell.support.errors import ArtifactError


class Mixed(torch.nn.Module):
    """Convolution, attention, normalisation, libm calls, f16 and bf16, a gather and integers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.norm = torch.nn.LayerNorm(8)
        self.attention = torch.nn.MultiheadAttention(8, 2, batch_first=True)
        self.table = torch.nn.Embedding(5, 8)

    def forward(self, x: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        y = self.conv(x).flatten(2).transpose(1, 2) + self.table(index)[:, None]
        y = self.norm(torch.erf(y) + torch.tanh(y.half()).float() + y.bfloat16().exp().float())
        return self.attention(y, y, y)[0], y.argmax(-1), (y > 0).sum()


def compile_for(machine: Machine, folder: Path, options: str = "") -> tuple[Path, Path, Mixed]:
    torch.manual_seed(1)
    model = Mixed().eval()
    args = (torch.randn(2, 3, 5, 7), torch.tensor([1, 4]))
    stepwell.compile(model, args, target=f"cpu,triple={machine.triple}{options}").save(folder / "out")
    return build_host(machine, folder / "out"), folder / "out", model


ON_X86 = pytest.mark.skipif(host().arch != "x86_64", reason="needs an x86")


@pytest.mark.parametrize(
    ("machine", "options"),
    [
        pytest.param(AARCH64, "", id="aarch64"),
        pytest.param(AARCH64, ",cpu=neoverse-n1", id="neoverse-n1"),
        pytest.param(RISCV64, "", id="riscv64"),
        pytest.param(NEHALEM, ",cpu=nehalem", id="nehalem", marks=ON_X86),
    ],
)
def test_numbers_are_those_of_torch(machine: Machine, options: str, tmp_path: Path) -> None:
    program, artifact, model = compile_for(machine, tmp_path, options)
    inputs = [torch.randn(2, 3, 5, 7), torch.tensor([3, 0])]
    done = run_host(machine, program, artifact, inputs)
    assert (done.returncode, done.stderr) == (0, "")
    with torch.no_grad():
        expected = model(*inputs)
    for index, value in enumerate(expected):
        torch.testing.assert_close(read_output(program, value, index), value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("machine", "plain", "options", "missing"),
    [
        pytest.param(AARCH64, "cortex-a57", ",features='+sve,+i8mm'", "fullfp16, i8mm, sve", id="aarch64"),
        pytest.param(RISCV64, "rv64", ",features=+v", "v", id="riscv64"),
        pytest.param(NEHALEM, "Nehalem", ",cpu=skylake-avx512", "avx512f", id="skylake-avx512", marks=ON_X86),
    ],
)
def test_a_machine_without_the_features_refuses(
    machine: Machine, plain: str, options: str, missing: str, tmp_path: Path
) -> None:
    program, artifact, _ = compile_for(machine, tmp_path, options)
    older = Machine(machine.triple, machine.cc, tuple(plain if word == "max" else word for word in machine.run))
    done = run_host(older, program, artifact, [torch.randn(2, 3, 5, 7), torch.tensor([3, 0])])
    assert done.returncode == 1
    assert done.stderr.startswith("host: open: this processor lacks what the model was compiled for: ")
    assert missing in done.stderr


@ON_X86
def test_code_for_a_product_runs_where_its_features_are(tmp_path: Path) -> None:
    program, artifact, model = compile_for(X86_64, tmp_path, ",cpu=skylake-avx512")
    inputs = [torch.randn(2, 3, 5, 7), torch.tensor([3, 0])]
    done = run_host(X86_64, program, artifact, inputs)
    if host().has("avx512f"):
        assert (done.returncode, done.stderr) == (0, "")
        with torch.no_grad():
            expected = model(*inputs)
        torch.testing.assert_close(stepwell.load(artifact)(*inputs), expected, rtol=1e-4, atol=1e-5)
    else:
        with pytest.raises(ArtifactError, match=r"needs CPU features that this machine lacks: .*avx512bw"):
            stepwell.load(artifact)
