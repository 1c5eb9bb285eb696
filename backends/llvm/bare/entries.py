"""Entries that C code calls without a runtime: each takes pointers and gives an error code, as LLVM IR.

The runtime's part is small enough to be made for each model: descriptors on the stack, outputs by position, and a
failed assertion that jumps back to the entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from llvmlite import ir as llvm_ir

from stepwell.backends.llvm.describe import EntryArguments
from stepwell.support.dtypes import byte_size
from stepwell.support.signature import Signature, TensorSpec

#: Alignment of parameters and arena, as SW_ALIGNMENT of the runtime.
ALIGNMENT = 64
#: Error codes, those of the runtime.
OK, ERROR_INPUT, ERROR_EXECUTION = 0, 1, 4

_POINTER = llvm_ir.PointerType()
_BYTE = llvm_ir.IntType(8)
_I32 = llvm_ir.IntType(32)
_I64 = llvm_ir.IntType(64)


def entry_symbol(name: str) -> str:
    """What the C function of entry ``name`` is called."""
    return f"stepwell_{name}"


def static_shape(spec: TensorSpec) -> list[int]:
    """The sizes of ``spec``, all of which are numbers on this target."""
    return [size for size in spec.shape if isinstance(size, int)]


def byte_count(spec: TensorSpec) -> int:
    """Bytes of a tensor of static shape."""
    return prod(static_shape(spec)) * byte_size(spec.dtype)


def bare_entries(
    entries: Mapping[str, EntryArguments], signatures: Mapping[str, Signature], index_bits: int, *, assertions: bool
) -> str:
    """LLVM IR of ``int32_t stepwell_NAME(inputs..., outputs..., parameters, arena)`` for each entry.

    Args:
        assertions: whether the code calls ``stepwell_assert_failed``, which then needs a way back.
    """
    module = _Entries(index_bits, assertions)
    for name, arguments in entries.items():
        module.add(name, arguments, signatures[name])
    return str(module.module)


class _Entries:
    def __init__(self, index_bits: int, assertions: bool) -> None:
        self.module = llvm_ir.Module("entries")
        self.index = llvm_ir.IntType(index_bits)
        self.bytes_at = self.descriptor_type(1)
        self.output = llvm_ir.LiteralStructType([_POINTER, self.index])
        self.landing = self.failure() if assertions else None
        self.outputs()

    def add(self, name: str, arguments: EntryArguments, signature: Signature) -> None:
        inputs, outputs = signature.inputs, signature.results
        count = len(inputs) + len(outputs)
        kind = llvm_ir.FunctionType(_I32, [_POINTER] * (count + 2))
        entry = llvm_ir.Function(self.module, kind, entry_symbol(name))
        builder = llvm_ir.IRBuilder(entry.append_basic_block())
        parameters, arena = entry.args[count:]
        wanted = [(value, byte_size(spec.dtype)) for value, spec in zip(entry.args, [*inputs, *outputs], strict=False)]
        wanted += [(parameters, ALIGNMENT)] if arguments.parameters is not None else []
        wanted += [(arena, ALIGNMENT)] if arguments.arena is not None else []
        self.check(builder, wanted)
        if self.landing is not None:
            self.land(builder)

        taken = [
            self.describe(builder, value, static_shape(spec)) for value, spec in zip(entry.args, inputs, strict=False)
        ]
        if arguments.parameters is not None:
            taken.append(self.describe(builder, parameters, [arguments.parameters]))
        if arguments.arena is not None:
            taken.append(self.describe(builder, arena, [arguments.arena]))
        if arguments.context is not None:
            table = self.output_table(builder, list(entry.args[len(inputs) : count]), outputs)
            taken.append(self.describe(builder, table, [len(outputs)]))
        target = llvm_ir.FunctionType(llvm_ir.VoidType(), [_POINTER] * len(taken))
        builder.call(llvm_ir.Function(self.module, target, f"_mlir_ciface_{name}"), taken)
        builder.ret(_I32(OK))

    def check(self, builder: llvm_ir.IRBuilder, wanted: list[tuple[llvm_ir.Value, int]]) -> None:
        """Leave the entry where a pointer is NULL or not aligned."""
        wrong: llvm_ir.Value = llvm_ir.IntType(1)(0)
        for pointer, alignment in wanted:
            address = builder.ptrtoint(pointer, self.index)
            low = builder.and_(address, self.index(alignment - 1))
            unaligned = builder.icmp_unsigned("!=", low, self.index(0))
            null = builder.icmp_unsigned("==", address, self.index(0))
            wrong = builder.or_(wrong, builder.or_(null, unaligned))
        with builder.if_then(wrong, likely=False):
            builder.ret(_I32(ERROR_INPUT))

    def land(self, builder: llvm_ir.IRBuilder) -> None:
        """Make this the place to which a failed assertion jumps; the entry then ends with its code."""
        buffer = self.landing
        frame = self.intrinsic("llvm.frameaddress.p0", _POINTER, [_I32])
        stack = self.intrinsic("llvm.stacksave.p0", _POINTER, [])
        jump = self.intrinsic("llvm.eh.sjlj.setjmp", _I32, [_POINTER])
        builder.store(builder.call(frame, [_I32(0)]), buffer)
        builder.store(builder.call(stack, []), builder.gep(buffer, [_I32(2)], source_etype=_POINTER))
        failed = builder.icmp_unsigned("!=", builder.call(jump, [buffer]), _I32(0))
        with builder.if_then(failed, likely=False):
            builder.ret(_I32(ERROR_EXECUTION))

    def failure(self) -> llvm_ir.GlobalVariable:
        """Define ``stepwell_assert_failed``; the place that it jumps to is one for the whole program."""
        landing = _opaque(llvm_ir.GlobalVariable(self.module, llvm_ir.ArrayType(_POINTER, 5), "landing"))
        landing.linkage = "internal"
        landing.initializer = llvm_ir.Constant(landing.value_type, None)
        kind = llvm_ir.FunctionType(llvm_ir.VoidType(), [_POINTER])
        function = llvm_ir.Function(self.module, kind, "stepwell_assert_failed")
        function.attributes.add("noinline")
        builder = llvm_ir.IRBuilder(function.append_basic_block())
        builder.call(self.intrinsic("llvm.eh.sjlj.longjmp", llvm_ir.VoidType(), [_POINTER]), [landing])
        builder.unreachable()
        return landing

    def outputs(self) -> None:
        """Define ``_mlir_ciface_stepwell_output(result, context, index, sizes)``: the caller's memory, by position."""
        kind = llvm_ir.FunctionType(llvm_ir.VoidType(), [_POINTER, _POINTER, _I64, _POINTER])
        function = llvm_ir.Function(self.module, kind, "_mlir_ciface_stepwell_output")
        result, context, position, _ = function.args
        builder = llvm_ir.IRBuilder(function.append_basic_block())
        table = builder.load(self.field(builder, context, 1), typ=_POINTER)
        row = builder.gep(table, [position], source_etype=self.output)
        memory = builder.load(row, typ=_POINTER)
        size = builder.load(builder.gep(row, [_I32(0), _I32(1)], source_etype=self.output), typ=self.index)
        self.fill(builder, result, memory, [size])
        builder.ret_void()

    def output_table(
        self, builder: llvm_ir.IRBuilder, memory: list[llvm_ir.Value], outputs: tuple[TensorSpec, ...]
    ) -> llvm_ir.Value:
        table = _opaque(builder.alloca(self.output, max(1, len(outputs))))
        for position, (pointer, spec) in enumerate(zip(memory, outputs, strict=True)):
            row = builder.gep(table, [_I32(position)], source_etype=self.output)
            builder.store(pointer, row)
            size = builder.gep(row, [_I32(0), _I32(1)], source_etype=self.output)
            builder.store(self.index(byte_count(spec)), size)
        return table

    def descriptor_type(self, rank: int) -> llvm_ir.LiteralStructType:
        sizes = [llvm_ir.ArrayType(self.index, rank)] * 2 if rank else []
        return llvm_ir.LiteralStructType([_POINTER, _POINTER, self.index, *sizes])

    def describe(self, builder: llvm_ir.IRBuilder, memory: llvm_ir.Value, shape: list[int]) -> llvm_ir.Value:
        """A memref descriptor on the stack, dense and row-major."""
        place = _opaque(builder.alloca(self.descriptor_type(len(shape))))
        self.fill(builder, place, memory, [self.index(size) for size in shape])
        return place

    def fill(
        self, builder: llvm_ir.IRBuilder, place: llvm_ir.Value, memory: llvm_ir.Value, sizes: list[llvm_ir.Value]
    ) -> None:
        kind = self.descriptor_type(len(sizes))
        builder.store(memory, place)
        builder.store(memory, self.field(builder, place, 1))
        builder.store(self.index(0), self.field(builder, place, 2))
        step = 1
        for dim in reversed(range(len(sizes))):
            for part, value in ((3, sizes[dim]), (4, self.index(step))):
                at = [_I32(0), _I32(part), _I32(dim)]
                builder.store(value, builder.gep(place, at, source_etype=kind))
            step *= sizes[dim].constant if dim else 1

    def field(self, builder: llvm_ir.IRBuilder, place: llvm_ir.Value, number: int) -> llvm_ir.Value:
        return builder.gep(place, [_I32(0), _I32(number)], source_etype=self.bytes_at)

    def intrinsic(self, name: str, result: llvm_ir.Type, arguments: list[llvm_ir.Type]) -> llvm_ir.Function:
        known = self.module.globals.get(name)
        return known or llvm_ir.Function(self.module, llvm_ir.FunctionType(result, arguments), name)


def _opaque(place: llvm_ir.Value) -> llvm_ir.Value:
    """``place`` with the type that LLVM gives all pointers."""
    place.type = _POINTER
    return place


def parameter_module(data: bytes, symbol: str) -> str:
    """LLVM IR of a constant that holds ``data``."""
    module = llvm_ir.Module("parameters")
    variable = llvm_ir.GlobalVariable(module, llvm_ir.ArrayType(_BYTE, len(data)), symbol)
    variable.global_constant = True
    variable.align = ALIGNMENT
    variable.initializer = llvm_ir.Constant(variable.value_type, bytearray(data))
    return str(module)
