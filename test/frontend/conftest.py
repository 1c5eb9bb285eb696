"""Models on their way through the frontend, run by the numpy interpreter at the tensor level."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils import _pytree as pytree

from stepwell.backends.interpreter.entry import EntryInterpreter
from stepwell.frontend.load import load_program
from stepwell.frontend.program import Program
from stepwell.frontend.to_torch import as_tensor
from stepwell.passes.pipeline import Pipeline
from stepwell.passes.runner import run_pipeline
from stepwell.passes.stages import graph_stage, tensor_stage


class Imported:
    """A model lowered to the tensor level; calls take and return what the model does."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.signature = program.signatures["main"]
        run_pipeline(Pipeline([graph_stage(), tensor_stage()]), program.module)
        self._entry = EntryInterpreter(program.module)
        self.states = {spec.name: program.parameters[f"state:{spec.name}"] for spec in self.signature.states}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, _ = pytree.tree_flatten((args, kwargs))
        inputs: list[Any] = [None] * len(self.signature.inputs)
        for leaf, index in zip(leaves, self.signature.input_leaves, strict=True):
            if index is not None:
                inputs[index] = _array(leaf)
        results, self.states = self._entry.run(inputs, self.program.parameters, self.states)
        values = []
        for output in self.signature.outputs:
            if output.kind == "constant":
                values.append(output.value)
            elif output.kind == "input":
                values.append(leaves[self.signature.input_leaves.index(output.index)])
            else:
                spec = self.signature.results[output.index]
                result = results[output.index]
                values.append(result.item() if spec.scalar else as_tensor(result))
        return pytree.tree_unflatten(values, self.program.trees["main"][1])


def _array(value: Any) -> Any:
    if not isinstance(value, torch.Tensor):
        return np.array(value)
    value = value.detach().contiguous()
    if value.dtype == torch.bfloat16:
        import ml_dtypes

        return value.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return value.numpy()


@pytest.fixture
def imported() -> Callable[..., Imported]:
    """Imports and lowers a model; arguments as for ``load_program``."""

    def make(*args: Any, **kwargs: Any) -> Imported:
        return Imported(load_program(*args, **kwargs))

    return make
