"""Buffers: allocation, loads, stores, copies, globals."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.atomic import combiner
from stepwell.backends.interpreter.constants import constant_value
from stepwell.backends.interpreter.element_types import Array, element, poisoned
from stepwell.backends.interpreter.indexing import load, store
from stepwell.backends.interpreter.operands import dynamic_shape
from stepwell.backends.interpreter.program import Builder
from stepwell.backends.interpreter.registry import Frame, Kernel, Step, kernel, step
from stepwell.support.errors import ExecutionError

_CONTENTS = "stepwell.constant"
"""What ``initialise-memories`` lets an allocation begin with."""


@kernel("memref.alloc", "memref.alloca")
def _alloc(op: ir.Operation) -> Kernel:
    shape = dynamic_shape(op.results[0].type)
    dtype = element(op.results[0].type).dtype
    if _CONTENTS in op.attributes:
        contents = constant_value(op, _CONTENTS, op.results[0].type)
        return lambda: np.array(contents)

    def alloc(*sizes: Any) -> Array:
        wanted = shape(sizes)
        if min(wanted, default=0) < 0:
            raise ExecutionError(f"a buffer of the shape {list(wanted)} can't be allocated")
        return poisoned(wanted, dtype)

    return alloc


@kernel("memref.dealloc", "memref.assume_alignment")
def _keep(op: ir.Operation) -> Kernel:
    return (lambda source: source) if len(op.results) else (lambda source: None)


@kernel("memref.prefetch")
def _prefetch(op: ir.Operation) -> Kernel:
    return lambda source, *indices: None


@kernel("memref.load")
def _load(op: ir.Operation) -> Kernel:
    return lambda source, *indices: load(source, indices)


@kernel("memref.store")
def _store(op: ir.Operation) -> Kernel:
    return lambda value, target, *indices: store(value, target, indices)


@kernel("memref.copy")
def _copy(op: ir.Operation) -> Kernel:
    def copy(source: Array, target: Array) -> None:
        if source.shape != target.shape:
            raise ExecutionError(f"'memref.copy' from the shape {list(source.shape)} to {list(target.shape)}")
        target[...] = source

    return copy


@kernel("memref.realloc")
def _realloc(op: ir.Operation) -> Kernel:
    shape = dynamic_shape(op.results[0].type, start=1)

    def realloc(*values: Any) -> Array:
        source: Array = values[0]
        result = poisoned(shape(values), source.dtype)
        kept = min(source.shape[0], result.shape[0])
        result[:kept] = source[:kept]
        return result

    return realloc


@kernel("memref.atomic_rmw")
def _atomic(op: ir.Operation) -> Kernel:
    combine = combiner(int(op.attributes["kind"]), element(op.operands[0].type))

    def atomic(value: Any, target: Array, *indices: Any) -> Any:
        old = load(target, indices)
        new = combine(old, value)
        store(new, target, indices)
        return new

    return atomic


@step("memref.generic_atomic_rmw")
def _generic_atomic(op: ir.Operation, builder: Builder) -> Step:
    target, *indices = builder.uses(list(op.operands))
    body = builder.body(op.regions[0])
    (output,) = builder.results(op)

    def run(frame: Frame) -> None:
        where = [frame[slot] for slot in indices]
        (new,) = body.run(frame, [load(frame[target], where)])
        store(new, frame[target], where)
        frame[output] = new

    return run


@step("memref.get_global")
def _get_global(op: ir.Operation, builder: Builder) -> Step:
    name = ir.FlatSymbolRefAttr(op.attributes["name"]).value
    (output,) = builder.results(op)
    type_ = op.results[0].type
    value = _global_value(op, name, type_)

    def run(frame: Frame) -> None:
        frame[output] = value

    return run


def _global_value(op: ir.Operation, name: str, type_: ir.Type) -> Array:
    module = op
    while module.name != "builtin.module":
        module = module.parent.operation
    for candidate in module.regions[0].blocks[0].operations:
        other = candidate.operation
        if other.name == "memref.global" and ir.StringAttr(other.attributes["sym_name"]).value == name:
            if "initial_value" in other.attributes and str(other.attributes["initial_value"]) != "unit":
                return np.array(constant_value(other, "initial_value", type_))
            return poisoned(tuple(type_.shape), element(type_).dtype)
    raise ExecutionError(f"there is no global '@{name}'")
