"""The tile registers of x86, which Linux gives to a process that asks, or not."""

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from stepwell.backends.llvm.cpu import host
from stepwell.support.native import NativeModel

pytestmark = pytest.mark.skipif(not host().has("amx-tile"), reason="this machine has no tile registers to use")

#: Runs in a process of its own to which a filter of system calls refuses arch_prctl.
_REFUSED = """
import ctypes
import sys


class Filter(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("k", ctypes.c_uint32)]


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("filters", ctypes.POINTER(Filter))]


# Load the number of the call; 158 fails with EPERM, all others are allowed.
rules = (Filter * 4)((0x20, 0, 0, 0), (0x15, 0, 1, 158), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Program(4, rules))) == 0

from stepwell.backends.llvm.cpu import host
from stepwell.support.errors import ArtifactError
from stepwell.support.native import NativeModel

print(host().has("amx-tile"), host().has("amx-int8"), host().has("avx512f"))
try:
    NativeModel.open(sys.argv[1], sys.argv[2])
except ArtifactError as error:
    print(error)
"""


def test_a_process_that_is_refused(compile_model: Callable[..., Path], parameters: Path) -> None:
    code = compile_model('-DFEATURES="+sse4.2,+amx-tile,+amx-int8"')
    command = [sys.executable, "-c", textwrap.dedent(_REFUSED), str(code), str(parameters)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    first, *rest = done.stdout.splitlines()
    assert first == "False False True"
    message = " ".join(rest)
    assert "this processor lacks what the model was compiled for: amx-tile, amx-int8" in message
    assert "Linux has to give tile registers to the process, too" in message


def test_a_process_that_asks(compile_model: Callable[..., Path], parameters: Path) -> None:
    NativeModel.open(compile_model('-DFEATURES="+amx-tile,+amx-int8"'), parameters)
