"""What `make` does about Debian packages: nothing when they are there, install as root, else print one command."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "debian-packages"
BUILD = ["c++", "cmake", "ninja"]


class Machine:
    """A search path with nothing on it but what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "apt.log"

    def add(self, *names: str, script: str = "exit 0") -> None:
        for name in names:
            (self.folder / name).write_text(f"#!{shutil.which('bash')}\n{script}\n")
            (self.folder / name).chmod(0o755)

    def run(self, *groups: str) -> subprocess.CompletedProcess[str]:
        command = [shutil.which("bash") or "bash", str(SCRIPT), *groups]
        return subprocess.run(command, env={"PATH": str(self.folder)}, capture_output=True, text=True, check=False)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.add("apt-get", script=f'echo "$@" >>{machine.log}')
    machine.add("id", script="echo 1000")
    machine.add("python3", *BUILD)
    return machine


def test_nothing_to_do(machine: Machine) -> None:
    done = machine.run("build")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not machine.log.exists()


def test_without_root_the_one_command_is_printed(machine: Machine) -> None:
    (machine.folder / "cmake").unlink()
    done = machine.run("build", "test")
    assert done.returncode == 1 and done.stdout == "" and not machine.log.exists()
    first, command = done.stderr.splitlines()
    assert first == "Debian packages are missing. Type:"
    assert command.startswith("  sudo apt-get update && sudo apt-get install -y cmake llvm-22-tools ")
    assert "g++ " not in command


def test_root_has_them_installed(machine: Machine) -> None:
    machine.add("id", script="echo 0")
    (machine.folder / "c++").unlink()
    done = machine.run("build")
    assert done.returncode == 0, done.stderr
    update, install = machine.log.read_text().splitlines()
    assert update.startswith("update") and install.endswith(" g++")


def test_a_python_without_headers_and_environments(machine: Machine) -> None:
    machine.add("python3", script="exit 1")
    done = machine.run("build")
    assert done.returncode == 1 and done.stderr.rstrip().endswith("install -y python3-venv python3-dev")
