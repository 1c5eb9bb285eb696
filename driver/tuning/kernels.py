"""The kernels of a CUDA artifact, each taken out with what it needs to be compiled and timed alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Protocol

from torch_mlir import ir
from torch_mlir.dialects import func, tensor

from stepwell.driver.executable import Executable
from stepwell.driver.recompile import plain_target, schedules_for, start_again
from stepwell.driver.tuning.nests import Nest
from stepwell.passes.buffer.entry import functions, return_op
from stepwell.passes.check_level import CheckLevel
from stepwell.passes.pipeline import Pipeline
from stepwell.passes.runner import PassRecord
from stepwell.support.walk import named

#: The stage at whose end each kernel is a function of its own.
_STAGE = "group"


class KernelTimer(Protocol):
    """What tells how long a kernel takes."""

    def seconds(self, nest: Nest) -> float:
        """Of one call of ``nest`` with its own schedule."""


def find_kernels(executable: Executable, entry: str, timer: KernelTimer) -> list[Nest]:
    """The kernels of static sizes that ``entry`` calls, hottest first; equal ones are one."""
    compilation = start_again(executable, schedules_for(executable))
    names = [stage.name for stage in compilation.pipeline.stages]
    rest = str(Pipeline(compilation.pipeline.stages[names.index(_STAGE) + 1 :]))
    whole = executable.parameter_file.stat().st_size
    found: dict[str, Nest] = {}

    def take(record: PassRecord, module: ir.Operation) -> None:
        if record.stage != _STAGE or not record.name.startswith(CheckLevel.name):
            return
        for text, calls in _pieces(module, entry):
            nodes = (*(found[text].nodes if text in found else ()), *[frozenset[str]()] * calls)
            found[text] = Nest(text, rest, str(plain_target(executable)), whole, nodes)

    compilation.observe(take)
    compilation.lower("kernel")
    timed = [replace(nest, seconds=timer.seconds(nest) * len(nest.nodes)) for nest in found.values()]
    return sorted(timed, key=lambda nest: -nest.seconds)


def _pieces(module: ir.Operation, entry: str) -> list[tuple[str, int]]:
    """A module for each kernel that ``entry`` calls, and how often it does."""
    made = {function.name.value: function for function in functions(module)}
    calls = Counter(ir.FlatSymbolRefAttr(call.attributes["callee"]).value for call in named(made[entry], "func.call"))
    texts = ((_alone(made[name]), count) for name, count in calls.items())
    return [(text, count) for text, count in texts if text is not None]


def _alone(function: func.FuncOp) -> str | None:
    """A module whose entry calls ``function``; None where a size is dynamic or something is no tensor."""
    results = [value.type for value in return_op(function).operands]
    kinds = list(function.type.inputs)
    if not all(isinstance(kind, ir.RankedTensorType) and kind.has_static_shape for kind in kinds):
        return None
    with function.operation.context, ir.Location.unknown():
        module = ir.Module.create()
        copy = function.operation.clone(ir.InsertionPoint(module.body))
        copy.attributes["sym_name"] = ir.StringAttr.get("kernel")
        inputs = kinds[: len(kinds) - len(results)]
        with ir.InsertionPoint(module.body):
            main = func.FuncOp("main", (inputs, results))
        block = main.add_entry_block()
        with ir.InsertionPoint(block):
            places = [tensor.empty(list(kind.shape), kind.element_type) for kind in map(ir.RankedTensorType, results)]
            call = func.CallOp(results, "kernel", [*block.arguments, *places])
            func.ReturnOp(list(call.results))
        return str(module.operation.get_asm())
