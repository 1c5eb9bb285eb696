"""Whatever a user calls a model -> :class:`Program`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stepwell.frontend.program import DimensionHints, Program
from stepwell.support.errors import ImportFailure, UsageError


def load_program(
    source: Any,
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
    *,
    dynamic_shapes: Any = None,
    entry: str = "main",
) -> Program:
    """Bring ``source`` to the graph level (an ``.mlir`` file stays at the level it is at).

    Args:
        source: ``nn.Module``, ``ExportedProgram``, or a path to ``.pt2``, ``.onnx`` or ``.mlir``.
        args, kwargs: example arguments; needed for an ``nn.Module`` only.
        dynamic_shapes: as ``torch.export.export`` takes them.
        entry: name of the entry function.

    Raises:
        ImportFailure: the model can't be exported or imported.
        UsageError: ``source`` is nothing that can be loaded.
    """
    if isinstance(source, (str, Path)) and Path(source).suffix == ".mlir":
        from stepwell.frontend.mlir_file import load_mlir

        return load_mlir(_existing(source))
    if isinstance(source, (str, Path)) and Path(source).suffix == ".onnx":
        from stepwell.frontend.onnx.file import load_onnx

        return load_onnx(_existing(source))
    return import_exported(export_source(source, args, kwargs, dynamic_shapes=dynamic_shapes, entry=entry))


@dataclass(frozen=True)
class Exported:
    """A model as torch.export gives it, before decomposition.

    Attributes:
        program: torch's ``ExportedProgram``.
        origin: where it came from, for messages and reports.
        entry: name of the entry function to be made of it.
    """

    program: Any
    origin: str
    entry: str = "main"
    hints: DimensionHints = field(default_factory=DimensionHints)


def export_source(
    source: Any,
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
    *,
    dynamic_shapes: Any = None,
    entry: str = "main",
) -> Exported:
    """The first half of :func:`load_program`, for what is neither an ``.mlir`` nor an ``.onnx`` file."""
    if isinstance(source, (str, Path)):
        path = _existing(source)
        if path.suffix != ".pt2":
            raise UsageError(
                f"'{path}' is neither .pt2, .onnx nor .mlir", hint="save it with torch.export.save(program, path)"
            )
        return Exported(_load_pt2(path), path.name, entry)
    import torch
    from torch.export import ExportedProgram

    if isinstance(source, ExportedProgram):
        return Exported(source, "ExportedProgram", entry)
    if isinstance(source, torch.nn.Module):
        from stepwell.frontend.branch_trials import check_branches
        from stepwell.frontend.export import export_model
        from stepwell.frontend.small_sizes import smallest_sizes

        exported = export_model(source, tuple(args), kwargs, dynamic_shapes)
        lower = smallest_sizes(source, exported, tuple(args), kwargs) if dynamic_shapes else {}
        if dynamic_shapes:
            check_branches(source, exported, tuple(args), kwargs)
        return Exported(exported, type(source).__name__, entry, DimensionHints(dynamic_shapes, lower))
    raise UsageError(
        f"a model is an nn.Module, an ExportedProgram or a path, not {type(source).__name__}",
        hint="wrap a plain function in an nn.Module",
    )


def import_exported(exported: Exported) -> Program:
    """The second half of :func:`load_program`: decomposition and import."""
    from stepwell.frontend.complex_pairs import complex_boundary
    from stepwell.frontend.export import decompose
    from stepwell.frontend.guards import check_guards, check_new_guards
    from stepwell.frontend.importer import import_program

    check_guards(exported.program)
    hints = complex_boundary(exported.program, exported.hints)
    decomposed = decompose(exported.program)
    check_new_guards(exported.program)
    return import_program(decomposed, origin=exported.origin, entry=exported.entry, hints=hints)


def _existing(source: str | Path) -> Path:
    path = Path(source)
    if not path.exists():
        raise UsageError(f"there is no file '{path}'", hint="give a path to a .pt2, .onnx or .mlir file")
    return path


def _load_pt2(path: Path) -> Any:
    import torch

    try:
        return torch.export.load(path)
    except Exception as error:  # a damaged archive can fail anywhere inside of torch
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ImportFailure(
            f"'{path}' is not a readable .pt2 file: {first[:160]}", hint="save it again with this version of torch"
        ) from error
