"""Whether a model compiles to the same bytes from another folder under another hash seed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]


def differing_files(model: str) -> list[str]:
    """Names of the artifact's files that differ between two builds of a zoo model, one from a copy of the sources.

    Raises:
        subprocess.CalledProcessError: a build failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "somewhere" / "else"
        shutil.copytree(_ROOT / "examples", copy / "examples", ignore=shutil.ignore_patterns("__pycache__"))
        outputs = []
        for seed, root in (("1", _ROOT), ("2", copy)):
            output = Path(folder) / f"artifact-{seed}"
            command = [sys.executable, "-c", _BUILD, model, str(output)]
            environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
            subprocess.run(command, check=True, cwd=root, env=environment, stdout=subprocess.DEVNULL)
            outputs.append({path.name: path.read_bytes() for path in output.iterdir()})
    first, second = outputs
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


_BUILD = """
import sys
import stepwell
from examples.models import zoo
model, args = zoo()[sys.argv[1]].make()
stepwell.compile(model, args, cache=False).save(sys.argv[2])
"""
