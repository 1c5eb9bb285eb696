"""The clock, as vendors' and open tools take it."""

from __future__ import annotations


def xdc(mhz: int) -> str:
    """For AMD's tools."""
    return f"create_clock -period {1e3 / mhz:.3f} -name clk [get_ports clk]\n"


def lpf(mhz: int) -> str:
    """For Lattice's tools and nextpnr."""
    return f'FREQUENCY PORT "clk" {mhz:.3f} MHZ;\n'
