"""The error of expand-math's functions against f64: a sample of the floats here, all of them in the slow tests."""

import numpy as np
import pytest
import torch
from numeric_check import apply, run

from bench.math_bounds import FUNCTIONS, measure, pairs, ulp_errors
from stepwell.passes.buffer.expand_math import FUNCTIONS as EXPANDED
from stepwell.passes.buffer.math.bounds import BOUNDS, ONE_PLUS_ERF, WITHOUT_FMA

_STRIDE = 12289

_MODULE = """
func.func @main({arguments}) -> (tensor<?xf32> {{stepwell.output = "0"}}) {{
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %r = linalg.generic {{indexing_maps = [{maps}], iterator_types = ["parallel"]}}
      ins({inputs}) outs(%e : tensor<?xf32>) {{
  ^bb0({scalars}, %o: f32):
    %v = math.{name} {values} : f32
    linalg.yield %v : f32
  }} -> tensor<?xf32>
  return %r : tensor<?xf32>
}}
"""


def _module(name: str, arity: int) -> str:
    names = ["x", "y"][:arity]
    return _MODULE.format(
        name=name,
        arguments=", ".join(f'%{n}: tensor<?xf32> {{stepwell.input = "{n}"}}' for n in names),
        maps=", ".join(["affine_map<(d) -> (d)>"] * (arity + 1)),
        inputs=", ".join(f"%{n}" for n in names) + " : " + ", ".join(["tensor<?xf32>"] * arity),
        scalars=", ".join(f"%{n}s: f32" for n in names),
        values=", ".join(f"%{n}s" for n in names),
    )


def _sample() -> torch.Tensor:
    strided = np.arange(0, 1 << 32, _STRIDE, dtype=np.uint64).astype(np.uint32).view(np.float32)
    special = np.array([0.0, 1, 2, 0.5, 1e-45, 1.2e-38, 3.4e38, np.inf], np.float32)
    usual = np.linspace(-20, 20, 100001, dtype=np.float32)
    return torch.from_numpy(np.concatenate([strided, special, -special, [np.float32(np.nan)], usual, usual / 20 + 1]))


def test_every_function_has_a_bound_and_a_measure() -> None:
    assert set(BOUNDS) == set(EXPANDED) == set(FUNCTIONS)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("fma", [True, False])
@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_sample(name: str, fma: bool) -> None:
    batches = list(pairs(1 << 16)) if name == "powf" else [(_sample(),)]
    arguments = [torch.cat(parts) for parts in zip(*batches, strict=True)]
    module = apply(_module(name, len(arguments)), f"expand-math{{fma={str(fma).lower()}}},canonicalize,cse")
    assert f"math.{name}" not in str(module)
    (got,), _ = run(module, [x.numpy() for x in arguments])
    errors = ulp_errors(torch.from_numpy(got), FUNCTIONS[name](*(x.double() for x in arguments)))
    worst = int(errors.argmax())
    assert errors[worst] <= BOUNDS[name] + (0.0 if fma else WITHOUT_FMA), [float(x[worst]) for x in arguments]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_powers_that_are_products() -> None:
    for exponent in (1.0, 2.0, 3.0, -1.0):
        text = (
            _module("powf", 1)
            .replace("%xs : f32", "%xs, %p : f32")
            .replace("%e = tensor", f"%p = arith.constant {exponent} : f32\n  %e = tensor")
        )
        module = apply(text, "expand-math,canonicalize")
        x = _sample()
        (got,), _ = run(module, [x.numpy()])
        assert len(str(module).split("arith.")) < 6
        assert ulp_errors(torch.from_numpy(got), x.double() ** exponent).max() <= 1.5


@pytest.mark.parametrize("fma", [True, False])
def test_one_plus_erf(fma: bool) -> None:
    text = (
        _module("erf", 1)
        .replace("linalg.yield %v", "%s = arith.addf %v, %one : f32\n    linalg.yield %s")
        .replace("%e = tensor", "%one = arith.constant 1.0 : f32\n  %e = tensor")
    )
    module = apply(text, f"expand-math{{fma={str(fma).lower()}}},canonicalize,cse")
    assert "math.erf" not in str(module) and "bitcast" not in str(module)
    x = _sample()
    (got,), _ = run(module, [x.numpy()])
    got = torch.from_numpy(got)
    assert torch.equal(got.isnan(), x.isnan())
    assert (got[x.abs() > 3.925] == 1 + x[x.abs() > 3.925].sign()).all()
    exact = 1 + torch.erf(x.double())
    assert (got.double() - exact).abs()[~x.isnan()].max() <= ONE_PLUS_ERF


@pytest.mark.parametrize("fma", [True, False])
def test_weights_of_a_softmax(fma: bool) -> None:
    text = _module("exp", 1).replace("math.exp %xs", "math.exp %xs {stepwell.softmax_weight}")
    module = apply(text, f"expand-math{{fma={str(fma).lower()}}},canonicalize,cse")
    assert "math.exp" not in str(module) and "arith.select" not in str(module)
    x = torch.cat([torch.linspace(-87.336, 0, 1 << 18), -torch.logspace(-40, 1.9, 1 << 16), torch.tensor([torch.nan])])
    (got,), _ = run(module, [x.numpy()])
    assert ulp_errors(torch.from_numpy(got), x.double().exp()).max() <= BOUNDS["exp"] + (0.0 if fma else WITHOUT_FMA)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_all_floats(name: str) -> None:
    assert measure(name, 1) <= BOUNDS[name]
