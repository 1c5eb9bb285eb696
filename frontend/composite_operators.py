"""Less of what torch.export prepares for composite operators in each decomposition: 0.2 s of 0.5, small models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch
from torch._C import DispatchKey
from torch._export import utils
from torch.export import exported_program


@contextmanager
def composite_operators_kept() -> Iterator[None]:
    """Within the block torch.export keeps its list of composite operators, and overrides them on few devices.

    It makes the list anew for each decomposition otherwise, and overrides them on twelve kinds of devices. What is
    traced lies on CPU or GPU, or has no values.
    """
    vars(exported_program).update(_OURS)
    try:
        yield
    finally:
        vars(exported_program).update(_TORCHS)


def composite_operators() -> frozenset[Any]:
    """The functional operators that are a composition of others (``CompositeImplicitAutograd``)."""
    registered = torch._C._dispatch_get_registrations_for_dispatch_key("CompositeImplicitAutograd")
    namespaces = [(name, len(getattr(torch.ops, name)._dir)) for name in torch.ops._dir if hasattr(torch.ops, name)]
    return _collected((*registered, *namespaces))


@lru_cache(maxsize=1)
def _collected(known: tuple[Any, ...]) -> frozenset[Any]:
    return frozenset(utils._collect_all_valid_cia_ops())


_OURS: dict[str, Any] = {
    "_collect_all_valid_cia_ops": composite_operators,
    "_AUTOGRAD_ALIAS_BACKEND_KEYS_TO_OVERRIDE": [
        DispatchKey.AutogradCPU, DispatchKey.AutogradCUDA, DispatchKey.AutogradMeta,
    ],
    "_BACKEND_KEYS_TO_OVERRIDE": [DispatchKey.CPU, DispatchKey.CUDA, DispatchKey.Meta],
}  # fmt: skip
_TORCHS = {name: getattr(exported_program, name) for name in _OURS}
