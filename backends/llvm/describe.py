"""The constant ``stepwell_model`` that tells the runtime what a model is, and the functions it calls, as LLVM IR.

The layouts are those of ``runtime/include/stepwell/abi.h``; a change there changes the fields here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llvmlite import ir as llvm_ir
from torch_mlir import ir

from stepwell.backends.llvm.cpu import Cpu
from stepwell.support.dtypes import byte_size
from stepwell.support.errors import CodegenError
from stepwell.support.signature import Signature, Size, TensorSpec

#: SW_ABI_VERSION of abi.h.
ABI_VERSION = 2

_STATIC, _UNKNOWN = -1, -2
_UNBOUNDED = 2**63 - 1
_PARAMETERS, _ARENA, _CONTEXT = 1, 2, 4

#: DLPack type codes by the letters of an MLIR element type.
_CODES = {"i": 0, "index": 0, "ui": 1, "f": 2, "bf": 4, "i1": 6, "f8E4M3FN": 10, "f8E5M2": 12}

_POINTER = llvm_ir.PointerType()
_I32 = llvm_ir.IntType(32)
_I64 = llvm_ir.IntType(64)
_SIZE = llvm_ir.LiteralStructType([_I32, _I32, _I64, _I64])
_TENSOR = llvm_ir.LiteralStructType([_POINTER, _I32, _I32, _I32, _I32, _POINTER])
_SYMBOL = llvm_ir.LiteralStructType([_POINTER, _I64, _I64])
_PARAMETER = llvm_ir.LiteralStructType([_POINTER, _I64, _I64, _I32, _I32])
_ENTRY = llvm_ir.LiteralStructType([_POINTER] * 6 + [_I32] * 4 + [_I64, _I32, _I32])
_MODEL = llvm_ir.LiteralStructType([_I32, _I32, _POINTER, _POINTER, _I32, _I32, _I64] + [_POINTER] * 5)


@dataclass(frozen=True)
class EntryArguments:
    """What an entry takes, as pass ``declare-entries`` noted it; None where the entry takes no such argument."""

    inputs: int
    states: int
    parameters: int | None = None
    arena: int | None = None
    context: int | None = None

    @property
    def count(self) -> int:
        """Number of memref arguments."""
        tail = (self.parameters, self.arena, self.context)
        return self.inputs + self.states + sum(value is not None for value in tail)


@dataclass(frozen=True)
class ParameterPlace:
    """A parameter in the data section of the parameter file; ``dtype`` by its MLIR name."""

    name: str
    offset: int
    bytes: int
    dtype: str


def read_entries(module: ir.Module | ir.Operation) -> dict[str, EntryArguments]:
    """The entries of a module, from its attribute ``stepwell.entries``.

    Raises:
        CodegenError: the attribute is missing.
    """
    op = module.operation if isinstance(module, ir.Module) else module
    if "stepwell.entries" not in op.attributes:
        raise CodegenError("the module does not say what its entries take", hint="run declare-entries at buffer level")
    notes = ir.DictAttr(op.attributes["stepwell.entries"])
    return {
        note.name: EntryArguments(**{item.name: ir.IntegerAttr(item.attr).value for item in ir.DictAttr(note.attr)})
        for note in notes
    }


def read_layout(module: ir.Module | ir.Operation) -> dict[str, int]:
    """Parameter name -> byte offset, from the module attribute ``stepwell.layout``; empty without it."""
    op = module.operation if isinstance(module, ir.Module) else module
    if "stepwell.layout" not in op.attributes:
        return {}
    return {item.name: ir.IntegerAttr(item.attr).value for item in ir.DictAttr(op.attributes["stepwell.layout"])}


def describe_model(
    entries: Mapping[str, EntryArguments],
    signatures: Mapping[str, Signature],
    cpu: Cpu,
    *,
    parameters: Sequence[ParameterPlace] = (),
    parameter_bytes: int = 0,
    parameter_digest: str = "",
    threads: int = 0,
    better: Sequence[Cpu] = (),
) -> str:
    """LLVM IR that defines ``stepwell_model`` and, for each entry, ``stepwell_entry_NAME``.

    The entry functions take one pointer per argument to its memref descriptor and call ``_mlir_ciface_NAME``, which
    the model's own module defines (give this text to :func:`stepwell.backends.llvm.codegen.generate` as ``extra``).

    Args:
        threads: that the model's loops use unless told otherwise; 0 is as many as there are.
        better: more CPUs that there is code for, each with more features than the one before it; their entries are
            called as :func:`level_symbol` says.

    Raises:
        CodegenError: an entry without a signature, or one that takes something else than its signature says.
    """
    description = _Description()
    following: llvm_ir.Constant | None = None
    for level, one in reversed(list(enumerate([cpu, *better]))):
        following = description.model(
            one, level, entries, signatures, parameters, parameter_bytes, parameter_digest, threads, following
        )
    return str(description.module)


def level_symbol(name: str, level: int) -> str:
    """What symbol ``name`` is called in the code for CPU number ``level`` of several."""
    return f"{name}.level{level}" if level else name


class _Description:
    """Builds one description module."""

    def __init__(self) -> None:
        self.module = llvm_ir.Module("description")
        self.strings: dict[str, llvm_ir.Constant] = {}

    def model(
        self,
        cpu: Cpu,
        level: int,
        entries: Mapping[str, EntryArguments],
        signatures: Mapping[str, Signature],
        parameters: Sequence[ParameterPlace],
        parameter_bytes: int,
        digest: str,
        threads: int,
        better: llvm_ir.Constant | None,
    ) -> llvm_ir.Constant:
        entry_table = [self.entry(name, arguments, signatures, level) for name, arguments in entries.items()]
        parameter_table = [
            _struct(_PARAMETER, self.string(place.name), place.offset, place.bytes, *dlpack_type(place.dtype))
            for place in parameters
        ]
        value = _struct(
            _MODEL,
            ABI_VERSION,
            len(entry_table),
            self.table(_ENTRY, entry_table),
            self.table(_PARAMETER, parameter_table),
            len(parameter_table),
            threads,
            parameter_bytes,
            self.string(digest),
            self.string(cpu.triple),
            self.string(cpu.name),
            self.string(cpu.feature_text),
            llvm_ir.Constant(_POINTER, None) if better is None else better,
        )
        return self.constant(level_symbol("stepwell_model", level), value, linkage="private" if level else "")

    def entry(
        self, name: str, arguments: EntryArguments, signatures: Mapping[str, Signature], level: int
    ) -> llvm_ir.Constant:
        signature = signatures.get(name)
        if signature is None:
            raise CodegenError(
                f"entry '{name}' has no signature", hint=f"signatures: {', '.join(signatures) or 'none'}"
            )
        if (len(signature.inputs), len(signature.states)) != (arguments.inputs, arguments.states):
            raise CodegenError(
                f"entry '{name}' takes {arguments.inputs} inputs and {arguments.states} states, "
                f"its signature says {len(signature.inputs)} and {len(signature.states)}"
            )
        symbols = list(signature.symbols)
        symbol_table = [
            _struct(_SYMBOL, self.string(symbol), bounds.lower, _UNBOUNDED if bounds.upper is None else bounds.upper)
            for symbol, bounds in signature.symbols.items()
        ]
        flags = (
            (_PARAMETERS if arguments.parameters is not None else 0)
            | (_ARENA if arguments.arena is not None else 0)
            | (_CONTEXT if arguments.context is not None else 0)
        )
        return _struct(
            _ENTRY,
            self.string(name),
            self.call(name, arguments.count, level),
            *(self.tensors(specs, symbols) for specs in (signature.inputs, signature.states, signature.results)),
            self.table(_SYMBOL, symbol_table),
            len(signature.inputs),
            len(signature.states),
            len(signature.results),
            len(symbol_table),
            arguments.arena or 0,
            flags,
            0,
        )

    def call(self, name: str, count: int, level: int) -> llvm_ir.Function:
        """``int32_t stepwell_entry_NAME(void **descriptors)``."""
        kind = llvm_ir.FunctionType(llvm_ir.VoidType(), [_POINTER] * count)
        target = llvm_ir.Function(self.module, kind, level_symbol(f"_mlir_ciface_{name}", level))
        entry_kind = llvm_ir.FunctionType(_I32, [_POINTER])
        wrapper = llvm_ir.Function(self.module, entry_kind, level_symbol(f"stepwell_entry_{name}", level))
        builder = llvm_ir.IRBuilder(wrapper.append_basic_block())
        slots = [builder.gep(wrapper.args[0], [_I64(index)], source_etype=_POINTER) for index in range(count)]
        builder.call(target, [builder.load(slot, typ=_POINTER) for slot in slots])
        builder.ret(_I32(0))
        return wrapper

    def tensors(self, specs: Sequence[TensorSpec], symbols: list[str]) -> llvm_ir.Constant:
        rows = []
        for spec in specs:
            sizes = self.table(_SIZE, [_size(size, symbols, spec) for size in spec.shape])
            rows.append(_struct(_TENSOR, self.string(spec.name), *dlpack_type(spec.dtype), len(spec.shape), 0, sizes))
        return self.table(_TENSOR, rows)

    def table(self, kind: llvm_ir.Type, rows: Sequence[llvm_ir.Constant]) -> llvm_ir.Constant:
        """A constant array of ``rows``; a null pointer if there are none."""
        if not rows:
            return llvm_ir.Constant(_POINTER, None)
        value = llvm_ir.Constant(llvm_ir.ArrayType(kind, len(rows)), list(rows))
        return self.constant(f"table_{len(self.module.globals)}", value)

    def string(self, text: str) -> llvm_ir.Constant:
        """A constant C string; equal ones are one."""
        if text not in self.strings:
            data = bytearray(text.encode() + b"\0")
            value = llvm_ir.Constant(llvm_ir.ArrayType(llvm_ir.IntType(8), len(data)), data)
            self.strings[text] = self.constant(f"string_{len(self.strings)}", value)
        return self.strings[text]

    def constant(self, name: str, value: llvm_ir.Constant, linkage: str = "private") -> llvm_ir.GlobalVariable:
        variable = llvm_ir.GlobalVariable(self.module, value.type, name)
        variable.linkage = linkage
        variable.global_constant = True
        variable.initializer = value
        return variable


def dlpack_type(dtype: str) -> tuple[int, int]:
    """DLPack's code and bits of an element type; bool is code 6 with 8 bits."""
    code = _CODES.get(dtype)
    if code is None:
        code = _CODES.get(dtype.rstrip("0123456789"))
    if code is None:
        raise CodegenError(f"element type '{dtype}' can't cross the boundary of an entry", hint="convert it first")
    return code, 8 * byte_size(dtype)


def _size(size: Size, symbols: list[str], spec: TensorSpec) -> llvm_ir.Constant:
    if isinstance(size, int):
        return _struct(_SIZE, _STATIC, 0, 0, size)
    if size.symbol is None:
        return _struct(_SIZE, _UNKNOWN, 0, 0, 0)
    if size.symbol not in symbols:
        raise CodegenError(f"size '{size}' of '{spec.name}' uses a symbol that the signature does not list")
    return _struct(_SIZE, symbols.index(size.symbol), 0, size.scale, size.offset)


def _struct(kind: llvm_ir.LiteralStructType, *values: int | llvm_ir.Constant) -> llvm_ir.Constant:
    fields = [
        llvm_ir.Constant(element, value) if isinstance(value, int) else value
        for element, value in zip(kind.elements, values, strict=True)
    ]
    return llvm_ir.Constant(kind, fields)
