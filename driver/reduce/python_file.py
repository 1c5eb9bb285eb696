"""A model as a small Python file: ``make_model()`` returns (model, args), and run by itself it fails again."""

from __future__ import annotations

import hashlib
import math
import re
from pathlib import Path
from typing import Any

import torch

from stepwell.driver.reduce.candidate import Candidate
from stepwell.support.errors import UnsupportedError

#: Elements up to which a tensor is written out.
_WRITTEN = 64

_HEAD = '''"""{title}"""
{path}
{imports}

{dynamic}


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
{weights}
{forward}


def make_model():
    return Model().eval(), ({args})


if __name__ == "__main__":
    import stepwell

    model, args = make_model()
    {run}
'''


def write(candidate: Candidate, file: Path, title: str, run: str) -> str:
    """Write ``candidate``; tensors too large for a page go to a ``.pt`` file beside it. Returns the text.

    Raises:
        UnsupportedError: the graph holds other graphs (control flow), which can't be written.
    """
    large: dict[str, torch.Tensor] = {}

    def tensor(name: str, value: torch.Tensor) -> str:
        if value.numel() <= _WRITTEN:
            return _literal(value)
        # The digest tells candidates apart that differ in such values alone.
        key = f"{name}:{_digest(value)}"
        large[key] = value.detach().contiguous().clone()
        return f'torch.load(Path(__file__).with_suffix(".pt"))["{key}"]'

    weights = []
    for name, value in candidate.weights.items():
        weights.append(f'        self.register_buffer("{name}", {tensor(name, value)})')
    code = candidate.graph.python_code("self")
    args = [tensor(f"input{index}", value) for index, value in enumerate(candidate.inputs)]
    text = _HEAD.format(
        title=title,
        path="\nfrom pathlib import Path\n" if large else "",
        imports="\n".join(["import torch", *_imports(code.src, code.globals)]),
        dynamic=f"DYNAMIC_SHAPES = {_dynamic(candidate)}",
        weights="".join(f"{line}\n" for line in weights),
        forward="\n".join(f"    {line}".rstrip() for line in _forward(code.src)),
        args="".join(f"{arg}, " for arg in args).strip(),
        run=run,
    )
    file.write_text(text)
    if large:
        torch.save(large, file.with_suffix(".pt"))
    return text


def _digest(value: torch.Tensor) -> str:
    """A short name of a tensor's shape and bytes."""
    data = value.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()
    return hashlib.sha256(repr(tuple(value.shape)).encode() + data).hexdigest()[:8]


def _forward(source: str) -> list[str]:
    lines = source.strip().splitlines()
    return lines[next(index for index, line in enumerate(lines) if line.startswith("def ")) :]


def _imports(source: str, names: dict[str, Any]) -> list[str]:
    lines = []
    for name, value in sorted(names.items()):
        if name == "torch" or not re.search(rf"\b{name}\b", source):
            continue
        if isinstance(value, float):
            lines.append(f"from math import {name}" if name in ("inf", "nan") else f"{name} = {value!r}")
        elif value is type(None):
            lines.append(f"{name} = type(None)")
        elif getattr(value, "__module__", None) and getattr(value, "__name__", None):
            home = value.__module__
            lines.append(f"from {home} import {value.__name__} as {name}")
        else:
            raise UnsupportedError(f"'{name}' of the model's graph can't be written to a Python file")
    return lines


def _dynamic(candidate: Candidate) -> str:
    if not any(candidate.dynamic):
        return "None"
    axes = [
        "{" + ", ".join(f"{axis}: torch.export.Dim.DYNAMIC" for axis in sorted(item)) + "}" if item else "None"
        for item in candidate.dynamic
    ]
    return f"({', '.join(axes)},)"


def _literal(value: torch.Tensor) -> str:
    value = value.detach()
    if value.numel() == 0:
        return f"torch.empty({tuple(value.shape)}, dtype={value.dtype})"
    if value.numel() > 1 and bool((value == value.flatten()[0]).all()):
        return f"torch.full({tuple(value.shape)}, {_number(value.flatten()[0].item())}, dtype={value.dtype})"
    return f"torch.tensor({_nested(value.tolist())}, dtype={value.dtype})"


def _nested(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_nested(item) for item in value)}]"
    return _number(value)


def _number(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)
