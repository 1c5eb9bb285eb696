"""Stand-ins for NVIDIA's libraries: C code that counts, beside the tests."""

import ctypes
import subprocess
from pathlib import Path

from stepwell.backends.llvm.toolchain import find_compiler


def build_stand_in(source: str, folder: Path) -> Path:
    """The shared library of the C file ``source``."""
    path = folder / f"lib{Path(source).stem}.so"
    command = [*find_compiler(), "-shared", "-fPIC", "-w", "-o", str(path), str(Path(__file__).with_name(source))]
    subprocess.run(command, check=True)
    return path


class Counters:
    """Its integers called ``mock_NAME``."""

    def __init__(self, path: Path, **start: int) -> None:
        self._library = ctypes.CDLL(str(path))
        for name, value in start.items():
            self.set(name, value)

    def get(self, name: str) -> int:
        return ctypes.c_int.in_dll(self._library, f"mock_{name}").value

    def set(self, name: str, value: int) -> None:
        ctypes.c_int.in_dll(self._library, f"mock_{name}").value = value
