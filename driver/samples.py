"""Inputs for an entry: random ones, or read from numpy files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import torch

from stepwell.support.carried import restored
from stepwell.support.dtypes import torch_dtype
from stepwell.support.errors import InputError
from stepwell.support.signature import Dim, Signature, TensorSpec

_NOT_IN_NUMPY = (torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2)
"""What files of f32 stand for."""


def read_inputs(signature: Signature, files: Sequence[Path], seed: int) -> list[torch.Tensor]:
    """One tensor for each of the model's inputs: from ``.npy`` and ``.npz`` files in order, or random without files.

    The arrays of an ``.npz`` that names the inputs are taken by name, of any other in its order.

    Raises:
        InputError: a file that can't be read.
    """
    if not files:
        pairs = zip(random_inputs(signature, seed), signature.inputs, strict=True)
        return [restored(tensor, spec) for tensor, spec in pairs]
    import numpy as np

    arrays: list[Any] = []
    for file in files:
        try:
            loaded = np.load(file, allow_pickle=False)
            arrays += _ordered(loaded, signature) if isinstance(loaded, np.lib.npyio.NpzFile) else [loaded]
        except (ValueError, EOFError, BadZipFile):
            hint = "give .npy or .npz files of numbers, such as numpy.save writes"
            raise InputError(f"'{file}' holds no numpy arrays", hint=hint) from None
        except OSError as failure:
            raise InputError(f"can't read '{file}': {failure.strerror or failure}") from None
    tensors = [_tensor(array) for array in arrays]
    wanted = [torch_dtype(spec.outer_dtype) for spec in signature.inputs]
    return [
        tensor.to(dtype) if dtype in _NOT_IN_NUMPY and tensor.dtype is torch.float32 else tensor
        for tensor, dtype in zip(tensors, wanted, strict=False)
    ] + tensors[len(wanted) :]


def _ordered(file: Any, signature: Signature) -> list[Any]:
    names = [spec.name for spec in signature.inputs]
    return [file[name] for name in (names if set(names) == set(file.files) else file.files)]


def _tensor(array: Any) -> torch.Tensor:
    try:
        return torch.from_numpy(array.copy(order="C"))
    except TypeError:
        raise InputError(f"torch has no tensors of numpy's {array.dtype}") from None


def random_inputs(signature: Signature, seed: int) -> list[torch.Tensor]:
    """Seeded inputs of an entry: normal floats, small integers from 0 (indices of embeddings fit), random bools."""
    generator = torch.Generator().manual_seed(seed)
    return [_random(spec, signature, generator) for spec in signature.inputs]


def _random(spec: TensorSpec, signature: Signature, generator: torch.Generator) -> torch.Tensor:
    shape = [size if isinstance(size, int) else _sample_size(size, signature) for size in spec.shape]
    dtype = torch_dtype(spec.dtype)
    if dtype is torch.bool:
        return torch.randint(0, 2, shape, generator=generator).bool()
    if dtype.is_floating_point or dtype.is_complex:
        return torch.randn(shape, generator=generator).to(dtype)
    return torch.randint(0, 8, shape, generator=generator).to(dtype)


def _sample_size(size: Dim, signature: Signature) -> int:
    if size.symbol is None:
        return 2
    allowed = signature.symbols.get(size.symbol)
    value = 4 if allowed is None else max(allowed.lower, min(4, allowed.upper if allowed.upper is not None else 4))
    return size.scale * value + size.offset
