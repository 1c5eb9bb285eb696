"""The package's front door."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

import stepwell


def test_import_loads_nothing_heavy() -> None:
    script = (
        "import stepwell, sys; print([m for m in ('torch', 'torch_mlir', 'llvmlite', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_public_name_is_there() -> None:
    for name in stepwell.__all__:
        assert getattr(stepwell, name) is not None
    assert set(stepwell.__all__) <= set(dir(stepwell))


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="module 'stepwell' has no attribute 'compiel'"):
        stepwell.compiel  # noqa: B018


def test_version_is_the_package_s() -> None:
    assert stepwell.__version__ == importlib.metadata.version("stepwell")
