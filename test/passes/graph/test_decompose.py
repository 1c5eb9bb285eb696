"""decompose: every rule gives what PyTorch gives, special values included."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch_mlir import ir

from stepwell.backends.interpreter.interpreter import Interpreter
from stepwell.dialects.context import make_context
from stepwell.passes.base import PassContext
from stepwell.passes.graph.decompose import Decompose
from stepwell.passes.pipeline import Pipeline
from stepwell.passes.runner import run_pipeline
from stepwell.passes.stages import graph_stage, tensor_stage
from stepwell.support.errors import UsageError

KIND = "!torch.vtensor<[?,?],f32>"
CONSTANTS: dict[type, tuple[str, Callable[[Any], str]]] = {
    bool: ("bool", lambda value: f" {str(value).lower()}"),
    int: ("int", lambda value: f" {value}"),
    float: ("float", lambda value: f" {value:.17e}"),
    str: ("str", lambda value: f' "{value}"'),
    type(None): ("none", lambda value: ""),
}
VALUES = torch.tensor(
    [
        [0.0, -0.0, 1.5, -1.5, 30.0, -30.0],
        [0.1, 3.0, -3.0, -0.7, 6.5, 2.0],
        [math.inf, -math.inf, math.nan, 1e30, -1e30, 1e-38],
    ]
)
OTHER = torch.tensor([[0.0, 2.0, -0.5, math.inf, 1e30, -3.0]]).expand(3, 6).contiguous()
ORDINARY = VALUES[:2]


def run(operator: str, inputs: list[torch.Tensor], constants: tuple[Any, ...]) -> Any:
    """``operator`` taken apart, lowered and interpreted with dynamic sizes."""
    names = [f"%x{i}" for i in range(len(inputs))]
    kinds = [CONSTANTS[type(value)] for value in constants]
    lines = [
        f"%c{i} = torch.constant.{kind}{text(value)}"
        for i, ((kind, text), value) in enumerate(zip(kinds, constants, strict=True))
    ]
    operands = ", ".join([*names, *(f"%c{i}" for i in range(len(constants)))])
    types = ", ".join([*(KIND for _ in inputs), *(f"!torch.{kind}" for kind, _ in kinds)])
    unknown = operator in ("hypot", "_cdist_forward")  # torch-mlir has no operation for these
    call = f'"torch.aten.{operator}"({operands}) : ({types})' if unknown else f"{operands} : {types}"
    head = "torch.operator " if unknown else f"torch.aten.{operator} "
    text = f"""func.func @main({", ".join(f"{name}: {KIND}" for name in names)}) -> {KIND} {{
      {chr(10).join(lines)}
      %y = {head}{call} -> {KIND}
      return %y : {KIND}
    }}"""
    module = ir.Module.parse(text, make_context())
    Decompose(ops=("all",)).run(module.operation, PassContext())
    assert f"torch.aten.{operator}" not in str(module)
    run_pipeline(Pipeline([graph_stage(), tensor_stage()]), module)
    (result,) = Interpreter(module).run("main", [x.numpy() for x in inputs])
    return result


@pytest.mark.parametrize(
    ("operator", "inputs", "constants", "reference"),
    [
        ("reciprocal", [VALUES], (), torch.reciprocal),
        ("fmod.Scalar", [VALUES], (0.75,), lambda x: torch.fmod(x, 0.75)),
        ("fmod.Scalar", [VALUES], (-0.3,), lambda x: torch.fmod(x, -0.3)),
        ("fmod.Tensor", [VALUES, OTHER], (), torch.fmod),
        ("hypot", [VALUES, OTHER], (), torch.hypot),
        ("_cdist_forward", [ORDINARY, ORDINARY + 1], (2.0, None), torch.cdist),
        ("_cdist_forward", [ORDINARY, ORDINARY + 1], (1.0, None), lambda x, y: torch.cdist(x, y, p=1.0)),
        ("clamp", [VALUES], (-1.5, 2.0), lambda x: torch.clamp(x, -1.5, 2.0)),
        ("clamp", [VALUES], (None, 2), lambda x: torch.clamp(x, max=2)),
        ("clamp", [VALUES], (2.0, 1.0), lambda x: torch.clamp(x, 2.0, 1.0)),
        ("maximum", [VALUES, OTHER], (), torch.maximum),
        ("maximum", [OTHER, VALUES], (), torch.maximum),
        ("minimum", [VALUES, OTHER], (), torch.minimum),
        ("sigmoid", [VALUES], (), torch.sigmoid),
        ("silu", [ORDINARY], (), F.silu),
        ("relu6", [VALUES], (), F.relu6),
        ("hardtanh", [VALUES], (-1.0, 2.0), lambda x: F.hardtanh(x, -1.0, 2.0)),
        ("hardsigmoid", [VALUES], (), F.hardsigmoid),
        ("hardswish", [ORDINARY], (), F.hardswish),
        ("leaky_relu", [VALUES], (0.2,), lambda x: F.leaky_relu(x, 0.2)),
        ("elu", [VALUES], (1.5, 1, 1), lambda x: F.elu(x, 1.5)),
        ("softplus", [VALUES], (1, 20), F.softplus),
        ("mish", [ORDINARY], (), F.mish),
        ("gelu", [ORDINARY], ("none",), F.gelu),
        ("gelu", [ORDINARY], ("tanh",), lambda x: F.gelu(x, approximate="tanh")),
        ("softmax.int", [ORDINARY], (-1, None), lambda x: F.softmax(x, -1)),
        ("_softmax", [ORDINARY], (0, False), lambda x: F.softmax(x, 0)),
        ("_log_softmax", [ORDINARY], (1, False), lambda x: F.log_softmax(x, 1)),
    ],
)
def test_gives_what_torch_gives(
    operator: str, inputs: list[torch.Tensor], constants: tuple[Any, ...], reference: Callable[..., torch.Tensor]
) -> None:
    result = run(operator, inputs, constants)
    np.testing.assert_allclose(result, reference(*inputs).numpy(), rtol=3e-6, atol=1e-6)


def test_unknown_operator_is_refused() -> None:
    module = ir.Module.parse("func.func @f() { return }", make_context())
    with pytest.raises(UsageError, match="decompose has no rule for 'convolution'"):
        Decompose(ops=("convolution",)).run(module.operation, PassContext())
