"""A whole file of kernels in CUDA C++."""

from __future__ import annotations

import re

from torch_mlir import ir
from torch_mlir.passmanager import PassManager

from stepwell.backends.cuda.cpp.assembly import Assembly
from stepwell.backends.cuda.cpp.kernel import print_kernel
from stepwell.backends.cuda.cpp.memory import print_table
from stepwell.backends.cuda.cpp.prelude import FLOAT8, PRELUDE
from stepwell.backends.cuda.cpp.types import NAMES, Types
from stepwell.support.walk import named

_TIDY = "builtin.module(gpu.module(expand-strided-metadata,lower-affine,canonicalize,cse,convert-nvvm-to-llvm))"

_FLOAT8 = NAMES["f8E4M3FN"]


def print_cuda(module: ir.Module | ir.Operation) -> str:
    """The kernels of a module at the kernel level; each takes what the compiled one takes, and does the same.

    Raises:
        CodegenError: an operation that has no form in C++.
    """
    copy = (module.operation if isinstance(module, ir.Module) else module).clone()
    with copy.context, ir.Location.unknown():
        PassManager.parse(_TIDY).run(copy.operation)
        types = Types()
        assembly = Assembly(types)
        names = _parameter_names(copy.operation)
        by_library = {
            _kernel(op) for op in named(copy.operation, "gpu.launch_func") if "stepwell.library" in op.attributes
        }
        kernels = [
            print_kernel(function, types, assembly, names.get(ir.StringAttr(function.attributes["sym_name"]).value, {}))
            for function in named(copy.operation, "gpu.func")
            if ir.StringAttr(function.attributes["sym_name"]).value not in by_library
        ]
        tables = [print_table(table, types) for table in named(copy.operation, "memref.global")]
    body = ["\n".join(types.structs.values()), *tables, *assembly.functions, *kernels]
    head = [PRELUDE.rstrip(), *([FLOAT8] if any(_FLOAT8 in part for part in body) else [])]
    return "\n\n".join(part for part in [*head, *body] if part) + "\n"


def _parameter_names(module: ir.Operation) -> dict[str, dict[int, str]]:
    """For each kernel, the parameters that are inputs and weights of the model where it is launched first."""
    found: dict[str, dict[int, str]] = {}
    for launch in named(module, "gpu.launch_func"):
        kernel = _kernel(launch)
        operands = list(launch.opview.kernelOperands)
        names = {number: _name(operand) for number, operand in enumerate(operands)}
        found.setdefault(kernel, {number: name for number, name in names.items() if name})
    return found


def _kernel(launch: ir.Operation) -> str:
    return str(ir.SymbolRefAttr(launch.attributes["kernel"]).value[-1])


def _name(value: ir.Value) -> str:
    """What the model calls an argument of an entry, as C++ can write it; ``result`` is what the entry returns."""
    if any(use.owner.operation.name == "func.return" for use in value.uses):
        return "result"
    if not isinstance(value, ir.BlockArgument):
        return ""
    function = value.owner.owner.operation
    marks = ir.DictAttr(ir.ArrayAttr(function.attributes["arg_attrs"])[value.arg_number])
    for key in ("stepwell.input", "stepwell.parameter", "stepwell.state"):
        if key in marks:
            return re.sub(r"^(?=\d)", "p", re.sub(r"\W", "_", ir.StringAttr(marks[key]).value).strip("_"))
    return ""
