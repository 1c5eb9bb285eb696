"""Parameter files: safetensors with every tensor at a 64-byte aligned place, written in a stream, read by mapping.

The format is that of https://github.com/huggingface/safetensors: eight bytes of header length, a JSON header, the data.
Padding the header with blanks aligns the data; filler tensors close the gaps, which the format does not allow.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from stepwell.support.atomic import unwritable
from stepwell.support.dtypes import byte_size, numpy_dtype
from stepwell.support.errors import ArtifactError, UnsupportedError
from stepwell.support.parameters import ParameterStore
from stepwell.support.signature import TensorSpec

ALIGNMENT = 64
_FILLER = "stepwell.padding."
_LENGTH_BYTES = 8
_LONGEST_HEADER = 1 << 30

_SPELLINGS = {
    "i1": "BOOL", "i8": "I8", "ui8": "U8", "i16": "I16", "ui16": "U16", "i32": "I32", "ui32": "U32", "i64": "I64",
    "ui64": "U64", "f16": "F16", "bf16": "BF16", "f32": "F32", "f64": "F64", "f8E4M3FN": "F8_E4M3",
    "f8E5M2": "F8_E5M2", "complex<f32>": "C64",
}  # fmt: skip
_DTYPES = {spelling: dtype for dtype, spelling in _SPELLINGS.items()}


@dataclass(frozen=True)
class _Entry:
    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def aligned_layout(store: ParameterStore, names: Iterable[str]) -> dict[str, int]:
    """Offsets for ``names``, one behind the other, each a multiple of 64."""
    layout: dict[str, int] = {}
    end = 0
    for name in names:
        layout[name] = end
        end = _align(end + _byte_count(store.spec(name)))
    return layout


def write(path: Path, store: ParameterStore, layout: Mapping[str, int] | None = None) -> int:
    """Write parameters of ``store`` to ``path``, which appears whole or not at all.

    One tensor is in memory at a time. Returns the bytes of the data section, a multiple of 64.

    Args:
        layout: name -> byte offset in the data section; None puts every parameter of the store one behind the other.

    Raises:
        ArtifactError: tensors of ``layout`` overlap, a value is not what its spec says, or ``path`` can't be written.
        UnsupportedError: a dtype that the format does not have.
    """
    if layout is None:
        layout = aligned_layout(store, store)
    entries = _entries(store, layout)
    header = _header(entries)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as failure:
        raise unwritable(path, failure) from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(header)
            for entry in entries:
                is_filler = entry.name.startswith(_FILLER)
                stream.write(bytes(entry.end - entry.begin) if is_filler else _bytes_of(entry, store[entry.name]))
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as failure:
        raise unwritable(path, failure) from None
    finally:
        with suppress(OSError):
            temporary.unlink()
    return entries[-1].end if entries else 0


def open_file(path: Path) -> ParameterStore:
    """Map a safetensors file, ours or another's; arrays are read-only views of it, made when they are asked for.

    Raises:
        ArtifactError: the file is missing, truncated or damaged.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
            if size < _LENGTH_BYTES or length > min(size - _LENGTH_BYTES, _LONGEST_HEADER):
                raise _damaged(path, f"it is truncated, or no safetensors file ({size} bytes)")
            text = stream.read(length)
    except OSError as failure:
        raise ArtifactError(f"parameter file '{path}' can't be read: {failure.strerror}") from None
    start = _LENGTH_BYTES + length
    entries = _parse(path, text, size - start)
    data = np.memmap(path, np.uint8, "r", start) if size > start else np.empty(0, np.uint8)
    store = ParameterStore()
    for entry in entries:
        if not entry.name.startswith(_FILLER):
            store.add(entry.name, partial(_view, data, entry), _spec(entry))
    return store


def read_data(path: Path) -> bytes:
    """A parameter file's data section.

    Raises:
        ArtifactError: the file can't be read.
    """
    try:
        with path.open("rb") as stream:
            stream.seek(int.from_bytes(stream.read(_LENGTH_BYTES), "little"), os.SEEK_CUR)
            return stream.read()
    except (OSError, OverflowError):
        raise _damaged(path, "it can't be read") from None


def data_digest(path: Path) -> str:
    """SHA-256 of a parameter file's data section, in hexadecimal.

    Raises:
        ArtifactError: the file can't be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            stream.seek(int.from_bytes(stream.read(_LENGTH_BYTES), "little"), os.SEEK_CUR)
            while block := stream.read(1 << 22):
                digest.update(block)
    except (OSError, OverflowError):
        raise _damaged(path, "it can't be read") from None
    return digest.hexdigest()


def _align(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT


def _static_shape(spec: TensorSpec) -> tuple[int, ...]:
    if any(not isinstance(size, int) for size in spec.shape):
        raise ArtifactError(f"parameter '{spec.name}' has a dynamic size", hint="weights have static shapes")
    return tuple(size for size in spec.shape if isinstance(size, int))


def _byte_count(spec: TensorSpec) -> int:
    return prod(_static_shape(spec)) * byte_size(spec.dtype)


def _entries(store: ParameterStore, layout: Mapping[str, int]) -> list[_Entry]:
    """The tensors of the file by place, fillers included; the end is aligned as well."""
    tensors = []
    for name, begin in layout.items():
        spec = store.spec(name)
        if spec.dtype not in _SPELLINGS:
            raise UnsupportedError(f"parameter '{name}' is {spec.dtype}, which a parameter file can't hold")
        tensors.append(_Entry(name, spec.dtype, _static_shape(spec), begin, begin + _byte_count(spec)))
    tensors.sort(key=lambda entry: (entry.begin, entry.end))
    entries: list[_Entry] = []
    end = 0
    for tensor in tensors:
        if tensor.begin < end:
            raise ArtifactError(f"parameter '{tensor.name}' would overlap another in the parameter file")
        _fill(entries, end, tensor.begin)
        entries.append(tensor)
        end = tensor.end
    _fill(entries, end, _align(end))
    return entries


def _fill(entries: list[_Entry], begin: int, end: int) -> None:
    if begin < end:
        entries.append(_Entry(f"{_FILLER}{begin}", "ui8", (end - begin,), begin, end))


def _header(entries: Iterable[_Entry]) -> bytes:
    tensors = {
        entry.name: {
            "dtype": _SPELLINGS[entry.dtype],
            "shape": list(entry.shape),
            "data_offsets": [entry.begin, entry.end],
        }
        for entry in entries
    }
    text = json.dumps(tensors, ensure_ascii=False, separators=(",", ":")).encode()
    padded = _align(_LENGTH_BYTES + len(text)) - _LENGTH_BYTES
    return padded.to_bytes(_LENGTH_BYTES, "little") + text.ljust(padded)


def _bytes_of(entry: _Entry, array: np.ndarray[Any, Any]) -> memoryview:
    if array.dtype != numpy_dtype(entry.dtype) or array.shape != entry.shape:
        raise ArtifactError(
            f"the value of parameter '{entry.name}' is {array.dtype}{list(array.shape)}, "
            f"announced was {entry.dtype}{list(entry.shape)}"
        )
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _parse(path: Path, text: bytes, data_bytes: int) -> list[_Entry]:
    try:
        header = json.loads(text, object_pairs_hook=_without_twins)
        entries = [
            _Entry(name, item["dtype"], tuple(item["shape"]), *item["data_offsets"])
            for name, item in header.items()
            if name != "__metadata__"
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _damaged(path, "its header is corrupt") from None
    for entry in entries:
        numbers = (*entry.shape, entry.begin, entry.end)
        if not isinstance(entry.dtype, str) or any(type(n) is not int or n < 0 for n in numbers):
            raise _damaged(path, f"the header of '{entry.name}' is corrupt")
        if entry.begin > entry.end or entry.end > data_bytes:
            raise _damaged(path, f"it is truncated: '{entry.name}' ends at byte {entry.end} of {data_bytes}")
        dtype = _DTYPES.get(entry.dtype)
        if dtype is not None and prod(entry.shape) * byte_size(dtype) != entry.end - entry.begin:
            raise _damaged(path, f"'{entry.name}' has {entry.end - entry.begin} bytes, not those of its shape")
    return entries


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name comes twice")
    return result


def _damaged(path: Path, what: str) -> ArtifactError:
    return ArtifactError(f"parameter file '{path}' is damaged: {what}", hint="write it again, or copy it again")


def _spec(entry: _Entry) -> TensorSpec | None:
    dtype = _DTYPES.get(entry.dtype)
    return TensorSpec(entry.name, dtype, entry.shape) if dtype else None


def _view(data: np.ndarray[Any, Any], entry: _Entry) -> np.ndarray[Any, Any]:
    if entry.dtype not in _DTYPES:
        raise UnsupportedError(f"parameter '{entry.name}' has safetensors dtype {entry.dtype}, which is not known here")
    dtype = numpy_dtype(_DTYPES[entry.dtype])
    raw = data[entry.begin : entry.end]
    if raw.ctypes.data % dtype.alignment:  # files of others align nothing
        raw = raw.copy()
    return raw.view(np.ndarray).view(dtype).reshape(entry.shape)
