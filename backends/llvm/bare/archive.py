"""Static libraries with an index of their symbols, in the format of GNU ``ar``; the same members give the same bytes.

An archiver of the host may not know the objects of other machines, and would leave the index empty.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from stepwell.backends.llvm.bare.elf import read_symbols

_MAGIC = b"!<arch>\n"
_HEADER = 60


def make_static_library(members: Mapping[str, bytes]) -> bytes:
    """A library of ELF objects by file name (at most 15 characters)."""
    symbols = [(name, symbol) for name, data in members.items() for symbol in read_symbols(data).defined]
    names = b"".join(symbol.encode() + b"\0" for _, symbol in symbols)
    at = len(_MAGIC) + _HEADER + _even(4 + 4 * len(symbols) + len(names))
    offsets: dict[str, int] = {}
    for name, data in members.items():
        offsets[name] = at
        at += _HEADER + _even(len(data))
    index = struct.pack(f">{1 + len(symbols)}I", len(symbols), *(offsets[name] for name, _ in symbols)) + names
    parts = [_member("/", index), *(_member(f"{name}/", data) for name, data in members.items())]
    return _MAGIC + b"".join(parts)


def _member(name: str, data: bytes) -> bytes:
    assert len(name) <= 16, name
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'644':<8}{len(data):<10}`\n".encode()
    return header + data + b"\n" * (len(data) % 2)


def _even(size: int) -> int:
    return size + size % 2
