"""CIRCT's handshake route on a kernel: lowered by upstream's passes, built in a worker, simulated with its memories."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from torch_mlir import ir
from torch_mlir.passmanager import PassManager

from bench.hls.handshake_structs import without_structs
from bench.hls.kernels import Array, Kernel, operands
from stepwell.backends.hls.synthesis.synthesize import synthesize
from stepwell.backends.hls.verilate import STYLE, verilator
from stepwell.support.errors import ToolError

_LIMIT = 100_000_000


def measure(kernel: Kernel) -> dict[str, Any]:
    """Cycles and multipliers of CIRCT's circuit; its results are checked."""
    source = _system_verilog(kernel)
    inputs = operands(kernel)
    cycles, result = _simulate(kernel, source, inputs)
    if not np.array_equal(result, kernel.reference(*inputs).ravel()):
        return {"error": "the circuit gives other integers than numpy, no cycles are shown"}
    try:
        area = vars(synthesize("main", {"main.sv": without_structs(source).encode()}, "xilinx").total)
    except ToolError as refused:
        # The line of the file says nothing to a reader.
        area = {"error": "no area: " + re.sub(r"main.sv:\d+: ", "", refused.what)}
    return {"cycles": cycles, **area}


def _system_verilog(kernel: Kernel) -> str:
    with ir.Context():
        module = ir.Module.parse(kernel.text)
        PassManager.parse("builtin.module(lower-affine,convert-scf-to-cf,canonicalize,cse)").run(module.operation)
        text: str = module.operation.get_asm(print_generic_op_form=True)
    done = subprocess.run(
        [sys.executable, "-m", "bench.hls.handshake_worker"], input=text, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"CIRCT refused a kernel: {done.stderr[-300:]}")
    return done.stdout


def _simulate(kernel: Kernel, source: str, inputs: list[Array]) -> tuple[int, Array]:
    """Cycles until the function returns, and the words that it wrote."""
    with tempfile.TemporaryDirectory(prefix="bench-handshake-") as name:
        folder = Path(name)
        (folder / "main.sv").write_text(source)
        (folder / "bench.sv").write_text(_bench(kernel))
        for number, values in enumerate(inputs):
            words = values.astype(np.int32).view(np.uint32).ravel()
            (folder / f"in{number}.mem").write_text("".join(f"{word:08x}\n" for word in words))
        command = [verilator(), "--binary", *STYLE, "-Wno-fatal", "-Wno-lint", "--top-module", "bench"]
        subprocess.run([*command, "bench.sv", "main.sv"], cwd=folder, check=True, capture_output=True)
        done = subprocess.run(["obj_dir/Vbench"], cwd=folder, check=True, capture_output=True, text=True)
        match = re.search(r"cycles (\d+)", done.stdout)
        if match is None:
            raise SystemExit(f"CIRCT's circuit does not end within {_LIMIT} cycles")
        lines = (folder / "out.mem").read_text().splitlines()
        numbers = [int(line, 16) for line in lines if not line.startswith("//")]
        return int(match[1]), np.array(numbers, np.uint32).view(np.int32)


def _bench(kernel: Kernel) -> str:
    """A module that answers every load in the cycle in which it is asked for, and takes every store at once."""
    reads = len(kernel.inputs)
    declared, wires = [], [".clock(clk)", ".reset(rst)"]
    for number, shape in enumerate(kernel.inputs):
        size = int(np.prod(shape))
        declared.append(f"  reg [31:0] m{number}[0:{size - 1}]; wire [{_address(size) - 1}:0] a{number};")
        declared.append(f'  wire v{number}, r{number}; initial $readmemh("in{number}.mem", m{number});')
        port = f"in{number}_ld0"
        wires += [f".{port}_data(m{number}[a{number}])", f".{port}_data_valid(v{number})"]
        wires += [f".{port}_data_ready(r{number})", f".{port}_addr(a{number})"]
        wires += [f".{port}_addr_valid(v{number})", f".{port}_addr_ready(r{number})"]
    size = int(np.prod(kernel.output))
    port = f"in{reads}_st0"
    wires += [f".{port}_address(address)", f".{port}_data(data)", f".{port}_valid(store)", f".{port}_ready(done)"]
    wires += [f".{port}_done_valid(store)", f".{port}_done_ready(done)"]
    wires += [f".in{reads + 1}_valid(!started)", f".in{reads + 1}_ready(start)"]
    wires += [".out0_valid(finished)", ".out0_ready(1'b1)"]
    return "\n".join(
        [
            "module bench;",
            "  reg clk = 0, rst = 1, started = 0; integer cycle = 0; always #5 clk = ~clk;",
            *declared,
            f"  reg [31:0] result[0:{size - 1}]; wire [{_address(size) - 1}:0] address; wire [31:0] data;",
            "  wire store, done, start, finished; integer i;",
            f"  initial for (i = 0; i < {size}; i = i + 1) result[i] = 0;",
            f"  main design_i({', '.join(wires)});",
            "  initial begin repeat (4) @(negedge clk); rst = 0; end",
            "  always @(posedge clk) if (!rst) begin",
            "    cycle <= cycle + 1;",
            "    if (start) started <= 1;",
            "    if (store & done) result[address] <= data;",
            "    if (finished) begin",
            '      $display("cycles %0d", cycle + 1); $writememh("out.mem", result); $finish;',
            "    end",
            f"    if (cycle > {_LIMIT}) $finish;",
            "  end",
            "endmodule",
            "",
        ]
    )


def _address(size: int) -> int:
    return max(1, (size - 1).bit_length())
