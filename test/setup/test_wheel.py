"""A wheel holds the runtime: with no compiler on the machine it compiles and runs; saving says what it lacks."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Without the site module the editable install of this tree is not seen: stepwell comes from the wheel alone.
PROGRAM = """
import sys
sys.path[:0] = [sys.argv[1]]
sys.path.append(sys.argv[2])
import torch, stepwell
assert stepwell.__file__.startswith(sys.argv[1]), stepwell.__file__
model, x = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.GELU()).eval(), torch.randn(3, 8)
compiled = stepwell.compile(model, (x,))
torch.testing.assert_close(compiled(x), model(x))
try:
    compiled.save("out")
except stepwell.Error as error:
    print(error)
"""


def test_runs_where_no_compiler_is(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-build-isolation", "--no-deps", "-w", tmp_path]
    subprocess.run([*command, f"--config-settings=build-dir={tmp_path / 'build'}", ROOT], check=True)
    (wheel,) = tmp_path.glob("stepwell-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    done = subprocess.run(
        [sys.executable, "-S", "-c", PROGRAM, tmp_path / "installed", sysconfig.get_path("purelib")],
        cwd=tmp_path,
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "no C compiler was found, and linking model.so needs one\n  hint: install one (apt-get"
    )
    assert "or pip install ziglang" in done.stdout
    assert not (tmp_path / "out").exists()
