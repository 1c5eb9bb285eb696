"""The target ``hls``: SystemVerilog for FPGA and ASIC flows, run through a simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import ClassVar

from stepwell.backends.base import Backend, Capabilities, Code, Lowered, Runnable
from stepwell.backends.hls import tools, verilate
from stepwell.backends.hls.describe import describe
from stepwell.backends.hls.design import Design
from stepwell.backends.hls.files.beside import files_beside
from stepwell.backends.hls.generate import generate
from stepwell.backends.hls.parallel_file import PARALLEL, write_parallel
from stepwell.backends.hls.parallelism import balance_of, unroll_of, with_choice
from stepwell.backends.hls.passes.pipeline_components import PipelineComponents
from stepwell.backends.hls.passes.size_fifos import SizeFifos
from stepwell.backends.hls.runnable import HlsRunnable
from stepwell.backends.hls.synthesis.bitstream import bitstream
from stepwell.backends.target import Target
from stepwell.passes.base import Pass
from stepwell.passes.graph.fold_batch_norm import FoldBatchNorm
from stepwell.passes.graph.join_biases import JoinBiases
from stepwell.passes.graph.quantised_to_numeric import QuantisedToNumeric
from stepwell.passes.graph.quantize import WHOLE, Quantize
from stepwell.passes.graph.split_products import SplitProducts
from stepwell.passes.hardware.bind_parameters import BindParameters
from stepwell.passes.hardware.linalg_to_stream import LinalgToStream
from stepwell.passes.hardware.loops.pipeline import loop_passes
from stepwell.passes.hardware.numeric_to_stream import NumericToStream
from stepwell.passes.pipeline import Pipeline, Stage
from stepwell.passes.stages import graph_stage, tensor_stage
from stepwell.support.errors import ToolError, UsageError
from stepwell.support.parameter_file import aligned_layout, open_file
from stepwell.support.signature import Signature

_DTYPES = frozenset({"i1", "i8", "i16", "i32", "i64"})
_DESIGN, _FILE_LIST = "design.json", "files.f"
_DEFAULT_BITS = 8


class HlsBackend(Backend):
    """Streaming hardware: of integers linear layers and loops, of floats what is quantised.

    Compiling needs CIRCT's Python package, running Verilator.
    """

    name: ClassVar[str] = "hls"
    summary: ClassVar[str] = "SystemVerilog, run in a simulator (integers, or quantised layers)"
    options: ClassVar[Mapping[str, str]] = {
        "parallelism": "multipliers of every layer by its inputs and outputs: 4x4 (default: largest divisors up to 4); "
        "or parallel.toml of an artifact, edited",
        "multipliers": "so many at most, spread so that no layer waits for long",
        "luts": "so many look-up tables by estimate at most, with the fastest parallelism that fits",
        "rate": "results per second at the clock, with the fewest multipliers",
        "simulator": "verilator (default), or interpreter: the bit-exact reference in numpy",
        "clock": "clock in MHz: registers are put in until it is met by estimate (default 100)",
        "registers": "axi-lite: counters of frames, cycles and stalls, to be read by a processor (default: none)",
        "waves": "file that the simulator writes the signals of the last call to (FST); none by default",
        "bits": "width of inputs and of values between layers of a float model (default 8)",
        "weight-bits": "width of its weights (default: bits)",
        "rounding": "of its numbers: half-up (default), floor, half-even, ...",
    }
    code_forms: ClassVar[tuple[str, ...]] = ("sv", "bit")

    def resolve(self, target: Target) -> Target:
        super().resolve(target)
        target.choice("simulator", ("verilator", "interpreter"), "verilator")
        target.choice("registers", ("none", "axi-lite"), "none")
        if "waves" in target.options and target.get("simulator") == "interpreter":
            raise UsageError("option 'waves' of target 'hls' needs a simulator that has signals, not the interpreter")
        if target.integer("clock", 100) < 1:
            raise UsageError("option 'clock' of target 'hls' is a positive number of MHz")
        target = with_choice(target)
        unroll_of(target)
        balance_of(target)
        if _is_quantised(target):
            _quantize(target)
        return target

    def suit(self, target: Target, signatures: Mapping[str, Signature]) -> Target:
        dtypes = {spec.dtype for signature in signatures.values() for spec in signature.inputs}
        floats = any(dtype.startswith(("f", "bf")) for dtype in dtypes)
        if floats and not _is_quantised(target):
            return Target(target.name, **target.options, bits=_DEFAULT_BITS)
        if _is_quantised(target) and not floats:
            raise UsageError(
                "options 'bits', 'weight-bits' and 'rounding' of target 'hls' quantise a float model; "
                "this one takes integers",
                hint="leave them out",
            )
        return target

    def capabilities(self, target: Target) -> Capabilities:
        dtypes = _DTYPES | {"f32", "ui8"} if _is_quantised(target) else _DTYPES
        return Capabilities(dtypes, dynamic_shapes=False, states=False)

    def pipeline(self, target: Target) -> Pipeline:
        if _is_quantised(target):
            scales = Stage("scales", "graph", [QuantisedToNumeric(), FoldBatchNorm(), SplitProducts(), JoinBiases()])
            fixed = Stage("fixed", "graph", [_quantize(target)])
            parts = [NumericToStream(unroll=unroll_of(target)), *_sized(target)]
            return Pipeline([graph_stage(WHOLE), scales, fixed, Stage("hardware", "hardware", [*parts])])
        unroll = unroll_of(target)
        components = LinalgToStream(unroll=unroll, rest="keep")
        passes = [components, *loop_passes(unroll or (1, 1)), *_sized(target)]
        return Pipeline([graph_stage(), tensor_stage(), Stage("hardware", "hardware", [*passes])])

    def emit(self, lowered: Lowered) -> Code:
        axi_lite = lowered.target.get("registers") == "axi-lite"
        design = replace(describe(lowered.module.operation), axi_lite=axi_lite)
        names = design.parameters
        values = {name: lowered.parameters[name] for name in names}
        lowered.context.values_read.update(names)
        sources = generate(design)
        files = {name: text.encode() for name, text in sources.items()}
        memories = design.memory_files(values)
        files.update(memories)
        files.update(files_beside(design, sources, list(memories), values, lowered.target.integer("clock", 100)))
        files[_FILE_LIST] = "".join(f"{name}\n" for name in sources).encode()
        files[_DESIGN] = design.to_json().encode()
        files[PARALLEL] = write_parallel(design).encode()
        facts = {
            "top": design.top,
            "multipliers": design.multipliers,
            "cycles_bound": design.cycles,
            "clock_mhz": lowered.target.integer("clock", 100),
            "simulator": lowered.target.get("simulator", "verilator"),
            "waves": lowered.target.get("waves", ""),
        }
        return Code(files, facts, aligned_layout(lowered.parameters, dict.fromkeys(names)))

    def code_form(self, code: Code, form: str) -> bytes:
        if form not in self.code_forms:
            return super().code_form(code, form)
        if form == "bit":
            return bitstream(code.facts["top"], code.files)
        return b"\n".join(code.files[name] for name in code.files[_FILE_LIST].decode().split())

    def load(
        self, code: Code, signatures: dict[str, Signature], parameter_file: Path, folder: Path | None = None
    ) -> Runnable:
        design = Design.from_json(code.files[_DESIGN].decode())
        parameters = open_file(parameter_file) if code.facts["simulator"] == "interpreter" else None
        return HlsRunnable(design, code.files, signatures, code.facts, parameters)

    def doctor(self) -> list[tuple[str, bool, str]]:
        try:
            circt = (True, version("pycde"))
        except PackageNotFoundError:
            circt = (False, "pip install 'stepwell[hls]'")
        try:
            simulator = (True, verilate.version())
        except ToolError as error:
            simulator = (False, error.hint or "")
        others = [(tool.names[0], *tools.doctor(tool)) for tool in tools.OPTIONAL]
        return [("CIRCT (pycde)", *circt), ("Verilator", *simulator), *others]


def _is_quantised(target: Target) -> bool:
    """Whether the target takes float models, in fixed point."""
    return any(option in target.options for option in ("bits", "weight-bits", "rounding"))


def _sized(target: Target) -> list[Pass]:
    """How much every component does at once, its memories and widths, how it is pipelined, and FIFOs between all."""
    clock = target.integer("clock", 100)
    return [balance_of(target), BindParameters(), PipelineComponents(clock), SizeFifos(clock)]


def _quantize(target: Target) -> Quantize:
    """The pass with the target's options; raises as it does."""
    bits = target.integer("bits", _DEFAULT_BITS)
    return Quantize(bits, target.integer("weight-bits", bits), target.get("rounding", "half-up"))
