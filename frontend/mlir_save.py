"""A module and its weights as a pair of files that :func:`~stepwell.frontend.mlir_file.load_mlir` takes back."""

from __future__ import annotations

from pathlib import Path

from torch_mlir import ir

from stepwell.frontend.mlir_file import parameter_names
from stepwell.frontend.program import parameters_of
from stepwell.support import parameter_file
from stepwell.support.atomic import write_text
from stepwell.support.errors import UsageError
from stepwell.support.kept_signatures import read_signatures
from stepwell.support.parameters import ParameterStore


def save_mlir(module: ir.Module, path: str | Path, parameters: ParameterStore | None = None) -> Path:
    """Write ``module`` to ``path``, and the values of the parameters and states that it reads to the file returned.

    Args:
        path: ends in ``.mlir``; the values go into the file of that name that ends in ``.safetensors``.
        parameters: values by name; None takes those of the program that :func:`stepwell.lower` made ``module`` from.

    Raises:
        UsageError: another ending, or a value that is not known.
        ArtifactError: the files can't be written.
    """
    path = Path(path)
    if path.suffix != ".mlir":
        raise UsageError(f"'{path}' does not end in .mlir", hint="give the name of an .mlir file")
    store = parameters if parameters is not None else parameters_of(module) or ParameterStore()
    names = parameter_names(module, read_signatures(module.operation))
    missing = [name for name in names if name not in store]
    if missing:
        raise UsageError(f"there is no value for '{missing[0]}'", hint="give the parameters as the third argument")
    write_text(path, module.operation.get_asm(enable_debug_info=True) + "\n")
    weights = path.with_suffix(".safetensors")
    parameter_file.write(weights, store, parameter_file.aligned_layout(store, names))
    return weights
