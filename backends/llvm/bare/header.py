"""model.h for code without a runtime: memory that the caller gives, entries, error codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stepwell.backends.llvm.bare.entries import ALIGNMENT, ERROR_EXECUTION, ERROR_INPUT, OK, entry_symbol, static_shape
from stepwell.backends.llvm.cpu import Cpu
from stepwell.backends.llvm.describe import EntryArguments
from stepwell.support.signature import Signature, TensorSpec

#: The symbol of the weights.
PARAMETERS = "stepwell_parameters"

_C_TYPES = {
    "i1": "uint8_t", "i8": "int8_t", "ui8": "uint8_t", "i16": "int16_t", "i32": "int32_t", "i64": "int64_t",
    "f8E4M3FN": "uint8_t", "f8E5M2": "uint8_t", "f16": "uint16_t", "bf16": "uint16_t", "f32": "float", "f64": "double",
}  # fmt: skip


def bare_header(
    entries: Mapping[str, EntryArguments],
    signatures: Mapping[str, Signature],
    cpu: Cpu,
    *,
    parameter_bytes: int,
    undefined: Sequence[str],
    assertions: bool,
) -> str:
    """The header.

    Args:
        undefined: symbols that the program must bring.
        assertions: whether calls can end with an execution error.
    """
    needs = ", ".join(undefined) or "nothing"
    lines = [
        f"/* A model compiled by Stepwell for {cpu.triple}, {cpu.name}: no heap, no threads, no operating system.",
        f" * The program it is linked with brings: {needs}. */",
        "#ifndef STEPWELL_MODEL_H",
        "#define STEPWELL_MODEL_H",
        "#include <stdint.h>",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        "/* What entries return: done; a pointer is NULL or not aligned; an assertion of the model failed. */",
        f"enum {{ STEPWELL_OK = {OK}, STEPWELL_ERROR_INPUT = {ERROR_INPUT}, "
        f"STEPWELL_ERROR_EXECUTION = {ERROR_EXECUTION} }};",
        "",
        "/* Alignment in bytes of the arena and of the parameters; tensors are aligned to their element. */",
        f"#define STEPWELL_ALIGNMENT {ALIGNMENT}",
        f"#define STEPWELL_PARAMETER_BYTES {parameter_bytes}",
    ]
    if parameter_bytes:
        lines += [
            "/* The weights, constant; linked only where this is named. Any copy of them serves as well. */",
            f"extern const uint8_t {PARAMETERS}[STEPWELL_PARAMETER_BYTES];",
        ]
    reentrant = "One call at a time." if assertions else "Calls with arenas of their own may run at the same time."
    for name, arguments in entries.items():
        lines += ["", *_entry(name, arguments, signatures[name], reentrant)]
    return "\n".join([*lines, "", "#ifdef __cplusplus", "}", "#endif", "#endif", ""])


def _entry(name: str, arguments: EntryArguments, signature: Signature, reentrant: str) -> list[str]:
    prefix = f"STEPWELL_{name.upper()}"
    sized = [*_named("input", signature.inputs), *_named("output", signature.results)]
    lines = [f"#define {prefix}_ARENA_BYTES {arguments.arena or 0}"]
    lines += [f"#define {prefix}_{role.upper()}_SIZE {_elements(spec)} /* {spec} */" for role, spec in sized]
    unread = [
        text
        for text, size in (("parameters", arguments.parameters), ("arena", arguments.arena))
        if size is None  # the argument stays, so that all entries look alike
    ]
    comment = f" {' and '.join(unread).capitalize()} may be NULL." if unread else ""
    lines.append(f"/* {reentrant}{comment} Outputs must not overlap anything else. */")
    inputs = [f"const {_C_TYPES[spec.dtype]} *{role}" for role, spec in _named("input", signature.inputs)]
    outputs = [f"{_C_TYPES[spec.dtype]} *{role}" for role, spec in _named("output", signature.results)]
    taken = ", ".join([*inputs, *outputs, "const void *parameters", "void *arena"])
    return [*lines, f"int32_t {entry_symbol(name)}({taken});"]


def _named(kind: str, specs: Sequence[TensorSpec]) -> list[tuple[str, TensorSpec]]:
    return [(f"{kind}_{index}", spec) for index, spec in enumerate(specs)]


def _elements(spec: TensorSpec) -> int:
    count = 1
    for size in static_shape(spec):
        count *= size
    return count
