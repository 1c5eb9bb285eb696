"""Types of kernels in C++."""

from __future__ import annotations

from itertools import groupby

from torch_mlir import ir

from stepwell.support.errors import CodegenError

NAMES = {
    "i1": "bool",
    "i8": "uint8_t",
    "i16": "uint16_t",
    "i32": "uint32_t",
    "i64": "uint64_t",
    "index": "uint64_t",
    "f8E4M3FN": "__nv_fp8_storage_t",
    "f8E5M2": "__nv_fp8_storage_t",
    "f16": "__half",
    "bf16": "__nv_bfloat16",
    "f32": "float",
    "f64": "double",
}
"""Of types of numbers."""

_BYTES = {"i1": 1, "i8": 1, "i16": 2, "i32": 4, "i64": 8, "index": 8, "f16": 2, "bf16": 2, "f32": 4, "f64": 8,
          "f8E4M3FN": 1, "f8E5M2": 1}  # fmt: skip


def element(kind: ir.Type) -> ir.Type:
    """The type of a lane of a vector; other types themselves."""
    return ir.VectorType(kind).element_type if isinstance(kind, ir.VectorType) else kind


def lanes(kind: ir.Type) -> int:
    """How many numbers a value holds.

    Raises:
        CodegenError: a vector of several dimensions.
    """
    if not isinstance(kind, ir.VectorType):
        return 1
    shape = ir.VectorType(kind).shape
    if len(shape) != 1:
        raise CodegenError(f"CUDA C++ is not printed of values of type {kind}", hint="vectors have one dimension")
    return int(shape[0])


def size(kind: ir.Type) -> int:
    """Of a value in memory, in bytes."""
    return lanes(kind) * _BYTES[str(element(kind))]


def signed(kind: ir.Type) -> str:
    """The signed C++ type of an integer type."""
    return "int64_t" if isinstance(kind, ir.IndexType) else f"int{ir.IntegerType(kind).width}_t"


def unsigned(kind: ir.Type) -> str:
    """The unsigned one."""
    return f"u{signed(kind)}"


class Types:
    """C++ names of types; structs are declared as they are met."""

    def __init__(self) -> None:
        self.structs: dict[str, str] = {}

    def name(self, kind: ir.Type) -> str:
        """The C++ type.

        Raises:
            CodegenError: there is none.
        """
        text = str(kind)
        if text in NAMES:
            return NAMES[text]
        if text.startswith("!llvm.ptr"):
            return "char*"
        if isinstance(kind, ir.VectorType):
            return f"Vec<{self.name(element(kind))}, {lanes(kind)}>"
        if text.startswith("!llvm.struct<("):
            return self._struct(members(kind))
        raise CodegenError(f"CUDA C++ has no type for {text}")

    def _struct(self, kinds: list[str]) -> str:
        runs = [(kind, len(list(group))) for kind, group in groupby(kinds)]
        name = "_".join(f"{kind}x{count}" for kind, count in runs)
        fields = " ".join(f"{NAMES[kind]} {_field(number)}[{count}];" for number, (kind, count) in enumerate(runs))
        self.structs[name] = f"struct {name} {{ {fields} }};"
        return name


def members(kind: ir.Type) -> list[str]:
    """The types in a struct of numbers, as MLIR writes them."""
    found = str(kind).removeprefix("!llvm.struct<(").removesuffix(")>").split(", ")
    if any(member not in NAMES for member in found):
        raise CodegenError(f"CUDA C++ has no type for {kind}", hint="structs hold numbers only")
    return found


def places(kinds: list[str]) -> list[str]:
    """How C++ reaches each member of a struct: ``.a[0]``."""
    found = []
    for number, (_, group) in enumerate(groupby(kinds)):
        found += [f".{_field(number)}[{place}]" for place, _ in enumerate(group)]
    return found


def _field(number: int) -> str:
    return chr(ord("a") + number)
