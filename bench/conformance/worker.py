"""Judges the samples of operators one after another, in a process of its own that may die on the way.

Reads ``{"operator": name, "first": number, "most": count}`` a line and answers each sample with a line, before it
(``{"begin": position, "number": number}``) and behind it (``{"kind": ..., "message": ...}``), and all of them with
``{"end": count}``. The first line is ``{}``, once it is ready.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import warnings
from collections.abc import Sequence
from typing import Any, TextIO

import torch

import stepwell
from bench.conformance import peer
from bench.conformance.floor import TORCH_MLIR
from bench.conformance.judge import Outcome, judge
from bench.conformance.sample import Sample, Suite

_MEMORY = 8 << 30


def spread(count: int, most: int) -> list[int]:
    """At most ``most`` of ``count`` numbers, evenly spread."""
    if count <= most:
        return list(range(count))
    return [number * count // most for number in range(most)]


def main() -> None:
    """Serve until the input ends."""
    suite_name, target, seed, manner, *options = sys.argv[1:]
    # What models and libraries print must not get between the answers.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    module, _, name = suite_name.partition(":")
    suite: Suite = getattr(importlib.import_module(module), name)(*options)
    stepwell.compile(torch.nn.ReLU(), (torch.ones(1),), cache=False)  # the first one takes longer
    print("{}", file=out)
    for line in sys.stdin:
        request = json.loads(line)
        _serve(suite, target, manner, int(seed), request, out)


def _serve(suite: Suite, target: str, manner: str, seed: int, request: dict[str, Any], out: TextIO) -> None:
    try:
        samples: Sequence[Sample] = suite.samples(request["operator"], seed)
    except Exception as failure:  # the suite has no samples of this operator here
        print(json.dumps({"end": 0, "message": f"{type(failure).__name__}: {failure}"[:200]}), file=out)
        return
    chosen = spread(len(samples), request["most"])
    for position, number in enumerate(chosen):
        if position < request["first"]:
            continue
        print(json.dumps({"begin": position, "number": number}), file=out)
        outcome = _outcome(samples[number], target, manner)
        message = ": ".join(part for part in (samples[number].name, outcome.message) if part)
        print(json.dumps({"kind": outcome.kind, "message": message}), file=out)
    print(json.dumps({"end": len(chosen)}), file=out)


def _outcome(sample: Sample, target: str, manner: str) -> Outcome:
    return peer.lower(sample, manner) if target == TORCH_MLIR else judge(sample, target, manner)


if __name__ == "__main__":
    main()
