"""Machine code and its description, from a module of the LLVM dialect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from stepwell.backends.base import Code, Lowered
from stepwell.backends.llvm.codegen import generate, generate_objects
from stepwell.backends.llvm.cpu_levels import resolve_levels
from stepwell.backends.llvm.describe import ParameterPlace, describe_model, read_entries, read_layout
from stepwell.backends.llvm.link import object_names
from stepwell.passes.buffer.instrument import profile_state
from stepwell.support.dtypes import byte_size
from stepwell.support.parameters import ParameterStore
from stepwell.support.signature import Signature, TensorSpec

_ALIGNMENT = 64


def emit_code(lowered: Lowered) -> Code:
    """The object, its facts and the layout of the parameter file."""
    cpu, *better = resolve_levels(lowered.target)
    if cpu.bare:
        from stepwell.backends.llvm.bare.emit import emit_bare

        return emit_bare(lowered, cpu)
    layout = _with_states(read_layout(lowered.module), lowered.signatures, lowered.parameters)
    places = [_place(name, offset, lowered.parameters) for name, offset in layout.items()]
    size = max((_aligned(place.offset + place.bytes) for place in places), default=0)
    kernels = lowered.context.report.get("instrument", {}).get("kernels", {})
    signatures = {
        name: _with_times(name, signature, kernels[name]) if name in kernels else signature
        for name, signature in lowered.signatures.items()
    }
    description = describe_model(
        read_entries(lowered.module),
        signatures,
        cpu,
        parameters=places,
        parameter_bytes=size,
        threads=lowered.target.integer("threads", 0),
        better=better,
    )
    options: dict[str, Any] = {
        "opt_level": lowered.target.integer("opt", 3),
        "extra": [description],
        "better": better,
        "meanwhile": lambda: lowered.meanwhile(layout),
    }
    made: dict[str, bytes] = {}
    # What people read or link themselves is in one piece, whose names stay inside.
    if {"ll", "s", "o", "a"} & set(lowered.forms) or "linux" not in cpu.triple:
        forms = ["o", *(form for form in ("ll", "s") if form in lowered.forms)]
        made = generate(lowered.module, cpu, formats=forms, **options)
        objects = [made.pop("o")]
    else:
        objects = generate_objects(lowered.module, cpu, **options)
    facts: dict[str, Any] = {"triple": cpu.triple, "cpu": cpu.name, "features": list(cpu.needed)}
    if better:
        facts["levels"] = {level.name: list(level.needed) for level in [cpu, *better]}
    if kernels:
        facts["kernels"] = kernels
    return Code(dict(zip(object_names(len(objects)), objects, strict=True)), facts, layout, forms=made)


def _with_states(layout: dict[str, int], signatures: Mapping[str, Signature], store: ParameterStore) -> dict[str, int]:
    """The layout of the parameter file: what the code reads, then the initial values of the states."""
    end = max((_aligned(offset + _bytes(name, store)) for name, offset in layout.items()), default=0)
    placed = dict(layout)
    for signature in signatures.values():
        for state in signature.states:
            name = f"state:{state.name}"
            if name not in placed and name in store:
                placed[name] = end
                end += _aligned(_bytes(name, store))
    return placed


def _with_times(entry: str, signature: Signature, kernels: Sequence[Any]) -> Signature:
    """The boundary of an entry that pass ``instrument`` gave a state for its times; sessions alone know of it."""
    times = TensorSpec(profile_state(entry), "i64", (2 * len(kernels),))
    return replace(signature, states=(*signature.states, times))


def _place(name: str, offset: int, store: ParameterStore) -> ParameterPlace:
    return ParameterPlace(name, offset, _bytes(name, store), store.spec(name).dtype)


def _bytes(name: str, store: ParameterStore) -> int:
    spec = store.spec(name)
    return prod(int(size) for size in spec.shape if isinstance(size, int)) * byte_size(spec.dtype)


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
