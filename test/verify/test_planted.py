"""verify names the pass that makes a mistake: for every pass of ours, one is planted in what it produces."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from mistakes import Mistake, change, collide, exchange_parameters, invert_checks, plant, shorten_loop, swap

import stepwell
from stepwell.passes import registry
from stepwell.passes.pipeline import Pipeline

SUB = swap("arith.addf", "arith.subf")
INTEGER_SUB = swap("arith.addi", "arith.subi")


@dataclass(frozen=True)
class Case:
    """``insert`` lists (pass before it, pass) to add to the target's pipeline, ``until`` is the level where it ends."""

    name: str
    model: str
    mistake: Mistake
    insert: tuple[tuple[str, str], ...] = ()
    beside: bool = False
    until: str = ""


CUDA, HLS, CPU = "cuda,arch=sm_90a,plain=true", "hls,simulator=interpreter", "cpu"
LOWERING = "torch-backend-to-linalg-on-tensors-backend-pipeline"
TARGETS = {"chain": CUDA, "integer": HLS, "loops": f"{HLS},parallelism=2x2", "perceptron": f"{HLS},bits=8"}

CASES = [
    Case("decompose", "dense", change("torch.constant.int", "3 : i64")),
    Case("fold-empty", "dense", swap("torch.aten.tanh", "torch.aten.relu")),
    Case("cut-operators", "dense", swap("torch.aten.tanh", "torch.aten.relu")),
    Case("join-operators", "dense", swap("torch.aten.tanh", "torch.aten.relu")),
    Case(
        "sign-integers", "dense", swap("torch.aten.tanh", "torch.aten.relu"), insert=(("fold-empty", "sign-integers"),)
    ),
    Case("widen-bytes", "bytes", change("torch.constant.int", "1 : i64")),
    Case("widen-float8", "dense", swap("torch.aten.tanh", "torch.aten.relu")),
    Case("simplify", "dense", swap("torch.aten.tanh", "torch.aten.relu")),
    Case("select-values", "dense", swap("torch.aten.tanh", "torch.aten.relu")),
    Case("split-moments", "dense", swap("torch.aten.tanh", "torch.aten.relu")),
    Case("quantize", "dense", swap("torch.aten.tanh", "torch.aten.relu"), insert=(("simplify", "quantize"),)),
    Case(
        "quantised-to-numeric",
        "dense",
        swap("torch.aten.tanh", "torch.aten.relu"),
        insert=(("simplify", "quantised-to-numeric"),),
    ),
    Case("fold-batch-norm", "convolution", change("torch.constant.float", "0.5 : f64")),
    Case("join-scales", "dense", swap("torch.aten.tanh", "torch.aten.relu"), insert=(("simplify", "join-scales"),)),
    Case(
        "split-products",
        "dense",
        swap("torch.aten.tanh", "torch.aten.relu"),
        insert=(("simplify", "split-products"),),
    ),
    Case("join-biases", "dense", swap("torch.aten.tanh", "torch.aten.relu"), insert=(("simplify", "join-biases"),)),
    Case("lower-views", "indexed", change("torch.constant.float", "2.0 : f64")),
    Case("drop-torch-attributes", "dense", swap("math.tanh", "math.exp")),
    Case("lower-tm-tensor", "indexed", swap("arith.addf", "arith.subf", 0)),
    Case("exact-positions", "dense", swap("math.tanh", "math.exp")),
    Case("exact-extrema", "dense", swap("math.tanh", "math.exp")),
    Case("widen-sums", "dense", swap("math.tanh", "math.exp")),
    Case("matmul-to-matvec", "dense", swap("math.tanh", "math.exp")),
    Case("narrow-products", "dense", swap("math.tanh", "math.exp")),
    Case("check-indices", "dense", swap("math.tanh", "math.exp")),
    Case("bound-shifts", "dense", swap("math.tanh", "math.exp")),
    Case("check-divisors", "dense", swap("math.tanh", "math.exp")),
    Case("check-shapes", "dense", swap("math.tanh", "math.exp")),
    Case("fuse", "dense", swap("math.tanh", "math.exp"), insert=(("check-shapes", "fuse"),)),
    Case("flush-softmax", "dense", swap("math.tanh", "math.exp")),
    Case("fuse-attention", "attention", swap("arith.divf", "arith.mulf")),
    Case("share-reciprocal", "dense", swap("math.tanh", "math.exp")),
    Case("tile", "dense", shorten_loop, insert=(("check-shapes", "tile{sizes=2,2,2}"),)),
    Case("pad", "dense", SUB, insert=(("check-shapes", "pad{sizes=2,2,2}"),)),
    Case("hoist", "dense", SUB, insert=(("check-shapes", "hoist"),)),
    Case("vectorize", "dense", SUB, insert=(("check-shapes", "vectorize"),)),
    Case("pack", "dense", SUB),
    Case("propagate-layouts", "convolution", SUB),
    Case("pack-convolutions", "convolution", SUB),
    Case("space-to-depth", "convolution", SUB, insert=(("propagate-layouts", "space-to-depth"),)),
    Case("convolutions-to-products", "convolution", SUB, insert=(("propagate-layouts", "convolutions-to-products"),)),
    Case("winograd-convolutions", "dense", SUB, insert=(("propagate-layouts", "winograd-convolutions"),)),
    Case("split-prepare", "convolution", swap("arith.mulf", "arith.addf")),
    Case("detach-prepare", "convolution", swap("arith.mulf", "arith.addf"), beside=True),
    Case("bufferize", "dense", SUB),
    Case("vectorize-convolutions", "convolution", SUB),
    Case("plan-memory", "checked", collide),
    Case("free-buffers", "indexed", swap("arith.addf", "arith.subf", 0)),
    Case("place-parameters", "dense", exchange_parameters),
    Case("bind-outputs", "dense", SUB),
    Case("vectorize-contractions", "dense", swap("arith.mulf", "arith.addf")),
    Case("linalg-to-affine", "dense", SUB, insert=(("plan-memory", "linalg-to-affine"),)),
    Case("unroll", "dense", SUB, insert=(("plan-memory", "unroll{factor=2}"), ("plan-memory", "linalg-to-affine"))),
    Case(
        "unroll-and-jam", "dense", SUB, insert=(("plan-memory", "unroll-and-jam"), ("plan-memory", "linalg-to-affine"))
    ),
    Case("declare-entries", "dense", SUB),
    Case("lower-assert", "checked", invert_checks),
    Case("expand-copy", "dense", SUB),
    Case("parallelize-loops", "dense", SUB),
    Case("outline-parallel-loops", "dense", SUB),
    Case("outline-loops", "dense", SUB),
    Case("set-fp-policy", "dense", SUB),
    Case("expand-float8", "dense", SUB),
    Case("expand-math", "dense", SUB),
    Case("fuse-rows", "rows", SUB),
    Case("vectorize-transposes", "dense", SUB),
    Case("vectorize-rows", "dense", swap("math.tanh", "math.exp")),
    Case("contiguous-depth", "chain", SUB),
    Case("fold-transposes", "chain", SUB),
    Case("split-scatters", "chain", SUB),
    Case("sink-assertions", "chain", SUB),
    Case("widen-arithmetic", "chain", SUB),
    Case("split-reductions", "chain", SUB),
    Case("outline-kernels", "chain", SUB),
    Case("lower-kernels", "chain", SUB),
    Case("gpu-to-loops", "chain", SUB, insert=(("lower-kernels", "gpu-to-loops"),), until="kernel"),
    Case("fold-views", "loops", INTEGER_SUB),
    Case("initialise-memories", "loops", INTEGER_SUB),
    Case("fuse-nests", "loops", INTEGER_SUB),
    Case("unroll-nests", "loops", INTEGER_SUB),
    Case("forward-stores", "loops", INTEGER_SUB),
    Case("promote-accumulators", "loops", INTEGER_SUB),
    Case("balance-sums", "loops", INTEGER_SUB),
    Case("bank-memories", "loops", INTEGER_SUB),
    Case("narrow-loops", "loops", INTEGER_SUB),
    Case("copy-memories", "loops", INTEGER_SUB),
    Case("schedule-loops", "loops", INTEGER_SUB),
    Case("affine-to-stream", "loops", INTEGER_SUB),
    Case("inline-graphs", "loops", INTEGER_SUB),
    Case("linalg-to-stream", "integer", change("stream.linear", "1 : i64", "shift")),
    Case("numeric-to-stream", "perceptron", change("stream.linear", "1 : i64", "shift")),
    Case("balance", "integer", change("stream.linear", "1 : i64", "shift")),
    Case("pipeline-components", "integer", change("stream.linear", "1 : i64", "shift")),
    Case("size-fifos", "integer", change("stream.linear", "1 : i64", "shift")),
    Case("bind-parameters", "integer", change("stream.linear", "1 : i64", "shift")),
]

# Nothing below them is run on a machine without the accelerator, or they change nothing that is computed.
WITHOUT = {"check-level", "instrument", "plan-launches", "set-index-width"}


def pipeline_of(case: Case) -> Pipeline:
    pipeline = stepwell.pipeline(TARGETS.get(case.model, CPU))
    for before, element in case.insert:
        pipeline.insert_after(before, element)
    return pipeline.until(case.until) if case.until else pipeline


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_names_the_pass(case: Case, model_file: Callable[[str], Path]) -> None:
    pipeline = pipeline_of(case)
    plant(pipeline, case.name, case.mistake, case.beside)
    report = stepwell.verify(model_file(case.model), target=TARGETS.get(case.model, CPU), pipeline=pipeline)
    assert not report.passed
    assert report.first_pass is not None
    named = [name.partition("{")[0] for name in report.first_pass.split(" or ")]
    # tm_tensor operations are run by no interpreter: what makes them stays under suspicion with what lowers them.
    expected = [LOWERING, case.name] if case.name == "lower-tm-tensor" else [case.name]
    assert named == expected, report.table()


@pytest.mark.parametrize(
    "model", ["dense", "convolution", "indexed", "checked", "chain", "integer", "loops", "perceptron", "attention"]
)
def test_passes_without_a_mistake(model: str, model_file: Callable[[str], Path]) -> None:
    report = stepwell.verify(model_file(model), target=TARGETS.get(model, CPU))
    assert report.passed and report.first_pass is None, report.table()


def test_every_pass_has_a_case() -> None:
    assert set(registry.names()) - WITHOUT == {case.name for case in CASES}
