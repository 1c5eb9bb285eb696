"""All files beside the SystemVerilog of a design."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

from stepwell.backends.hls.components.base import Array
from stepwell.backends.hls.design import Design
from stepwell.backends.hls.files.cocotb_bench import cocotb_files
from stepwell.backends.hls.files.constraints import lpf, xdc
from stepwell.backends.hls.files.ip_xact import component_xml
from stepwell.backends.hls.files.makefile import makefile
from stepwell.backends.hls.files.source_map import source_map
from stepwell.backends.hls.files.vendor_script import vivado_tcl
from stepwell.backends.hls.testbench import testbench


def files_beside(
    design: Design, sources: Mapping[str, str], memories: list[str], parameters: Mapping[str, Array], mhz: int
) -> dict[str, bytes]:
    """File name -> text, of everything but the design itself.

    Args:
        sources: its SystemVerilog by file name.
        memories: names of its memory files.
        parameters: for the results that the test bench wants.
        mhz: the clock that is asked for.
    """
    names = list(sources)
    texts = {
        "model.xdc": xdc(mhz, axi_lite=design.axi_lite),
        "model.lpf": lpf(mhz, axi_lite=design.axi_lite),
        "Makefile": makefile(design.top),
        "bench.cpp": testbench(design, probed=False),
        "component.xml": component_xml(design, names, memories, version("stepwell")),
        "model.tcl": vivado_tcl(design.top, names, memories),
        "model.map.json": source_map(design, sources),
        **cocotb_files(design, parameters),
    }
    return {name: text.encode() for name, text in texts.items()}
