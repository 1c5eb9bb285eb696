"""What people call: compile, lower, load, pipeline."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepwell.backends.registry import backend as find_backend
from stepwell.backends.target import Target
from stepwell.driver.executable import Executable
from stepwell.driver.report import calibration_note, fallback_warning
from stepwell.driver.request import Request, Source
from stepwell.passes.levels import level as find_level
from stepwell.passes.pipeline import Pipeline
from stepwell.support.errors import UnsupportedError

if TYPE_CHECKING:
    from torch_mlir import ir

    from stepwell.driver.compile import Compilation


def compile(
    model: Source,
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    target: str | Target = "cpu",
    dynamic_shapes: Any = None,
    pipeline: Pipeline | str | None = None,
    dump_ir: str | Path | None = None,
    html: bool = False,
    calibration: Iterable[Any] | None = None,
    cache: bool = True,
    fallback: str | None = None,
) -> Executable:
    """Compile a model for a target.

    Args:
        model: an ``nn.Module``, an ``ExportedProgram``, or the path of a ``.pt2``, ``.onnx`` or ``.mlir`` file; or a
            dictionary of entry points that share weights and states by name, each a :class:`stepwell.Entry` or
            (model, args).
        args, kwargs: example inputs of an ``nn.Module``, as ``torch.export.export`` takes them.
        target: ``"cpu"``, ``"cuda,arch=sm_90a"``, ... or a :class:`Target`.
        dynamic_shapes: which sizes may vary, as ``torch.export.export`` takes it.
        pipeline: passes to run instead of the target's own.
        dump_ir: a folder for the IR after every pass; with ``html`` its ``index.html`` shows the levels side by side.
        calibration: samples by which a target that computes in fixed point (``hls``) quantises a float model: the
            positional arguments of each call as a tuple, or keyword arguments as a dictionary. By default the example
            arguments, with a warning: a few typical calls give better ranges.
        cache: whether code may come from, and is kept in, the user's cache folder (``STEPWELL_CACHE``).
        fallback: ``"torch"`` lets PyTorch run what the target refuses, as regions of the executable, with a warning
            that counts them; such an executable can't be saved. By default a refused part refuses the model.

    Raises:
        stepwell.Error: with what was wrong, where, and what to do.
    """
    request = Request(model, args, kwargs, target, dynamic_shapes, pipeline, dump_ir, calibration, fallback, html)
    try:
        executable = request.compile(use_cache=cache)
    except UnsupportedError as refusal:
        if request.may_fall_back:
            refusal.hint = f"{refusal.hint or 'change the model'}; or run these parts in PyTorch by fallback='torch'"
        raise
    note = calibration_note(executable.report.notes) if executable.report and calibration is None else ""
    if note:
        warnings.warn(note, stacklevel=2)
    counted = fallback_warning(executable.report.notes) if executable.report else ""
    if counted:
        warnings.warn(counted, stacklevel=2)
    return executable


def lower(
    model: Source,
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    to: str = "tensor",
    target: str | Target = "cpu",
    dynamic_shapes: Any = None,
    pipeline: Pipeline | str | None = None,
    dump_ir: str | Path | None = None,
    html: bool = False,
    calibration: Iterable[Any] | None = None,
) -> ir.Module:
    """Walk a model down to level ``to`` (``graph``, ``tensor``, ``buffer``, ``backend``) and stop there.

    The module's weights stay reachable for :func:`stepwell.to_torch` as long as the module lives.
    """
    find_level(to)
    request = Request(model, args, kwargs, target, dynamic_shapes, pipeline, dump_ir, calibration, html=html)
    return request.lower(to).module


def load(folder: str | Path) -> Executable:
    """Load an artifact folder that :meth:`Executable.save` or ``stepwell compile`` wrote.

    Raises:
        ArtifactError: missing, damaged, or made for another target, CPU or version.
    """
    from stepwell.driver.artifact import load_artifact

    return load_artifact(Path(folder))


def pipeline(target: str | Target) -> Pipeline:
    """The target's own pipeline, to look at or to edit."""
    backend = find_backend(Target.parse(target).name)
    return backend.pipeline(backend.resolve(Target.parse(target)))


def start(
    model: Source,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any] | None,
    target: str | Target,
    dynamic_shapes: Any,
    pipeline: Pipeline | str | None,
    dump_ir: str | Path | None,
    calibration: Iterable[Any] | None = None,
) -> Compilation:
    """A compilation ready to be lowered; arguments as for :func:`compile`."""
    return Request(model, args, kwargs, target, dynamic_shapes, pipeline, dump_ir, calibration).start()
