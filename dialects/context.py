"""MLIR contexts with every dialect that the staircase uses."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir._mlir_libs._mlir import globals as _globals

from stepwell.dialects.registry import load_registered

_globals.append_dialect_search_prefix("stepwell.dialects")


def make_context(*, torch: bool = True, allow_unregistered: bool = False) -> ir.Context:
    """A fresh context, single-threaded (Python passes deadlock otherwise), with the dialects of plugins.

    Args:
        torch: also load the torch and tm_tensor dialects and register torch-mlir's passes.
        allow_unregistered: accept operations of dialects that nobody registered.
    """
    context = ir.Context()
    context.enable_multithreading(False)
    context.allow_unregistered_dialects = allow_unregistered
    if torch:
        load_torch(context)
    load_registered(context)
    return context


def load_torch(context: ir.Context) -> None:
    """Load the torch dialects into ``context``; idempotent."""
    import torch_mlir._mlir_libs._torchMlir  # noqa: F401  registers the passes
    from torch_mlir.dialects import torch as torch_dialect
    from torch_mlir.passmanager import PassManager

    torch_dialect.register_dialect(context)
    # tm_tensor has no registration of its own in the wheel: a pass that depends on it loads it.
    with context, ir.Location.unknown():
        PassManager.parse("builtin.module(func.func(convert-torch-to-tmtensor))").run(ir.Module.create().operation)
