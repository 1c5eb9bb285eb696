"""Running tensor- or buffer-level IR natively without any optimisation: the plain way for large inputs."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch_mlir import ir

from stepwell.backends.base import Lowered
from stepwell.backends.registry import backend as find_backend
from stepwell.backends.target import Target
from stepwell.driver.remaining import plain_pipeline
from stepwell.driver.verification.reference import Arrays
from stepwell.passes.base import PassContext
from stepwell.passes.runner import run_pipeline
from stepwell.support import parameter_file
from stepwell.support.parameters import ParameterStore
from stepwell.support.signature import Signature


def run_plain(
    module: ir.Operation,
    signature: Signature,
    parameters: ParameterStore,
    inputs: Sequence[torch.Tensor],
    entry: str = "main",
) -> Arrays:
    """The values (see :mod:`.evaluate`) of a copy of ``module``, lowered by naive loops and compiled at O0."""
    from stepwell.driver.verification.evaluate import call_runnable

    # A text round trip: what is lowered here shares nothing with the snapshot.
    copy = ir.Module.parse(module.get_asm(enable_debug_info=True), module.context)
    backend = find_backend("cpu")
    target = backend.resolve(Target("cpu", fp="strict", opt="0"))
    context = PassContext(parameters=parameters)
    run_pipeline(plain_pipeline(module, backend.pipeline(target)), copy, context)
    lowered = Lowered(copy, {entry: signature}, parameters, context, target)
    with tempfile.TemporaryDirectory(prefix="stepwell-") as folder:
        code = backend.emit(lowered)
        file = Path(folder) / "model.safetensors"
        parameter_file.write(file, parameters, code.layout)
        runnable = backend.load(code, lowered.signatures, file)
        return [np.array(value) for value in call_runnable(runnable, signature, inputs, entry)]
