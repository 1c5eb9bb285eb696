"""lower-kernels: kernel functions become GPU kernels, and their calls launches."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import gpu

from stepwell.backends.cuda.kernels.elementary.functions import leave_to_libdevice
from stepwell.backends.cuda.kernels.families import build_kernel
from stepwell.backends.cuda.kernels.instructions import declare_shared
from stepwell.backends.cuda.kernels.launch import Launch
from stepwell.backends.cuda.passes.host import to_host
from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.entry import entries, functions
from stepwell.support.walk import inside, named

_MODULE = "kernels"

SHAPES = "kernel-schedules"
"""In the report: the schedule of each kernel whose family has a choice."""


@dataclass
class LowerKernels(Pass):
    """Turn each function that ``outline-kernels`` made into a ``gpu.func`` of its family; entries work on memory.

    Tensors of an entry become buffers, allocated where they start; calls become ``gpu.launch_func``.

    Options:
        arch: the architecture to build for.
        threads: of a block, where a family does not say.
        plain: one thread an element for everything that can be computed so: kernels that loops can emulate.
        library: have cuBLASLt compute the products that it takes.
        libdevice: have NVIDIA's libdevice compute functions, and divide exactly, where kernels have ways of their own.
        tf32: multiply f32 on tensor cores, which round both matrices to 10 bits of fraction.
        fast: leave all of a sum of products of 8-bit floats to Hopper's tensor cores, which keep 13 bits of it.
    """

    name: ClassVar[str] = "lower-kernels"
    summary: ClassVar[str] = "build GPU kernels from the functions that outline-kernels made"
    anchor: ClassVar[str] = "builtin.module"

    arch: str = "sm_90a"
    threads: int = 256
    plain: bool = False
    library: bool = False
    libdevice: bool = False
    tf32: bool = False
    fast: bool = False

    def run(self, op: ir.Operation, context: PassContext) -> None:
        made = [function for function in functions(op) if "stepwell.kernel" in function.operation.attributes]
        op.attributes["gpu.container_module"] = ir.UnitAttr.get(op.context)
        if self.libdevice:
            for function in made:
                for inner in inside(function.operation):
                    leave_to_libdevice(inner)
        calls = Counter(ir.FlatSymbolRefAttr(call.attributes["callee"]).value for call in named(op, "func.call"))
        launches: dict[str, Launch] = {}
        variants: dict[str, int] = {}
        shapes: dict[str, str] = {}
        with ir.InsertionPoint.at_block_begin(op.regions[0].blocks[0]), op.location:
            kernels = gpu.GPUModuleOp(ir.StringAttr.get(_MODULE))
            block = kernels.regions[0].blocks.append()
        with ir.InsertionPoint(block), op.location:
            declare_shared()
            for function in made:
                with function.operation.location:
                    variant, launch = build_kernel(
                        function.operation,
                        self.arch,
                        self.threads,
                        context.schedules,
                        plain=self.plain,
                        library=self.library,
                        tf32=self.tf32,
                        fast=self.fast,
                    )
                launches[function.name.value] = launch
                if launch.schedule is not None:
                    shapes[function.name.value] = str(launch.schedule)
                variants[variant] = variants.get(variant, 0) + calls[function.name.value]
        for kernel in named(kernels.operation, "gpu.func"):
            # The binding sets an attribute of the dialect in place of the operation's own, and lowering would make two.
            del kernel.attributes["gpu.kernel"]
            kernel.attributes["kernel"] = ir.UnitAttr.get(op.context)
        for entry in entries(op):
            to_host(entry, launches, {function.name.value: function.operation for function in made}, _MODULE)
        for function in made:
            function.operation.erase()
        context.note(self.name, **variants)
        if shapes:
            context.note(SHAPES, **shapes)
