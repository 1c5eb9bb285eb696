"""The rules of valid and ready, proved by yosys: for every state that a component can be in, reachable or not."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from stepwell.backends.hls.components.base import Component
from stepwell.backends.hls.synthesis.synthesize import read_script
from stepwell.backends.hls.tools import YOSYS, write_files


def prove(component: Component, files: Mapping[str, bytes], steps: int = 12) -> None:
    """Prove that what is offered stays until it is taken, if those who send do likewise; raises ToolError if not."""
    sources = {**files, "rules.sv": _rules(component).encode()}
    read = read_script("rules", sources).replace("read_verilog", "read_verilog -formal")
    script = f"{read}; prep -flatten -top rules; memory_map; opt -full; "
    script += f"sat -verify -tempinduct -prove-asserts -set-assumes -seq 1 -maxsteps {steps} rules"
    with tempfile.TemporaryDirectory() as name:
        write_files(Path(name), sources)
        YOSYS.run(["-p", script], Path(name))


def _rules(component: Component) -> str:
    """A module that remembers what was offered and not taken in the cycle before."""
    ports, wires, checks = ["input clk", "input rst"], [".clk(clk)", ".rst(rst)"], []
    remember = []
    for side, streams in (("in", component.inputs), ("out", component.outputs)):
        for port in streams:
            data, valid, ready = (f"{port.name}_{end}" for end in ("data", "valid", "ready"))
            ports += [f"input [{port.width - 1}:0] {data}", f"input {valid}"] if side == "in" else [f"input {ready}"]
            own = [ready] if side == "in" else [data, valid]
            checks += [f"  wire [{port.width - 1 if wire == data else 0}:0] {wire};" for wire in own]
            wires += [f".{wire}({wire})" for wire in (data, valid, ready)]
            checks.append(f"  reg held_{port.name}; reg [{port.width - 1}:0] kept_{port.name};")
            remember.append(f"held_{port.name} <= {valid} & ~{ready} & ~rst; kept_{port.name} <= {data};")
            word = "assume" if side == "in" else "assert"
            rule = f"!held_{port.name} || ({valid} && {data} == kept_{port.name})"
            checks.append(f"  always @* {word}({rule});")
    body = [*checks, "  always @(posedge clk) begin", *(f"    {line}" for line in remember), "  end"]
    instance = f"  {component.name} design_i ({', '.join(wires)});"
    return "\n".join([f"module rules({', '.join(ports)});", *body, instance, "endmodule", ""])


def inputs_behind(component: Component, files: Mapping[str, bytes]) -> dict[str, set[str]]:
    """Output -> the inputs that it follows within the same cycle."""
    script = f"{read_script(component.name, files)}; synth -noabc -flatten; splitnets; write_json netlist.json"
    with tempfile.TemporaryDirectory() as name:
        write_files(Path(name), files)
        YOSYS.run(["-q", "-p", script], Path(name))
        module = json.loads((Path(name) / "netlist.json").read_text())["modules"][component.name]
    driven_by: dict[int, list[int]] = {}
    for cell in module["cells"].values():
        if "DFF" in cell["type"]:
            continue
        ends = cell["connections"], cell["port_directions"]
        read = [bit for port, bits in ends[0].items() if ends[1][port] == "input" for bit in bits]
        for port, bits in ends[0].items():
            if ends[1][port] == "output":
                driven_by |= dict.fromkeys(bits, read)
    ports = module["ports"].items()
    names = {bit: name for name, port in ports if port["direction"] == "input" for bit in port["bits"]}
    found: dict[str, set[str]] = {}
    for name, port in ports:
        if port["direction"] == "output":
            waiting, seen = list(port["bits"]), set()
            while waiting:
                bit = waiting.pop()
                if bit not in seen:
                    seen.add(bit)
                    waiting += driven_by.get(bit, [])
            found[name] = {names[bit] for bit in seen if bit in names}
    return found
