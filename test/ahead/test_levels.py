"""Several CPUs in one library."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hosts import NEHALEM, X86_64, Machine, build_host, read_output, run_host

import stepwell
from stepwell.backends.llvm.cpu import host
from stepwell.backends.llvm.cpu_levels import resolve_levels, schedule_model
from stepwell.support.errors import UsageError

X86 = "cpu,triple=x86_64-unknown-linux-gnu"
ON_X86 = pytest.mark.skipif(host().arch != "x86_64", reason="needs an x86")
HASWELL = Machine("x86_64-linux-gnu", "cc", ("qemu-x86_64", "-cpu", "max"))  # QEMU 7.2 has AVX2 and no AVX-512


class Model(torch.nn.Module):
    """A product, a normalisation, f16 and a state: each level has all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(32, 48)
        self.norm = torch.nn.LayerNorm(48)
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count += 1
        return torch.softmax(self.norm(self.linear(x)).half().float(), -1) + self.count


@ON_X86
def test_every_machine_takes_the_best_it_can_run(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, x = Model().eval(), torch.randn(5, 32)
    f = stepwell.compile(model, (x,), target=f"{X86},cpu=x86-64-v2+v3+v4")
    f.save(tmp_path / "out")
    expected = model(x)
    levels = [name for name in f.code.facts["levels"] if set(f.code.facts["levels"][name]) <= set(host().needed)]
    for executable in (f, stepwell.load(tmp_path / "out")):
        torch.testing.assert_close(executable(x), expected, rtol=1e-3, atol=1e-4)
        assert executable.runnable._model.description.cpu_name.decode() == levels[-1]
    program = build_host(X86_64, tmp_path / "out")
    for machine in (X86_64, NEHALEM, HASWELL):
        done = run_host(machine, program, tmp_path / "out", [x])
        assert (done.returncode, done.stderr) == (0, "")
        torch.testing.assert_close(read_output(program, expected), expected, rtol=1e-3, atol=1e-4)


@ON_X86
def test_no_level_fits(tmp_path: Path) -> None:
    f = stepwell.compile(torch.nn.ReLU(), (torch.ones(3),), target=f"{X86},cpu=x86-64-v3+v4")
    f.save(tmp_path / "out")
    done = run_host(NEHALEM, build_host(X86_64, tmp_path / "out"), tmp_path / "out", [torch.ones(3)])
    assert done.returncode == 1
    assert done.stderr.startswith("host: open: this processor lacks what the model was compiled for: avx, avx2, bmi")


def test_names_and_features() -> None:
    levels = resolve_levels(stepwell.Target.parse(f"{X86},cpu=x86-64-v2+v3+icelake-server"))
    assert [cpu.name for cpu in levels] == ["x86-64-v2", "x86-64-v3", "icelake-server"]
    assert set(levels[0].needed) < set(levels[1].needed) < set(levels[2].needed)
    assert schedule_model(levels).vector_bits == 256
    (one,) = resolve_levels(stepwell.Target.parse(f"{X86},cpu=x86-64-v2"))
    assert one == levels[0]
    arm = resolve_levels(stepwell.Target.parse("cpu,triple=aarch64-linux-gnu,cpu=cortex-a53+neoverse-n1"))
    assert "dotprod" in set(arm[1].needed) - set(arm[0].needed)


@pytest.mark.parametrize(
    ("cpus", "message"),
    [
        ("x86-64-v3+v2", "'x86-64-v2' can't come after 'x86-64-v3': it lacks avx, avx2"),
        ("x86-64-v3+v3", "'x86-64-v3' can't come after 'x86-64-v3': it has no feature more"),
        ("x86-64-v2+host", "cpu=host can't be one of several"),
        ("x86-64-v2+v9", "there is no CPU 'x86-64-v9'"),
    ],
)
def test_lists_that_make_no_sense(cpus: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve_levels(stepwell.Target.parse(f"{X86},cpu={cpus}"))
