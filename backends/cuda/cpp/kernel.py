"""One kernel in C++: its head, and what is written for each operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch_mlir import ir

from stepwell.backends.cuda.cpp import aggregates, arithmetic, control, memory
from stepwell.backends.cuda.cpp.assembly import Assembly
from stepwell.backends.cuda.cpp.expression import Expression
from stepwell.backends.cuda.cpp.types import Types
from stepwell.backends.cuda.cpp.writer import Writer

Write = Callable[[Writer, ir.Operation], None]

_SHARED = "extern __shared__ __align__(1024) char shared_memory[];"


def print_kernel(function: ir.Operation, types: Types, assembly: Assembly, names: Mapping[int, str]) -> str:
    """The kernel of a ``gpu.func``, called as compiled ones are.

    Args:
        types, assembly: of the file.
        names: of its parameters, where they have any.

    Raises:
        CodegenError: an operation that has no form in C++.
    """
    writer = Writer(types, assembly)
    name = ir.StringAttr(function.attributes["sym_name"]).value
    block = function.regions[0].blocks[0]
    parameters: list[str] = []
    for number, argument in enumerate(block.arguments):
        own = writer.names.fresh(names.get(number, f"argument{number}"))
        if isinstance(argument.type, ir.MemRefType):
            parameters.append(", ".join(memory.parameters(writer, argument, own)))
            continue
        pointer = str(argument.type).startswith("!llvm.ptr")
        writer.stands_for(argument, Expression(own, "char" if pointer else ""))
        parameters.append(f"{types.name(argument.type)} {own}")
    _write_block(writer, block)
    inside = ",\n    ".join(parameters)
    head = [f'extern "C" __global__ {_bounds(function)}{name}(', f"    {inside}) {{"]
    shared = [f"  {_SHARED}"] if writer.shared else []
    return "\n".join([*head, *shared, *writer.lines, "}"])


def _bounds(function: ir.Operation) -> str:
    """What the compiler is told of a launch: threads and blocks of a multiprocessor, and the cluster."""
    attributes = function.attributes
    text = ""
    if "known_block_size" in attributes:
        threads = ir.DenseI32ArrayAttr(attributes["known_block_size"])[0]
        blocks = f", {ir.IntegerAttr(attributes['nvvm.minctasm']).value}" if "nvvm.minctasm" in attributes else ""
        text = f"void __launch_bounds__({threads}{blocks}) "
    if "known_cluster_size" in attributes:
        sizes = ", ".join(map(str, ir.DenseI32ArrayAttr(attributes["known_cluster_size"])))
        text += f"__cluster_dims__({sizes}) "
    return text or "void "


def _write_block(writer: Writer, block: ir.Block) -> list[ir.Value]:
    """All operations but the last one, whose operands are given."""
    *body, last = block.operations
    for view in body:
        op = view.operation
        writer.comes_from(op)
        if op.name in _NESTED:
            _NESTED[op.name](writer, op, _write_block)
        elif op.name in _WRITERS:
            _WRITERS[op.name](writer, op)
        elif op.name in arithmetic.SCALARS:
            arithmetic.write(writer, op)
        else:
            raise writer.refuse(op)
    return list(last.operation.operands)


def _register(name: str) -> Write:
    """A number that the hardware gives each thread."""

    def write(writer: Writer, op: ir.Operation) -> None:
        axis = str(op.attributes["dimension"]).partition(" ")[2].rstrip(">")
        writer.stands_for(op.results[0], Expression(f"{name}.{axis}"))

    return write


def _statement(text: str) -> Write:
    """An instruction without operands."""

    def write(writer: Writer, op: ir.Operation) -> None:
        writer.line(f"{text};")

    return write


def _write_assert(writer: Writer, op: ir.Operation) -> None:
    writer.line(f"if (!{writer.operands(op)[0].operand}) __trap();  // {ir.StringAttr(op.attributes['msg']).value}")


def _write_wgmma_wait(writer: Writer, op: ir.Operation) -> None:
    pending = ir.IntegerAttr(op.attributes["group"]).value
    writer.line(f'asm volatile("wgmma.wait_group.sync.aligned {pending};" ::: "memory");')


_NESTED: dict[str, Callable[[Writer, ir.Operation, control.Block], None]] = {
    "scf.for": control.write_for,
    "scf.if": control.write_if,
    "scf.while": control.write_while,
}

_WRITERS: dict[str, Write] = {
    "arith.index_cast": arithmetic.write_index_cast,
    "arith.constant": arithmetic.write_constant,
    "llvm.mlir.constant": arithmetic.write_constant,
    "vector.broadcast": arithmetic.write_broadcast,
    "cf.assert": _write_assert,
    "gpu.barrier": _statement("__syncthreads()"),
    "gpu.block_dim": _register("blockDim"),
    "gpu.block_id": _register("blockIdx"),
    "gpu.grid_dim": _register("gridDim"),
    "gpu.thread_id": _register("threadIdx"),
    "llvm.extractelement": aggregates.write_extract_element,
    "llvm.extractvalue": aggregates.write_extract_value,
    "llvm.getelementptr": memory.write_element_pointer,
    "llvm.inline_asm": aggregates.write_assembly,
    "llvm.insertelement": aggregates.write_insert_element,
    "llvm.inttoptr": memory.write_pointer,
    "llvm.load": memory.write_load,
    "llvm.mlir.addressof": memory.write_address_of,
    "llvm.mlir.undef": aggregates.write_undefined,
    "llvm.mlir.poison": aggregates.write_undefined,
    "llvm.ptrtoint": memory.write_address,
    "llvm.store": memory.write_store,
    "memref.alloca": memory.write_alloca,
    "memref.dim": memory.write_dim,
    "memref.extract_aligned_pointer_as_index": memory.write_aligned_pointer,
    "memref.extract_strided_metadata": memory.write_metadata,
    "memref.get_global": memory.write_get_global,
    "memref.load": memory.write_memref_load,
    "memref.reinterpret_cast": memory.write_reinterpret_cast,
    "memref.store": memory.write_memref_store,
    "memref.view": memory.write_view,
    "nvvm.wgmma.commit.group.sync.aligned": _statement('asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory")'),
    "nvvm.wgmma.fence.aligned": _statement('asm volatile("wgmma.fence.sync.aligned;" ::: "memory")'),
    "nvvm.wgmma.wait.group.sync.aligned": _write_wgmma_wait,
}
