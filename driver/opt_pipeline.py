"""From the passes on stepwell-opt's command line to a pipeline."""

from __future__ import annotations

import re
from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.passmanager import PassManager

from stepwell.driver.opt_arguments import unknown_flag
from stepwell.passes.pipeline import Element, Nested, Pipeline, Stage, Upstream, parse_element, parse_pipeline
from stepwell.passes.registry import PASSES
from stepwell.passes.runner import check_element
from stepwell.support.errors import UnknownPassError

_TORCH_TEXT = re.compile(r"\b(?:torch|torch_c|tm_tensor)\.")
_PASS_NAME = re.compile(r"[A-Za-z][\w.\-]*")
_ROOT = "builtin.module"


def mentions_torch(text: str, pipeline: str | None, flags: Sequence[str]) -> bool:
    """Whether the torch dialects are needed to read ``text`` or to run the passes named."""
    names = [name for words in (pipeline or "", *flags) for name in _PASS_NAME.findall(words)]
    return bool(_TORCH_TEXT.search(text)) or any("torch" in name or _is_graph_pass(name) for name in names)


def build_pipeline(context: ir.Context, pipeline: str | None, flags: Sequence[str]) -> Pipeline:
    """The pipeline of ``--pass-pipeline``, or of passes given as flags (nested as mlir-opt does).

    Raises:
        UsageError: text that can't be read, an unknown pass or option.
    """
    with context, ir.Location.unknown():
        if pipeline is not None:
            return parse_pipeline(pipeline)
        elements = [_from_flag(flag) for flag in flags]
        return Pipeline([Stage("flags", "", elements)] if elements else [])


def _is_graph_pass(name: str) -> bool:
    entry = PASSES.get(name)
    module = entry if isinstance(entry, str) else getattr(entry, "__module__", "")
    return module.startswith("stepwell.passes.graph.")


def _from_flag(flag: str) -> Element:
    element = parse_element(flag)
    try:
        check_element(element, _ROOT)
    except UnknownPassError:
        raise unknown_flag(f"--{element}") from None
    if isinstance(element, Upstream) and not _fits(element, _ROOT):
        return Nested("func.func", [element])
    return element


def _fits(element: Upstream, anchor: str) -> bool:
    """Whether the pass can be scheduled on ``anchor``.

    MLIR looks at that before it runs anything, nested managers included; an empty module leaves those idle.
    """
    try:
        PassManager.parse(f"builtin.module({anchor}({element}))").run(ir.Module.create().operation)
    except (ValueError, ir.MLIRError):
        return False
    return True
