"""The C interface from C, and what the native library needs of a system."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from stepwell.support.native_library import archive, folder, include_folder


@pytest.fixture
def artifact(code: Path, parameters: Path, tmp_path: Path) -> Path:
    shutil.copy(code, tmp_path / "model.so")
    shutil.copy(parameters, tmp_path / "model.safetensors")
    return tmp_path


@pytest.mark.parametrize("linked", ["shared", "archive", "model"])
def test_host_program(artifact: Path, linked: str) -> None:
    program = artifact / "host"
    library = {
        "shared": [f"-L{folder()}", "-lstepwell_runtime", f"-Wl,-rpath,{folder()}"],
        "archive": [str(archive()), "-lm", "-lpthread"],
        "model": [str(artifact / "model.so")],
    }[linked]
    source = str(Path(__file__).with_name("host.c"))
    flags = ["-std=gnu11", "-Wall", "-Werror", f"-I{include_folder()}"]
    subprocess.run(["cc", *flags, source, *library, "-o", str(program)], check=True)
    done = subprocess.run([program, artifact], capture_output=True, text=True, timeout=30, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["22 22", "input 'x': expected shape [2], got [3]"]
    assert done.returncode == 0


def test_host_program_names_what_is_missing(artifact: Path) -> None:
    program = artifact / "host"
    source = str(Path(__file__).with_name("host.c"))
    subprocess.run(
        ["cc", f"-I{include_folder()}", source, str(archive()), "-lm", "-lpthread", "-o", program], check=True
    )
    (artifact / "model.safetensors").unlink()
    done = subprocess.run([program, artifact], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr == "open: the model's parameter file is missing\n"


def test_library_needs_libc_only() -> None:
    dynamic = subprocess.run(
        ["readelf", "-d", folder() / "libstepwell_runtime.so"], capture_output=True, text=True, check=True
    )
    needed = [line.split("[")[1].rstrip("]") for line in dynamic.stdout.splitlines() if "NEEDED" in line]
    assert {name.split(".")[0] for name in needed} <= {"libc", "libm", "libpthread", "libdl", "ld-linux-x86-64"}


@pytest.mark.parametrize("standard", ["c99", "c++17"])
@pytest.mark.parametrize("header", ["abi.h", "dlpack.h", "runtime.h"])
def test_headers_stand_alone(header: str, standard: str) -> None:
    language = "c++" if "++" in standard else "c"
    subprocess.run(
        [
            "cc",
            "-x",
            language,
            f"-std={standard}",
            "-Wall",
            "-Werror",
            "-pedantic",
            "-fsyntax-only",
            f"-I{include_folder()}",
            "-",
        ],
        input=f"#include <stepwell/{header}>\n",
        text=True,
        check=True,
    )
