"""Models of the zoo end to end on the CPU target: error against float64, states, dynamic sizes, dumps, same bytes."""

import copy
import json
import subprocess
import sys

import pytest

import stepwell
from bench import determinism
from bench.accuracy import compare
from bench.sizes import pick
from examples.models import zoo
from stepwell.driver import opt

ZOO = zoo()

# Small enough for every run of the tests; all of them, at more sizes, are examined by test_everything.
QUICK = ["mobilenet_v3_small", "llama_functional_cache", "graph_network"]


@pytest.mark.parametrize("name", QUICK)
def test_is_as_close_to_float64_as_pytorch(name):
    model, args = ZOO[name].make()
    accuracy = compare(model, stepwell.compile(model, args), [args])
    assert accuracy.passed, accuracy


def test_prefill_and_decode_share_a_cache_in_buffers(tmp_path):
    entry = ZOO["llama_static_prefill"]
    model, _ = entry.make()
    example = entry.dynamic.inputs(*entry.dynamic.example)
    executable = stepwell.compile(
        copy.deepcopy(model), example, dynamic_shapes=entry.dynamic.shapes(), dump_ir=tmp_path / "dump"
    )
    accuracy = compare(model, executable, entry.calls())
    assert accuracy.passed, accuracy
    executable.reset()
    assert compare(model, executable, entry.calls()[:1]).passed
    session = executable.new_session()
    assert compare(model, session, entry.calls()[:1]).passed, "sessions share no state"
    for path in (tmp_path / "dump").glob("*.mlir"):
        assert opt.main([str(path), "-o", str(tmp_path / "again.mlir")]) == 0, path.name


def test_dynamic_batch_and_length():
    entry = ZOO["bert"]
    model, _ = entry.make()
    example = entry.dynamic.inputs(*entry.dynamic.example)
    executable = stepwell.compile(copy.deepcopy(model), example, dynamic_shapes=entry.dynamic.shapes())
    for sizes in [(1, 1), *pick(entry.dynamic, 4)]:
        accuracy = compare(model, executable, [entry.dynamic.inputs(*sizes)])
        assert accuracy.passed, (sizes, accuracy)


def test_same_bytes_from_another_folder_and_hash_seed():
    assert determinism.differing_files("llama_static_cache") == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_everything(name):
    request = {"name": name, "sizes": 5, "static_sizes": 1, "twice": True, "levels": True}
    command = [sys.executable, "-m", "bench.examine", json.dumps(request)]
    row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    assert row["failure"] is None
    assert row["passed"]
    assert row["dynamic_passed"] is not False
    assert row["levels_passed"]
    assert not row["unreadable"]
    assert not row["differing"]
