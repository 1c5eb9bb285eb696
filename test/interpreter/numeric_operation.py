"""One operation of the numeric dialect, run by the interpreter."""

from __future__ import annotations

from typing import Any

from torch_mlir import ir

from stepwell.backends.interpreter.interpreter import Interpreter
from stepwell.dialects import numeric
from stepwell.dialects.context import make_context


def tensor(shape: str, width: int, frac: int = 0, sign: str = "signed") -> str:
    return f'tensor<{shape}x!numeric.fixed<{width}, {frac}, "{sign}">>'


def run(name: str, types: list[str], output: str, arguments: list[Any], **attributes: str) -> Any:
    """One operation on ``arguments``."""
    names = ", ".join(f"%a{i}" for i in range(len(types)))
    declared = ", ".join(f"%a{i}: {kind}" for i, kind in enumerate(types))
    written = ", ".join(f"{key} = {value}" for key, value in attributes.items())
    text = f"""
    func.func @main({declared}) -> {output} {{
      %0 = "numeric.{name}"({names}) {{{written}}} : ({", ".join(types)}) -> {output}
      return %0 : {output}
    }}"""
    context = make_context(torch=False)
    numeric.load(context)
    with context, ir.Location.unknown():
        return Interpreter(ir.Module.parse(text)).run("main", arguments)[0]
