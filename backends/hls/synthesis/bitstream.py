"""A bitstream for an ECP5 by open tools alone."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from stepwell.backends.hls.synthesis.synthesize import synthesize
from stepwell.backends.hls.tools import ECPPACK, NEXTPNR


def bitstream(top: str, files: Mapping[str, bytes]) -> bytes:
    """Configuration of an LFE5U-85F in its largest package; nextpnr chooses the pins, ``model.lpf`` sets the clock.

    Raises:
        ToolError: a tool is missing, the design has more ports than the package has pins, or misses its clock.
    """
    netlist = synthesize(top, files, "ecp5")
    arguments = ["--85k", "--package", "CABGA756", "--json", "netlist.json", "--lpf", "model.lpf", "--quiet"]
    arguments += ["--lpf-allow-unconstrained", "--textcfg", "model.config", "--seed", "1"]
    with tempfile.TemporaryDirectory(prefix="stepwell-bitstream-") as name:
        folder = Path(name)
        (folder / "netlist.json").write_bytes(netlist.json)
        (folder / "model.lpf").write_bytes(files["model.lpf"])
        NEXTPNR.run(arguments, folder)
        ECPPACK.run(["--compress", "--input", "model.config", "--bit", "model.bit"], folder)
        return (folder / "model.bit").read_bytes()
