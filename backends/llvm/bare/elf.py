"""The global symbols of an ELF object: what it defines, and what others must define for it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from stepwell.support.errors import CodegenError

_SYMBOL_TABLE = 2
_GLOBAL, _WEAK = 1, 2


@dataclass(frozen=True)
class Symbols:
    """Names of global symbols, sorted."""

    defined: tuple[str, ...]
    undefined: tuple[str, ...]


def read_symbols(data: bytes) -> Symbols:
    """The global symbols of a little-endian object of 32 or 64 bits.

    Raises:
        CodegenError: ``data`` is no such object.
    """
    if data[:4] != b"\x7fELF" or data[5] != 1:
        raise CodegenError("the object is not in little-endian ELF", hint="choose a triple like thumbv7em-none-eabi")
    wide = data[4] == 2
    table_at, count = _section_table(data, wide)
    sections = [_section(data, table_at, index, wide) for index in range(count)]
    defined: set[str] = set()
    undefined: set[str] = set()
    for kind, offset, size, link in sections:
        if kind != _SYMBOL_TABLE:
            continue
        _, names_at, names_size, _ = sections[link]
        names = data[names_at : names_at + names_size]
        entry = struct.Struct("<IBBHQQ" if wide else "<IIIBBH")
        for fields in entry.iter_unpack(data[offset : offset + size]):
            name, info, section = (fields[0], fields[1], fields[3]) if wide else (fields[0], fields[3], fields[5])
            if info >> 4 in (_GLOBAL, _WEAK):
                text = names[name : names.index(b"\0", name)].decode()
                (defined if section else undefined).add(text)
    return Symbols(tuple(sorted(defined)), tuple(sorted(undefined)))


def _section_table(data: bytes, wide: bool) -> tuple[int, int]:
    """Where the section headers are, and how many."""
    (offset,) = struct.unpack_from("<Q", data, 0x28) if wide else struct.unpack_from("<I", data, 0x20)
    (count,) = struct.unpack_from("<H", data, 0x3C if wide else 0x30)
    return offset, count


def _section(data: bytes, table: int, index: int, wide: bool) -> tuple[int, int, int, int]:
    """Kind, offset, size and linked section."""
    if wide:
        _, kind, _, _, offset, size, link = struct.unpack_from("<IIQQQQI", data, table + 64 * index)
    else:
        _, kind, _, _, offset, size, link = struct.unpack_from("<7I", data, table + 40 * index)
    return kind, offset, size, link
