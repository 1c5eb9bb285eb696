"""The clock, as vendors' and open tools take it."""

from __future__ import annotations

from stepwell.backends.hls.register_file import PREFIX


def xdc(mhz: int, *, axi_lite: bool = False) -> str:
    """For AMD's tools; ``axi_lite``: whether there are registers on such a bus."""
    return f"{_note(axi_lite)}create_clock -period {1e3 / mhz:.3f} -name clk [get_ports clk]\n"


def lpf(mhz: int, *, axi_lite: bool = False) -> str:
    """For Lattice's tools and nextpnr."""
    return f'{_note(axi_lite)}FREQUENCY PORT "clk" {mhz:.3f} MHZ;\n'


def _note(axi_lite: bool) -> str:
    """The bus has no clock of its own, so that nothing else is to be said of it."""
    return f"# {PREFIX}_*: AXI4-Lite, in the clock of all streams\n" if axi_lite else ""
