"""gpu-to-loops: what a GPU would do, as loops that any interpreter of the buffer level can run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, scf

from stepwell.passes.base import Pass, PassContext
from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location
from stepwell.support.walk import named, operations

_AXES = ("x", "y", "z")
_IDS = ("gpu.block_id", "gpu.thread_id", "gpu.grid_dim", "gpu.block_dim")


@dataclass
class GpuToLoops(Pass):
    """Turn each ``gpu.launch_func`` into loops over blocks and threads around its kernel's body.

    For kernels whose threads do not talk to each other (no barriers, no shared memory); others are refused.
    """

    name: ClassVar[str] = "gpu-to-loops"
    summary: ClassVar[str] = "emulate GPU kernels by loops over blocks and threads"
    anchor: ClassVar[str] = "builtin.module"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        modules = {
            ir.StringAttr(child.attributes["sym_name"]).value: child.operation
            for child in op.regions[0].blocks[0].operations
            if child.operation.name == "gpu.module"
        }
        launches = named(op, "gpu.launch_func")
        for launch in launches:
            kernel = _kernel(launch, modules)
            with ir.InsertionPoint(launch), launch.location:
                _inline(launch, kernel)
        first = op.regions[0].blocks[0].operations[0].operation
        for module in modules.values():
            for table in named(module, "memref.global"):
                table.move_before(first)
            module.erase()
        if "gpu.container_module" in op.attributes:
            del op.attributes["gpu.container_module"]


def _kernel(launch: ir.Operation, modules: dict[str, ir.Operation]) -> ir.Operation:
    module, name = ir.SymbolRefAttr(launch.attributes["kernel"]).value
    for child in modules[module].regions[0].blocks[0].operations:
        if child.operation.name == "gpu.func" and ir.StringAttr(child.attributes["sym_name"]).value == name:
            if list(child.regions[0].blocks[0].operations):
                return child.operation
            break
    raise PassError(f"kernel @{name} has no body to emulate", where=describe_location(launch.location))


def _inline(launch: ir.Operation, kernel: ir.Operation) -> None:
    counts = list(ir.DenseI32ArrayAttr(launch.attributes["operandSegmentSizes"]))
    operands = list(launch.operands)[counts[0] :]  # behind the asynchronous dependencies
    sizes, arguments = operands[:6], operands[sum(counts[1:7]) : sum(counts[1:7]) + _argument_count(kernel)]
    zero, one = (arith.constant(ir.IndexType.get(), value) for value in (0, 1))
    loops: list[scf.ForOp] = []
    for size in sizes:
        place = ir.InsertionPoint(loops[-1].body) if loops else ir.InsertionPoint(launch)
        with place:
            loops.append(scf.ForOp(zero, size, one))
    ends = []
    for loop in reversed(loops):
        with ir.InsertionPoint(loop.body):
            ends.append(scf.YieldOp([]))
    positions = [loop.induction_variable for loop in loops]
    values = {
        **{("gpu.block_id", axis): positions[i] for i, axis in enumerate(_AXES)},
        **{("gpu.thread_id", axis): positions[3 + i] for i, axis in enumerate(_AXES)},
        **{("gpu.grid_dim", axis): sizes[i] for i, axis in enumerate(_AXES)},
        **{("gpu.block_dim", axis): sizes[3 + i] for i, axis in enumerate(_AXES)},
    }
    copy = kernel.clone(ir.InsertionPoint(kernel)).operation  # others may launch it too
    body = copy.regions[0].blocks[0]
    for inside, outside in zip(body.arguments, arguments, strict=True):
        inside.replace_all_uses_with(outside)
    for inner in list(body.operations)[:-1]:
        inner.operation.move_before(ends[0].operation)
    copy.erase()
    _replace_ids(loops[-1].operation, values)
    launch.erase()


def _argument_count(kernel: ir.Operation) -> int:
    return len(kernel.regions[0].blocks[0].arguments)


def _replace_ids(loop: ir.Operation, values: dict[tuple[str, str], ir.Value]) -> None:
    found = [candidate for candidate in operations(loop) if candidate.name.startswith("gpu.")]
    for op in found:
        if op.name not in _IDS:
            raise PassError(
                f"{op.name} can't be emulated thread by thread",
                where=describe_location(op.location),
                hint="kernels whose threads work together run on a GPU only",
            )
        axis = str(op.attributes["dimension"]).removeprefix("#gpu<dim ").removesuffix(">")
        op.results[0].replace_all_uses_with(values[op.name, axis])
        op.erase()
