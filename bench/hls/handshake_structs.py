"""SystemVerilog of the handshake route without packed structs, which yosys cannot read: vectors of the same bits."""

from __future__ import annotations

import re
from collections.abc import Iterator

_STRUCT = re.compile(r"(wire |reg )?\bstruct packed \{([^}]*)\} (\w+)")
_FIELD = re.compile(r"logic (?:\[(\d+):0\])?\s*(\w+);")
_PATTERN = re.compile(r"'\{([^{}]*)\}")


def without_structs(source: str) -> str:
    """``source`` with a vector for each packed struct, slices for its fields, and concatenations for its literals."""
    return "".join(_module(part) for part in re.split(r"(?<=\nendmodule\n)", source))


def _module(text: str) -> str:
    """One module: names mean the same in all of it."""
    slices = {}
    for match in _STRUCT.finditer(text):
        slices[match[3]] = dict(_slices(match[2]))
    text = _STRUCT.sub(_vector, text)
    for name, places in slices.items():
        for field, (high, low) in places.items():
            text = re.sub(rf"\b{name}\.{field}\b", f"{name}[{high}:{low}]", text)
    return _PATTERN.sub(lambda match: "{" + re.sub(r"\w+: ", "", match[1]) + "}", text)


def _vector(match: re.Match[str]) -> str:
    width = max(high for _, (high, _) in _slices(match[2])) + 1
    return f"{match[1] or 'logic '}[{width - 1}:0] {match[3]}"


def _slices(fields: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Each field's highest and lowest bit; the first one is uppermost."""
    found = [(match[2], int(match[1] or 0) + 1) for match in _FIELD.finditer(fields)]
    low = sum(width for _, width in found)
    for name, width in found:
        low -= width
        yield name, (low + width - 1, low)
