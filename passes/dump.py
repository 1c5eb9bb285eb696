"""IR as files that carry on: headed by the passes that are still to run."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.passes.pipeline import Element, Nested, Stage


def with_header(op: ir.Operation, pipeline: str) -> str:
    """IR text with locations, headed by the pipeline that carries on from it; ``stepwell-opt`` reads it back."""
    body = op.get_asm(enable_debug_info=True)
    return f"// configuration: --pass-pipeline='{pipeline}'\n{body}\n"


def remaining_text(remaining: list[tuple[Stage, Element]]) -> str:
    """The elements still to run as one pipeline text."""
    return f"builtin.module({','.join(str(element) for _, element in remaining)})"


def file_stem(element: Element) -> str:
    """What a dump behind ``element`` is called."""
    name = element.anchor if isinstance(element, Nested) else element.name
    return "".join(char if char.isalnum() or char in "-_" else "-" for char in name)
