"""A lowered program as a file that compiles again: the IR, and beside it the parameters that it reads."""

from __future__ import annotations

from pathlib import Path

from stepwell.frontend.mlir_file import parameter_names
from stepwell.frontend.program import Program
from stepwell.support import parameter_file
from stepwell.support.atomic import write_text


def write_lowered(program: Program, path: Path) -> Path:
    """Write the module of ``program`` to ``path``, and its parameters to the file beside it, which is returned.

    Raises:
        ArtifactError: the folder can't be written.
    """
    names = parameter_names(program.module, program.signatures)
    weights = path.with_suffix(".safetensors")
    write_text(path, program.module.operation.get_asm(enable_debug_info=True) + "\n")
    parameter_file.write(weights, program.parameters, parameter_file.aligned_layout(program.parameters, names))
    return weights
