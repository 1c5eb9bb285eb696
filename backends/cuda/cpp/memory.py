"""Pointers and memrefs in C++."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch_mlir import ir

from stepwell.backends.cuda.cpp.expression import Expression
from stepwell.backends.cuda.cpp.literals import elements, integer
from stepwell.backends.cuda.cpp.types import Types, size
from stepwell.backends.cuda.cpp.writer import Memory, Writer
from stepwell.backends.interpreter.constants import constant_value

_DYNAMIC = -(2**31)
"""What stands in a list of constant indices where an operand gives the index."""


# -- pointers ---------------------------------------------------------------------------------------------------------


def write_address_of(writer: Writer, op: ir.Operation) -> None:
    """The dynamic shared memory, the one global that kernels have."""
    writer.shared = True
    writer.stands_for(op.results[0], Expression(ir.FlatSymbolRefAttr(op.attributes["global_name"]).value, "char"))


def write_pointer(writer: Writer, op: ir.Operation) -> None:
    """``llvm.inttoptr``; of the address of a memref, that is the memref's own pointer."""
    value = writer.operands(op)[0]
    if value.pointee:
        writer.define(op.results[0], value)
    else:
        writer.define(op.results[0], Expression(f"reinterpret_cast<char*>({value.text})", "char"))


def write_address(writer: Writer, op: ir.Operation) -> None:
    """``llvm.ptrtoint``; addresses in shared memory are offsets in its window."""
    value, kind = writer.operands(op)[0], op.results[0].type
    if "<3>" in str(op.operands[0].type):
        text = f"uint32_t(__cvta_generic_to_shared({value.text}))"
        writer.define(op.results[0], Expression(text), "shared")
        return
    writer.define(op.results[0], Expression(f"reinterpret_cast<{writer.types.name(kind)}>({value.text})"), "address")


def write_element_pointer(writer: Writer, op: ir.Operation) -> None:
    """``llvm.getelementptr`` with one index."""
    base, *dynamic = writer.operands(op)
    (fixed,) = ir.DenseI32ArrayAttr(op.attributes["rawConstantIndices"])
    index = dynamic[0] if fixed == _DYNAMIC else Expression(str(fixed))
    kind = writer.types.name(ir.TypeAttr(op.attributes["elem_type"]).value)
    pointer = _as(base, kind)
    text = pointer.text if index.text == "0" else f"{pointer.operand} + {index.operand}"
    writer.define(op.results[0], Expression(text, kind))


def _as(pointer: Expression, kind: str) -> Expression:
    """``pointer`` to elements of C++ type ``kind``."""
    return pointer if pointer.pointee == kind else Expression(f"reinterpret_cast<{kind}*>({pointer.text})", kind)


def write_load(writer: Writer, op: ir.Operation) -> None:
    """``llvm.load``: as wide as its alignment says."""
    kind = op.results[0].type
    name, pointer = writer.types.name(kind), writer.operands(op)[0]
    if pointer.pointee == name:
        writer.define(op.results[0], Expression(f"*{pointer.operand}"), "loaded", pure=False)
        return
    text = f"load<{name}, {_width(op, kind)}>({pointer.text})"
    writer.define(op.results[0], Expression(text), "loaded", pure=False)


def write_store(writer: Writer, op: ir.Operation) -> None:
    """``llvm.store``."""
    value, pointer = writer.operands(op)
    kind = op.operands[0].type
    if pointer.pointee == writer.types.name(kind):
        writer.line(f"*{pointer.operand} = {value.text};")
    else:
        writer.line(f"store<{_width(op, kind)}>({pointer.text}, {value.text});")


def _width(op: ir.Operation, kind: ir.Type) -> int:
    """Bytes of one access."""
    whole = size(kind)
    aligned = ir.IntegerAttr(op.attributes["alignment"]).value if "alignment" in op.attributes else 16
    return next(width for width in (16, 8, 4, 2, 1) if width <= aligned and whole % width == 0)


# -- memrefs ----------------------------------------------------------------------------------------------------------


def parameters(writer: Writer, argument: ir.Value, name: str) -> list[str]:
    """A memref as parameters, the words of its descriptor: pointer twice, offset, sizes, strides."""
    kind = ir.MemRefType(argument.type)
    element, rank = writer.types.name(kind.element_type), kind.rank
    sizes = [f"{name}_size{axis}" for axis in range(rank)]
    strides = [f"{name}_stride{axis}" for axis in range(rank)]
    fixed, _ = kind.get_strides_and_offset()
    writer.memories[argument] = Memory(
        Expression(name, element),
        tuple(_size(number) if number >= 0 else Expression(own) for number, own in zip(kind.shape, sizes, strict=True)),
        tuple(_size(number) if number >= 0 else Expression(own) for number, own in zip(fixed, strides, strict=True)),
    )
    numbers = [f"{name}_offset", *sizes, *strides]
    return [f"{element}* {name}_allocated", f"{element}* {name}", *(f"uint64_t {number}" for number in numbers)]


def _size(number: int) -> Expression:
    return Expression(integer(number, "index"))


def write_aligned_pointer(writer: Writer, op: ir.Operation) -> None:
    """The address of a memref's first element; what is made a pointer of it again is that pointer."""
    writer.stands_for(op.results[0], writer.memory(op.operands[0]).base)


def write_dim(writer: Writer, op: ir.Operation) -> None:
    """``memref.dim`` of a constant axis."""
    axis = ir.IntegerAttr(op.operands[1].owner.attributes["value"]).value
    writer.stands_for(op.results[0], writer.memory(op.operands[0]).sizes[axis])


def write_memref_load(writer: Writer, op: ir.Operation) -> None:
    """``memref.load``."""
    text = _element(writer.memory(op.operands[0]), writer.operands_from(op, 1))
    writer.define(op.results[0], Expression(text), "loaded", pure=False)


def write_memref_store(writer: Writer, op: ir.Operation) -> None:
    """``memref.store``."""
    value = writer.value(op.operands[0])
    writer.line(f"{_element(writer.memory(op.operands[1]), writer.operands_from(op, 2))} = {value.text};")


def _element(memory: Memory, indices: Sequence[Expression]) -> str:
    terms = []
    for index, stride in zip(indices, memory.strides, strict=True):
        if index.text == "0ull":
            continue
        terms.append(index.text if stride.text == "1ull" else f"{index.operand} * {stride.operand}")
    return f"{memory.base.operand}[{' + '.join(terms) or '0'}]"


def write_metadata(writer: Writer, op: ir.Operation) -> None:
    """``memref.extract_strided_metadata``: the pointer of a memref has its offset in it."""
    memory = writer.memory(op.operands[0])
    base, offset, *numbers = op.results
    writer.memories[base] = Memory(memory.base, (), ())
    writer.stands_for(offset, _size(0))
    for number, found in zip(numbers, [*memory.sizes, *memory.strides], strict=True):
        writer.stands_for(number, found)


def write_view(writer: Writer, op: ir.Operation) -> None:
    """``memref.view``: bytes from an offset on as a memref."""
    kind = ir.MemRefType(op.results[0].type)
    if not kind.has_static_shape:
        raise writer.refuse(op, "sizes that are not constant")
    source, offset = writer.memory(op.operands[0]).base, writer.value(op.operands[1])
    element = writer.types.name(kind.element_type)
    bytes_ = source.text if offset.text == "0ull" else f"{source.operand} + {offset.operand}"
    strides, _ = kind.get_strides_and_offset()
    name = writer.names.fresh("part")
    writer.line(f"{element}* const {name} = reinterpret_cast<{element}*>({bytes_});")
    writer.memories[op.results[0]] = Memory(
        Expression(name, element), tuple(map(_size, kind.shape)), tuple(map(_size, strides))
    )


def write_reinterpret_cast(writer: Writer, op: ir.Operation) -> None:
    """``memref.reinterpret_cast``: another shape and strides from an offset on."""
    source = writer.memory(op.operands[0])
    dynamic = iter(writer.operands_from(op, 1))
    (offset,), sizes, strides = (
        [
            next(dynamic) if number == ir.ShapedType.get_dynamic_stride_or_offset() else _size(number)
            for number in ir.DenseI64ArrayAttr(op.attributes[name])
        ]
        for name in ("static_offsets", "static_sizes", "static_strides")
    )
    base = source.base if offset.text == "0ull" else Expression(f"{source.base.operand} + {offset.operand}")
    name = writer.names.fresh("part")
    writer.line(f"{source.base.pointee}* const {name} = {base.text};")
    writer.memories[op.results[0]] = Memory(Expression(name, source.base.pointee), tuple(sizes), tuple(strides))


def write_get_global(writer: Writer, op: ir.Operation) -> None:
    """``memref.get_global``: a table of constants of the file."""
    kind = ir.MemRefType(op.results[0].type)
    strides, _ = kind.get_strides_and_offset()
    name = ir.FlatSymbolRefAttr(op.attributes["name"]).value
    pointee = f"const {writer.types.name(kind.element_type)}"
    own = name if _stored(kind) == kind.element_type else f"reinterpret_cast<{pointee}*>({name})"
    base = Expression(own, pointee)
    writer.memories[op.results[0]] = Memory(base, tuple(map(_size, kind.shape)), tuple(map(_size, strides)))


def print_table(op: ir.Operation, types: Types) -> str:
    """The definition of a ``memref.global``; narrow floats as bits, which have constant initialisers."""
    kind = ir.MemRefType(ir.TypeAttr(op.attributes["type"]).value)
    values, stored = np.ascontiguousarray(constant_value(op, "initial_value", kind)), _stored(kind)
    if stored != kind.element_type:
        values = values.view(f"int{stored.width}")
    numbers = elements(values, stored)
    name, inside = ir.StringAttr(op.attributes["sym_name"]).value, ", ".join(numbers)
    return f"__device__ const {types.name(stored)} {name}[] = {{{inside}}};"


def _stored(kind: ir.MemRefType) -> ir.Type:
    """What a table in a file is of."""
    element = kind.element_type
    narrow = isinstance(element, ir.FloatType) and element.width < 32
    return ir.IntegerType.get_signless(element.width, kind.context) if narrow else element


def write_alloca(writer: Writer, op: ir.Operation) -> None:
    """``memref.alloca``: an array of the thread."""
    kind = ir.MemRefType(op.results[0].type)
    if not kind.has_static_shape:
        raise writer.refuse(op, "sizes that are not constant")
    element, name = writer.types.name(kind.element_type), writer.names.fresh("own")
    strides, _ = kind.get_strides_and_offset()
    count = 1
    for number in kind.shape:
        count *= number
    writer.line(f"{element} {name}[{max(count, 1)}];")
    writer.memories[op.results[0]] = Memory(
        Expression(name, element), tuple(map(_size, kind.shape)), tuple(map(_size, strides))
    )
