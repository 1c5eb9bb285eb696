"""A Tcl script for AMD's tools: synthesis out of context, with reports of area and timing."""

from __future__ import annotations

from collections.abc import Sequence

_PART = "xczu3eg-sbva484-1-e"


def vivado_tcl(top: str, sources: Sequence[str], memories: Sequence[str]) -> str:
    """For ``vivado -mode batch -source model.tcl``; another part may be given behind ``-tclargs``."""
    lines = [
        f'set part [expr {{$argc > 0 ? [lindex $argv 0] : "{_PART}"}}]',
        "create_project -in_memory -part $part",
        *(f"read_verilog -sv {name}" for name in sources),
        *(f"read_mem {name}" for name in memories),
        "read_xdc model.xdc",
        f"synth_design -top {top} -part $part -mode out_of_context",
        "opt_design",
        "place_design",
        "route_design",
        "report_utilization -hierarchical -file utilization.txt",
        "report_timing_summary -file timing.txt",
    ]
    return "\n".join([*lines, ""])
