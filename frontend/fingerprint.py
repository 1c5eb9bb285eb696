"""What a compilation depends on of an exported program, as a digest; and its tensors by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch.fx import GraphModule, Node

from stepwell.frontend.bindings import LITERAL_ELEMENTS, TensorStore, to_numpy
from stepwell.frontend.load import Exported
from stepwell.support.carried import carried
from stepwell.support.errors import ImportFailure

#: Operators that are the same wherever this version of torch is; a user's own may be changed without a trace.
_NAMESPACES = frozenset({"aten", "prims", "prim", "higher_order"})

#: Bytes that one thread hashes at a time.
_BLOCK = 4 << 20


def fingerprint(exported: Exported) -> str | None:
    """SHA-256 of the graph without its locations, its boundary, and the values that become part of the code.

    None for a program with operators of a user's own: what they decompose into is not in the graph.
    """
    digest = hashlib.sha256()
    program = exported.program
    for name, module in program.graph_module.named_modules():
        if isinstance(module, GraphModule):
            digest.update(f"graph {name}\n".encode())
            for node in module.graph.nodes:
                if not _is_known(node):
                    return None
                digest.update(_node_text(node).encode())
    call = program.module_call_graph[0].signature
    boundary = (
        exported.entry,
        program.graph_signature,
        program.call_spec,
        list(call.forward_arg_names or []) if call is not None else None,
        sorted((str(symbol), str(interval)) for symbol, interval in program.range_constraints.items()),
        exported.hints.dynamic_shapes,
        sorted(exported.hints.lower.items()),
    )
    digest.update(repr(boundary).encode())
    owners: dict[Any, str] = {}
    for name, value in _tensors(exported):
        # Tied weights become one; small constants become literals.
        storage = (value.untyped_storage()._cdata, value.storage_offset()) if value.numel() else name
        tied = owners.setdefault((storage, value.shape, value.stride(), value.dtype), name)
        digest.update(f"{name} {tied} {value.dtype} {tuple(value.shape)} {name in program.state_dict}\n".encode())
        if name in program.constants and value.numel() <= LITERAL_ELEMENTS and not value.is_meta:
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def checkpoint(exported: Sequence[Exported]) -> TensorStore | None:
    """The tensors of all programs, as weights and as initial states; None where two differ under one name.

    They are as entries take them, complex ones in pairs.
    """
    store = TensorStore()
    for entry in exported:
        for name, given in _tensors(entry):
            known, value = store.tensor(name), carried(given)
            if known is not None and known is not value and not torch.equal(known, value):
                return None
            store.add_tensor(name, value)
            store.add_tensor(f"state:{name}", value)
    return store


def weights_digest(exported: Sequence[Exported], *, limit: int) -> str | None:
    """SHA-256 over the tensors of all programs, names and values; None where they have more than ``limit`` bytes."""
    named = [(entry.entry, name, value) for entry in exported for name, value in _tensors(entry)]
    distinct = {id(value): value for _, _, value in named}
    if sum(value.nbytes for value in distinct.values()) > limit:
        return None
    blocks: dict[int, list[Future[bytes]]] = {}
    with ThreadPoolExecutor() as pool:
        for key, value in distinct.items():
            data = _bytes(value)
            blocks[key] = [pool.submit(_sha256, data[at : at + _BLOCK]) for at in range(0, len(data), _BLOCK)]
    digest = hashlib.sha256()
    for entry_name, name, value in named:
        digest.update(f"{entry_name} {name} {value.dtype} {tuple(value.shape)} {value.is_meta}\n".encode())
        for block in blocks[id(value)]:
            digest.update(block.result())
    return digest.hexdigest()


def _bytes(value: torch.Tensor) -> memoryview:
    return memoryview(b"") if value.is_meta else to_numpy(value).reshape(-1).view(np.uint8).data


def _sha256(data: memoryview) -> bytes:
    return hashlib.sha256(data).digest()


def _tensors(exported: Exported) -> Iterator[tuple[str, torch.Tensor]]:
    for values in (exported.program.state_dict, exported.program.constants):
        for name, value in values.items():
            if isinstance(value, torch.Tensor):
                if value.layout != torch.strided:
                    raise ImportFailure(f"a weight has the layout {value.layout}", hint="convert it to a dense tensor")
                yield name, value


def _is_known(node: Node) -> bool:
    target = node.target
    if node.op != "call_function":
        return True
    if isinstance(target, torch._ops.OpOverload):
        return target.namespace in _NAMESPACES
    if isinstance(target, torch._ops.HigherOrderOperator):
        return target.namespace in _NAMESPACES
    module = str(getattr(target, "__module__", ""))
    return module.partition(".")[0] in ("torch", "_operator", "operator", "math", "builtins")


def _node_text(node: Node) -> str:
    target = _name(node.target) if callable(node.target) else str(node.target)
    return f"{node.op} {node.name} {target} {node.args!r} {node.kwargs!r} {_value_text(node.meta.get('val'))}\n"


def _name(target: Callable[..., Any]) -> str:
    if isinstance(target, (torch._ops.OpOverload, torch._ops.HigherOrderOperator)):
        return str(target)
    return f"{getattr(target, '__module__', '')}.{getattr(target, '__qualname__', repr(target))}"


def _value_text(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{value.dtype}{list(value.shape)}{list(value.stride())}{value.device}"
    if isinstance(value, (list, tuple)):
        return "(" + ",".join(_value_text(item) for item in value) + ")"
    return repr(value)
