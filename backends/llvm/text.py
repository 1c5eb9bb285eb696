"""Rewrite LLVM IR text as MLIR's LLVM (24) prints it into what llvmlite's LLVM (22) parses.

Two things differ: how floating-point constants are written, and a few attributes. LLVM 24 writes
``float 1.000000e-01``, ``float f0x3D122279``, ``half +inf``, ``double -qnan``, ``bfloat +nan(0x1)``; LLVM 22 takes
``0x`` and the 16 digits of the double for float and double, ``0xH....`` for half and ``0xR....`` for bfloat.
The type of a constant is the nearest type before it on its line.
"""

from __future__ import annotations

import re
import struct
from fractions import Fraction

from stepwell.support.errors import CodegenError

_CONSTANT = r"[+-]?\d+\.\d*(?:[eE][+-]?\d+)?|f0x[0-9A-Fa-f]+|[+-](?:inf|qnan|s?nan\(0x[0-9A-Fa-f]+\))"

#: Lines without a match have no constant to rewrite and no attribute to check. A superset, for speed.
_INTERESTING = re.compile(r"\d\.\d|f0x|[+-](?:inf|qnan|s?nan\()|^attributes #", re.MULTILINE)

#: In order: things to step over (strings, quoted and plain identifiers, comments), the common pair of a type and
#: its constant, a type alone, a constant alone, any other word.
_TOKEN = re.compile(
    r'(?P<skip>[%@$!]?"[^"]*"|[%@$!#][-\w.$]+|;.*|c"[^"]*")'
    rf"|(?P<pair>\b(?P<of>float|double|half|bfloat) (?P<value>{_CONSTANT})(?![\w.]))"
    r"|(?P<type>\b(?:float|double|half|bfloat|fp128|x86_fp80|ppc_fp128|x86_amx|ptr|label|metadata|token|void|i\d+)\b)"
    rf"|(?P<constant>(?<![\w.])(?:{_CONSTANT})(?![\w.]))"
    r"|(?P<word>[A-Za-z_][\w.]*)"
)

#: Exponent bits and mantissa bits (without the hidden one) of each type.
_FORMATS = {"half": (5, 10), "bfloat": (8, 7), "float": (8, 23), "double": (11, 52)}

#: Attributes of functions and parameters that LLVM 22 does not know; none of them changes what code computes.
_UNKNOWN_ATTRIBUTES = re.compile(
    r"(?<=[\s(,])(?:denormal_fpenv\((?:[^()]|\([^()]*\))*\)|nooutline|noipa|flatten|nofree_noalias)(?=[\s,)])"
)


def to_llvm22(text: str) -> str:
    """``text`` with every floating-point constant in LLVM 22's spelling. Linear in the length of the text.

    Raises:
        CodegenError: a constant whose type is unknown, or that does not fit its type.
    """
    pieces: list[str] = []
    done = 0
    cache: dict[tuple[str, str], str] = {}
    for match in _INTERESTING.finditer(text):
        if match.start() < done:
            continue
        start = text.rfind("\n", done, match.start()) + 1 or done
        end = text.find("\n", match.start())
        end = len(text) if end < 0 else end
        pieces.append(text[done:start])
        pieces.append(_rewrite_line(text[start:end], cache))
        done = end
    pieces.append(text[done:])
    return "".join(pieces)


def _rewrite_line(line: str, cache: dict[tuple[str, str], str]) -> str:
    if line.startswith("attributes #"):
        return _UNKNOWN_ATTRIBUTES.sub("", line)
    pieces: list[str] = []
    done = 0
    current = ""
    for token in _TOKEN.finditer(line):
        kind = token.lastgroup
        if kind == "type":
            current = token[0]
            continue
        if kind == "pair":
            current, value, span = token["of"], token["value"], token.span("value")
        elif kind == "constant":
            value, span = token[0], token.span()
        else:
            continue
        spelled = cache.get((current, value))
        if spelled is None:
            spelled = cache[current, value] = spell_constant(current, value, line)
        pieces += (line[done : span[0]], spelled)
        done = span[1]
    pieces.append(line[done:])
    return "".join(pieces)


def spell_constant(kind: str, value: str, line: str = "") -> str:
    """LLVM 22's spelling of the LLVM 24 constant ``value`` of type ``kind``.

    Raises:
        CodegenError: ``kind`` is not a floating-point type that the compiler uses, or ``value`` does not fit it.
    """
    if kind not in _FORMATS:
        place = line.strip()
        raise CodegenError(
            f"floating-point constant '{value}' stands behind "
            + (f"type '{kind}'" if kind else "no type")
            + " in the generated LLVM IR",
            where=place if len(place) <= 120 else place[:117] + "...",
            hint="this is a fault of the compiler: please report it with the model",
        )
    bits = constant_bits(kind, value)
    if kind == "half":
        return f"0xH{bits:04X}"
    if kind == "bfloat":
        return f"0xR{bits:04X}"
    return f"0x{bits if kind == 'double' else _float_as_double(bits):016X}"


def constant_bits(kind: str, value: str) -> int:
    """The bit pattern of an LLVM 24 constant in its own type (``half``, ``bfloat``, ``float`` or ``double``).

    Raises:
        CodegenError: hexadecimal digits that do not fit the type.
    """
    exponent_bits, mantissa_bits = _FORMATS[kind]
    width = 1 + exponent_bits + mantissa_bits
    if value.startswith("f0x"):
        bits = int(value[3:], 16)
        if bits >> width:
            raise CodegenError(f"constant '{value}' does not fit type '{kind}'")
        return bits
    sign = (1 << (width - 1)) if value.startswith("-") else 0
    infinity = ((1 << exponent_bits) - 1) << mantissa_bits
    quiet = 1 << (mantissa_bits - 1)
    word = value[1:]
    if word == "inf":
        return sign | infinity
    if word == "qnan":
        return sign | infinity | quiet
    if word.startswith(("nan(", "snan(")):
        payload = int(word[word.index("(") + 3 : -1], 16)
        if payload >> mantissa_bits:
            raise CodegenError(f"constant '{value}' does not fit type '{kind}'")
        return sign | infinity | payload | (quiet if word.startswith("nan") else 0)
    nearest = float(value)
    double = int.from_bytes(struct.pack(">d", nearest), "big")
    if kind == "double":
        return double
    # Rounding twice (to double, then to float) is wrong only where the double is a tie between two floats.
    if kind == "float" and double & 0x1FFFFFFF != 0x10000000 and 2.0**-126 < abs(nearest) < 2.0**127:
        return int.from_bytes(struct.pack(">f", nearest), "big")
    return sign | _round(Fraction(value.lstrip("+-")), exponent_bits, mantissa_bits)


def _round(value: Fraction, exponent_bits: int, mantissa_bits: int) -> int:
    """Bits of the non-negative ``value`` rounded to nearest, ties to even; overflow gives infinity."""
    if value == 0:
        return 0
    bias = (1 << (exponent_bits - 1)) - 1
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    if Fraction(2) ** exponent > value:
        exponent -= 1
    exponent = max(exponent, 1 - bias)  # below it the spacing stays that of the smallest normal number
    units = round(value / Fraction(2) ** (exponent - mantissa_bits))  # Python rounds halves to even
    # A hidden bit that is set carries into the exponent field; a rounding overflow carries likewise.
    return min(((exponent + bias - 1) << mantissa_bits) + units, ((1 << exponent_bits) - 1) << mantissa_bits)


def _float_as_double(bits: int) -> int:
    """Bits of the double with the value of the float ``bits``; NaNs keep their payload and stay signaling."""
    if bits & 0x7F800000 == 0x7F800000:
        return (bits >> 31) << 63 | 0x7FF << 52 | (bits & 0x7FFFFF) << 29
    return int.from_bytes(struct.pack(">d", struct.unpack(">f", bits.to_bytes(4, "big"))[0]), "big")
