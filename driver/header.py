"""model.h: the boundary of an artifact's entries for C hosts."""

from __future__ import annotations

from stepwell.backends.target import Target
from stepwell.support.signature import Signature, TensorSpec


def c_header(signatures: dict[str, Signature], target: Target) -> str:
    """A C header that names entries, inputs, outputs and states, with their types and shapes as comments."""
    lines = [
        f"/* Entries of a model compiled by Stepwell for target {target.name}. */",
        "#ifndef STEPWELL_MODEL_H",
        "#define STEPWELL_MODEL_H",
        "#include <stepwell/runtime.h>",
        "",
        "extern const sw_model_desc stepwell_model;",
    ]
    for entry, signature in signatures.items():
        prefix = f"STEPWELL_{_identifier(entry)}"
        lines += ["", f'#define {prefix} "{entry}"']
        for kind, specs in (("INPUT", signature.inputs), ("OUTPUT", signature.results)):
            lines.append(f"#define {prefix}_{kind}S {len(specs)}")
            lines += [f"#define {prefix}_{kind}_{index} {index} {_comment(spec)}" for index, spec in enumerate(specs)]
        states = enumerate(signature.states)
        lines += [f'#define {prefix}_STATE_{index} "{spec.name}" {_comment(spec)}' for index, spec in states]
    return "\n".join([*lines, "", "#endif", ""])


def _comment(spec: TensorSpec) -> str:
    """A complex tensor crosses as a DLTensor of its parts: the last dimension has the real and the imaginary one.

    A tensor of wide unsigned integers crosses as one of signed integers with the same bits.
    """
    shape = "x".join([*map(str, spec.shape), spec.dtype])
    return f"/* {spec}{f', passed as {shape}' if not spec.itself else ''} */".replace("*/ */", "*/")


def _identifier(name: str) -> str:
    return "".join(char if char.isalnum() else "_" for char in name).upper()
