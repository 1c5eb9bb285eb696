"""Running tensor- or buffer-level IR natively without any optimisation: the plain way for large inputs."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch_mlir import ir

from stepwell.backends.base import Lowered
from stepwell.backends.registry import backend as find_backend
from stepwell.backends.target import Target
from stepwell.driver.verification.reference import Arrays, to_array
from stepwell.passes.base import PassContext
from stepwell.passes.pipeline import Pipeline, parse_pipeline
from stepwell.passes.runner import run_pipeline
from stepwell.support import parameter_file
from stepwell.support.parameters import ParameterStore
from stepwell.support.signature import Signature

_TO_MEMORY = ("bufferize", "plan-memory")


def run_plain(
    module: ir.Operation, signature: Signature, parameters: ParameterStore, inputs: Sequence[torch.Tensor]
) -> Arrays:
    """Results of entry ``main`` of a copy of ``module``, lowered by naive loops and compiled at O0."""
    # A text round trip: what is lowered here shares nothing with the snapshot.
    copy = ir.Module.parse(module.get_asm(enable_debug_info=True), module.context)
    backend = find_backend("cpu")
    target = backend.resolve(Target("cpu", fp="strict", opt="0"))
    context = PassContext(parameters=parameters)
    run_pipeline(_remaining(module, backend.pipeline(target)), copy, context)
    lowered = Lowered(copy, {"main": signature}, parameters, context, target)
    with tempfile.TemporaryDirectory(prefix="stepwell-") as folder:
        code = backend.emit(lowered)
        file = Path(folder) / "model.safetensors"
        parameter_file.write(file, parameters, code.layout)
        runnable = backend.load(code, lowered.signatures, file)
        return [to_array(result) for result in runnable.run(runnable.new_session(), "main", list(inputs))]


def _remaining(module: ir.Operation, whole: Pipeline) -> Pipeline:
    """What is still to be done to reach the LLVM dialect, by how far the entry's boundary has come."""
    names: list[str] = []
    kinds = _argument_kinds(module)
    if "tensor" in kinds:
        names += _TO_MEMORY
    if "parameter" in kinds or "stepwell.layout" not in module.attributes:
        names.append("place-parameters")
    if "context" not in kinds:
        names.append("bind-outputs")
    elements = [*names, *(str(element) for element in whole.stages[-1].elements)]
    return parse_pipeline(f"builtin.module({','.join(elements)},check-level{{level=backend stage=llvm}})")


def _argument_kinds(module: ir.Operation) -> set[str]:
    kinds: set[str] = set()
    for function in module.regions[0].blocks[0].operations:
        op = function.operation
        if op.name != "func.func" or not op.regions[0].blocks:
            continue
        for argument in op.regions[0].blocks[0].arguments:
            kinds.add("tensor" if isinstance(argument.type, ir.RankedTensorType) else "memref")
        if "arg_attrs" in op.attributes:
            for attributes in ir.ArrayAttr(op.attributes["arg_attrs"]):
                kinds.update(named.name.removeprefix("stepwell.") for named in ir.DictAttr(attributes))
    return kinds
