"""Attributes as numpy values."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.element_types import Array, Element, element, is_shaped, wrap
from stepwell.support.errors import UnsupportedError
from stepwell.support.locations import describe_location

_LITERAL = re.compile(r"dense<(.*)> : (?:tensor|vector)<", re.DOTALL)
_NUMBER = re.compile(r"true|false|0x[0-9A-Fa-f]+|[-+]?[0-9][0-9.]*(?:[eE][-+]?[0-9]+)?")


def constant_value(op: ir.Operation, name: str, type_: ir.Type) -> Any:
    """The attribute ``name`` of ``op`` as a value of ``type_``."""
    item = element(type_)
    if not is_shaped(type_):
        return number(op, name, item)
    shape = tuple(type_.shape)
    try:
        attribute = op.attributes[name]
    except TypeError:
        # The bindings refuse to wrap dense complex attributes at all.
        return _from_text(str(op), shape, item, op)
    try:
        if attribute.is_splat:
            return np.broadcast_to(_splat(attribute, item), shape)
        values = np.array(attribute)
    except (TypeError, ValueError, AttributeError):
        # The bindings have no buffers of these element types (bf16, float8, odd widths).
        return _from_text(f"value = {attribute}", shape, item, op)
    typed = values.view(item.dtype) if values.dtype.kind == "u" else values.astype(item.dtype)
    return typed.reshape(shape)


def number(op: ir.Operation, name: str, item: Element) -> Any:
    """A single number held by the attribute ``name`` of ``op``."""
    attribute = op.attributes[name]
    if item.kind == "complex":
        real, imaginary = (float(part.value) for part in attribute)
        return item.dtype.type(complex(real, imaginary))
    value = attribute.value
    if item.kind == "int":
        return np.bool_(value) if item.width == 1 else wrap(np.int64(value), item)
    return item.dtype.type(value)


def _splat(attribute: ir.Attribute, item: Element) -> Any:
    value = attribute.get_splat_value().value
    if item.kind == "int":
        return wrap(np.int64(int(value)), item)
    return np.asarray(value).astype(item.dtype)


def _from_text(text: str, shape: tuple[int, ...], item: Element, op: ir.Operation) -> Array:
    """A dense literal from its printed form: nested numbers, or all bytes as one hexadecimal string."""
    found = _LITERAL.search(text)
    if found is None:
        raise UnsupportedError("the interpreter can't read this constant", where=describe_location(op.location))
    body = found[1]
    if body.startswith('"0x'):
        raw = np.frombuffer(bytes.fromhex(body[3:-1]), item.dtype)
    else:
        raw = _numbers(_NUMBER.findall(body), item)
    return raw.reshape(shape) if raw.size != 1 else np.broadcast_to(raw.reshape(()), shape)


def _numbers(words: list[str], item: Element) -> Array:
    if item.kind == "int":
        values = [int(word == "true") if word[0] in "tf" else int(word, 0) for word in words]
        return np.asarray(wrap(np.array(values), item))
    if item.kind == "complex":
        part = np.dtype(np.float32 if item.dtype.itemsize == 8 else np.float64)
        pairs = np.array([_float(word, part) for word in words], part)
        return pairs.view(item.dtype)
    return np.array([_float(word, item.dtype) for word in words], item.dtype)


def _float(word: str, dtype: np.dtype[Any]) -> Any:
    if word.startswith("0x"):
        return np.array(int(word, 16), f"uint{dtype.itemsize * 8}").view(dtype)
    return dtype.type(float(word))
