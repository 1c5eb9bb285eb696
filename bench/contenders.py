"""Who takes part in a race: each turns a model and its example arguments into something to call."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import torch

Call = Callable[..., Any]


def _stepwell(model: torch.nn.Module, args: tuple[Any, ...]) -> Call:
    import stepwell

    compiled: Call = stepwell.compile(model, args, target="cpu", cache=False)
    return compiled


def _eager(model: torch.nn.Module, args: tuple[Any, ...]) -> Call:
    return model


def _eager_one_thread(model: torch.nn.Module, args: tuple[Any, ...]) -> Call:
    torch.set_num_threads(1)
    return model


def _inductor(model: torch.nn.Module, args: tuple[Any, ...]) -> Call:
    compiled: Call = torch.compile(model)
    return compiled


CONTENDERS: dict[str, Callable[[torch.nn.Module, tuple[Any, ...]], Call]] = {
    "stepwell": _stepwell,
    "eager": _eager,
    "eager, 1 thread": _eager_one_thread,
    "torch.compile": _inductor,
}


def available() -> list[str]:
    """The contenders that can run here; torch.compile needs a C++ compiler."""
    has_compiler = any(shutil.which(name) for name in ("c++", "g++", "clang++"))
    return [name for name in CONTENDERS if name != "torch.compile" or has_compiler]
