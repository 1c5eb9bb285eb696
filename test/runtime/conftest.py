"""A model written by hand in C, and the parameter file that goes with it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from stepwell.support import parameter_file
from stepwell.support.native import NativeModel, Session, archive
from stepwell.support.native_library import include_folder
from stepwell.support.parameters import ParameterStore

Compile = Callable[..., Path]

WEIGHT = np.array([1, 2, 3, 4], np.float32)


def make_store() -> ParameterStore:
    """The parameters of model.c: a bfloat16 vector, the weight, and the initial value of its state."""
    store = ParameterStore()
    store.add("b", lambda: np.arange(4).astype(ml_dtypes.bfloat16))
    store.add("w", lambda: WEIGHT)
    store.add("state:total", lambda: np.array([10, 20], np.float32))
    return store


@pytest.fixture
def store() -> ParameterStore:
    """The model's parameters, for a test to change."""
    return make_store()


@pytest.fixture(scope="session")
def compile_model(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    """Links model.c with the whole runtime, as an artifact's code is linked."""

    def compile_(*flags: str) -> Path:
        target = tmp_path_factory.mktemp("model") / "model.so"
        source = Path(__file__).with_name("model.c")
        command = ["cc", "-std=c11", "-O1", "-fPIC", "-shared", f"-I{include_folder()}", *flags, str(source)]
        whole = ["-Wl,--whole-archive", str(archive()), "-Wl,--no-whole-archive", "-Wl,-z,defs", "-lm", "-lpthread"]
        subprocess.run([*command, *whole, "-o", str(target)], check=True)
        return target

    return compile_


@pytest.fixture(scope="session")
def code(compile_model: Compile) -> Path:
    """The model's shared library."""
    return compile_model()


@pytest.fixture(scope="session")
def parameters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model's parameter file."""
    path = tmp_path_factory.mktemp("parameters") / "model.safetensors"
    parameter_file.write(path, make_store())
    return path


@pytest.fixture(scope="session")
def model(code: Path, parameters: Path) -> NativeModel:
    """The opened model."""
    return NativeModel.open(code, parameters)


@pytest.fixture
def session(model: NativeModel) -> Session:
    """A fresh session."""
    return model.session()
