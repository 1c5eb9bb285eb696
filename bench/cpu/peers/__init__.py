"""Who takes part: each peer in a file, imported only in the process that runs it."""

from __future__ import annotations

import importlib

from bench.cpu.peers.base import Contender

#: Name in the tables -> the class; the first is us, what follows a comma is a setting.
_HOMES = {
    "stepwell": "bench.cpu.peers.ours:Stepwell",
    "eager": "bench.cpu.peers.pytorch:Eager",
    "stepwell, fp=fast": "bench.cpu.peers.ours:FastStepwell",
    "torch.compile": "bench.cpu.peers.pytorch:Inductor",
    "torch.compile, max-autotune": "bench.cpu.peers.pytorch:MaxAutotune",
    "IREE": "bench.cpu.peers.iree:Iree",
    "ONNX Runtime": "bench.cpu.peers.onnx_runtime:OnnxRuntime",
}

OURS, EAGER, FAST = "stepwell", "eager", "stepwell, fp=fast"
NAMES = tuple(_HOMES)

#: What a run with ``--quick`` leaves out: it takes minutes a model to try kernels.
SLOW_TO_BUILD = ("torch.compile, max-autotune",)


def make_contender(name: str) -> Contender:
    """The contender called ``name``.

    Raises:
        ImportError: the package it stands for is not installed.
    """
    module, _, attribute = _HOMES[name].partition(":")
    made = getattr(importlib.import_module(module), attribute)()
    assert isinstance(made, Contender)
    return made
