"""A Makefile that builds and runs the simulation by itself."""

from __future__ import annotations

_TEMPLATE = """\
# make run: beats from in0.bin, ... through the design, results to out0.bin, ...
# make waves: the same, with every signal in waves.fst.
TOP      := @TOP@
SOURCES  := $(shell cat files.f)
FRAMES   ?= 1
# Percent of the cycles with a beat offered and with one taken, seed, limit of cycles, cycle of a reset (0: none).
TRAFFIC  ?= 100 100 0 1000000000 0
# Without one optimisation, which makes wrong code of gates in Verilator 5.006.
STYLE    := --cc --exe --build -O3 -fno-const-bit-op-tree --x-assign unique --x-initial unique -Wno-fatal \
            --top-module $(TOP)

.PHONY: run waves lint cocotb clean
simulation: $(SOURCES) bench.cpp
	verilator $(STYLE) --Mdir build -o ../simulation $(SOURCES) bench.cpp

simulation-waves: $(SOURCES) bench.cpp
	verilator $(STYLE) --trace-fst --trace-structs --Mdir build-waves -o ../simulation-waves $(SOURCES) bench.cpp

run: simulation
	./simulation . $(FRAMES) $(TRAFFIC)

waves: simulation-waves
	./simulation-waves . $(FRAMES) $(TRAFFIC) waves.fst

lint:
	verilator --lint-only -Wall --top-module $(TOP) $(SOURCES)

cocotb:
	python3 cocotb_test.py

clean:
	rm -rf build build-waves build-cocotb simulation simulation-waves waves.fst
"""


def makefile(top: str) -> str:
    """For Verilator and the C++ test bench ``bench.cpp``."""
    return _TEMPLATE.replace("@TOP@", top)
