"""The example of a host in C, through its Makefile; and what an artifact's library needs of a system."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hosts import EXAMPLE, X86_64, build_host, read_output, run_host

import stepwell
from stepwell.driver import cli
from stepwell.support.native_library import include_folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that ``make run`` wrote to."""
    folder = tmp_path_factory.mktemp("c_host")
    command = ["make", "-s", "-C", str(EXAMPLE), "run", f"BUILD={folder}", f"PYTHON={sys.executable}"]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def test_the_example_gives_what_torch_gives(built: Path) -> None:
    model, (x,) = runpy.run_path(str(EXAMPLE / "model.py"))["make"]()
    with torch.no_grad():
        expected = model(x)
    result = np.fromfile(built / "output_0.bin", np.float32).reshape(expected.shape)
    torch.testing.assert_close(torch.from_numpy(result), expected)


def test_python_loads_the_same_artifact(built: Path) -> None:
    model, (x,) = runpy.run_path(str(EXAMPLE / "model.py"))["make"]()
    with torch.no_grad():
        torch.testing.assert_close(stepwell.load(built / "out")(x), model(x))


def test_the_library_needs_libc_libm_and_threads_only(built: Path) -> None:
    shown = subprocess.run(["readelf", "-dW", built / "out" / "model.so"], capture_output=True, text=True, check=True)
    needed = {line.split("[")[1].split(".")[0] for line in shown.stdout.splitlines() if "(NEEDED)" in line}
    assert needed <= {"libc", "libm", "libpthread", "libdl", "ld-linux-x86-64", "ld-linux-aarch64"}
    assert "RPATH" not in shown.stdout and "RUNPATH" not in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "main", "."], "host: open: the artifact's code can't be loaded: nowhere/model.so: No such file"),
        (["OUT", "other", "."], "host: there is no entry: other"),
        (["OUT", "main", "."], "host: the entry takes another number of inputs than given: main"),
        (["OUT", "main", ".", "FILE:4x15"], "host: run: input 'input': expected shape [4, 16], got [4, 15]"),
    ],
)
def test_errors_come_with_a_message(built: Path, arguments: list[str], message: str) -> None:
    words = [word.replace("OUT", str(built / "out")).replace("FILE", str(built / "x.bin")) for word in arguments]
    done = subprocess.run([built / "host", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(message)


def test_the_static_library_is_a_model_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLE)
    monkeypatch.syspath_prepend(EXAMPLE)
    assert cli.main(["compile", "model:make", "-o", str(tmp_path / "out"), "--emit", "a"]) == 0
    monkeypatch.delitem(sys.modules, "model")
    program = tmp_path / "static"
    source = """
#include <stdio.h>
#include "model.h"
int main(void) {
  float x[64] = {0}, y[40];
  int64_t in_shape[2] = {4, 16}, out_shape[2] = {4, 10};
  DLTensor in = {x, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, in_shape, NULL, 0};
  DLTensor out = {y, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, out_shape, NULL, 0};
  DLTensor *inputs[] = {&in}, *outputs[] = {&out};
  sw_model *model;
  sw_session *session;
  if (sw_model_create(&stepwell_model, "out/model.safetensors", 0, &model) ||
      sw_session_create(model, &session) ||
      sw_session_run(session, (uint32_t)sw_model_entry(model, STEPWELL_MAIN), inputs, STEPWELL_MAIN_INPUTS, outputs,
                     STEPWELL_MAIN_OUTPUTS))
    return fprintf(stderr, "%s\\n", sw_last_error()), 1;
  float sum = 0;
  for (int i = 0; i < 40; ++i) sum += y[i];
  printf("%.3f\\n", sum);
  return 0;
}
"""
    (tmp_path / "static.c").write_text(source)
    library = tmp_path / "out" / "model.a"
    flags = [f"-I{include_folder()}", f"-I{tmp_path / 'out'}"]
    subprocess.run(["cc", *flags, tmp_path / "static.c", library, "-lm", "-lpthread", "-o", program], check=True)
    done = subprocess.run([program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "4.000\n"


def test_dynamic_sizes_and_narrow_types_from_c(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(8, 3), torch.nn.ReLU()).to(torch.bfloat16).eval()
    shapes = ({0: torch.export.Dim("batch")},)
    f = stepwell.compile(model, (torch.randn(2, 8, dtype=torch.bfloat16),), dynamic_shapes=shapes)
    f.save(tmp_path / "out")
    program = build_host(X86_64, tmp_path / "out")
    for batch in (1, 5):
        x = torch.randn(batch, 8, dtype=torch.bfloat16)
        assert run_host(X86_64, program, tmp_path / "out", [x]).stdout == f"output 0: {batch} 3, {6 * batch} bytes\n"
        with torch.no_grad():
            expected = model(x)
        torch.testing.assert_close(read_output(program, expected), expected, rtol=0.02, atol=0.01)
