"""From the passes on stepwell-opt's command line to a pipeline, each name and option checked before anything runs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.passmanager import PassManager

from stepwell.driver.opt_arguments import unknown_flag
from stepwell.passes.pipeline import Element, Nested, Pipeline, Stage, Upstream, parse_element, parse_pipeline
from stepwell.passes.registry import PASSES
from stepwell.support.diagnostics import shorten
from stepwell.support.errors import UsageError

_TORCH_TEXT = re.compile(r"\b(?:torch|torch_c|tm_tensor)\.")
_PASS_NAME = re.compile(r"[A-Za-z][\w.\-]*")
_RESTRICTED = re.compile(r"restricted to '([\w.]+)'")


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
            parsed = parse_pipeline(pipeline)
            for stage in parsed.stages:
                for element in stage.elements:
                    _check(element)
            return parsed
        elements = [_from_flag(flag) for flag in flags]
        return Pipeline([Stage("flags", "", elements)] if elements else [])


def _is_graph_pass(name: str) -> bool:
    entry = PASSES.get(name)
    module = entry if isinstance(entry, str) else getattr(entry, "__module__", "")
    return module.startswith("stepwell.passes.graph.")


def _from_flag(flag: str) -> Element:
    element = parse_element(flag)
    _check(element, flag=True)
    if isinstance(element, Upstream) and not _fits(element, "builtin.module"):
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


def _check(element: Element, *, flag: bool = False) -> None:
    if isinstance(element, Nested):
        for inner in element.elements:
            _check(inner)
    elif isinstance(element, Upstream):
        failure = _upstream_failure(element)
        if "does not refer to a registered pass" in failure:
            if flag:
                raise unknown_flag(f"--{element.name}")
            raise UsageError(f"no pass is called '{element.name}'", hint="stepwell-opt --list-passes shows ours")
        if failure and not _RESTRICTED.search(failure):
            raise UsageError(f"pass '{element.name}' does not take '{element.options}': {shorten(failure)}")


def _upstream_failure(element: Upstream) -> str:
    """Why MLIR can't build the pass on any operation; empty if it can."""
    try:
        PassManager.parse(f"any({element})")
    except ValueError as failure:
        return str(failure)
    return ""
