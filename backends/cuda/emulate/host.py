"""The host's side of an emulated program: launches as steps of the interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch_mlir import ir
from torch_mlir.passmanager import PassManager

from stepwell.backends.cuda.emulate.effort import check_effort
from stepwell.backends.cuda.emulate.engine import TensorMap
from stepwell.backends.cuda.emulate.kernel import Kernel
from stepwell.backends.interpreter.program import Builder
from stepwell.backends.interpreter.registry import Frame, Step, step
from stepwell.backends.interpreter.registry import Kernel as Function
from stepwell.backends.interpreter.registry import kernel as function
from stepwell.support.walk import named

_TIDY = "builtin.module(func.func(canonicalize,cse),gpu.module(expand-strided-metadata,lower-affine,canonicalize,cse))"


def emulated(module: ir.Operation) -> ir.Operation:
    """A copy of a module at the kernel level that the interpreter runs, with its kernels emulated.

    Raises:
        UnsupportedError: that would take minutes.
    """
    copy = module.clone().operation
    with copy.context, ir.Location.unknown():
        PassManager.parse(_TIDY).run(copy)
    check_effort(copy)
    return copy


@step("gpu.launch_func")
def _launch(op: ir.Operation, builder: Builder) -> Step:
    launch = op.opview
    sizes = [launch.gridSizeX, launch.gridSizeY, launch.gridSizeZ, launch.blockSizeX]
    grid = builder.uses(sizes)
    shared = builder.use(launch.dynamicSharedMemorySize) if launch.dynamicSharedMemorySize is not None else None
    operands = builder.uses([_pointed_to(value) for value in launch.kernelOperands])
    kernel = Kernel(*_called(op))

    def run(frame: Frame) -> None:
        x, y, z, threads = (int(frame[slot]) for slot in grid)
        room = int(frame[shared]) if shared is not None else 0
        kernel.launch((x, y, z), threads, room, [frame[slot] for slot in operands])

    return run


def _called(launch: ir.Operation) -> tuple[ir.Operation, ir.Operation]:
    """The kernel, and the module around it."""
    root = launch
    while root.parent is not None:
        root = root.parent.operation
    name = ir.SymbolRefAttr(launch.attributes["kernel"]).value[-1]
    functions = named(root, "gpu.func")
    return next(op for op in functions if ir.StringAttr(op.attributes["sym_name"]).value == name), root


def _pointed_to(value: ir.Value) -> ir.Value:
    """The memref whose address ``value`` is: what a kernel may touch is known by it."""
    for name in ("llvm.inttoptr", "arith.index_cast", "memref.extract_aligned_pointer_as_index"):
        owner = value.owner
        if isinstance(owner, ir.Block) or owner.operation.name != name:
            return value
        value = owner.operation.operands[0]
    return value


@function("llvm.inttoptr")
def _pointer(op: ir.Operation) -> Function:
    return lambda address: address


@function("nvgpu.tma.create.descriptor")
def _tensor_map(op: ir.Operation) -> Function:
    rounded, window = "stepwell.rounded" in op.attributes, None
    if "stepwell.window" in op.attributes:
        parts = ir.DictAttr(op.attributes["stepwell.window"])
        window = {part.name: list(ir.DenseI64ArrayAttr(part.attr)) for part in parts}

    def make(tensor: Any, *box: Any) -> TensorMap:
        return TensorMap(np.asarray(tensor), tuple(int(size) for size in box), rounded, window)

    return make


@function("builtin.unrealized_conversion_cast")
def _cast(op: ir.Operation) -> Function:
    return lambda value: value
