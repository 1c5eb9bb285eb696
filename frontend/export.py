"""From an ``nn.Module`` to a decomposed ``ExportedProgram``, with torch's refusals in our words."""

from __future__ import annotations

import inspect
import io
import logging
import re
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import GraphModule
from torch.fx._lazy_graph_module import _use_lazy_graph_module
from torch.utils import _pytree as pytree

from stepwell.frontend.argument_checks import argument_checks_as_assertions
from stepwell.frontend.complex_pairs import without_complex
from stepwell.frontend.composite_operators import composite_operators_kept
from stepwell.frontend.composite_sizes import composites_of_any_size
from stepwell.frontend.custom_operators import custom_decompositions
from stepwell.frontend.decompositions.table import decomposition_table
from stepwell.frontend.equal_states import equal_states_apart
from stepwell.frontend.missing_shapes import missing_shapes
from stepwell.frontend.source_paths import innermost_frame
from stepwell.support.errors import Error, ImportFailure

_CONTROL_FLOW_HINT = (
    "replace the branch or loop on tensor values by torch.where or torch.cond, or pass the value as a Python constant"
)
_INDEX_HINT = (
    "a number of a tensor is used as a Python integer: index with a tensor of one element instead, as in "
    "cache[:, position[None]]; replace int(...), .item(), and branches on values by torch.where or torch.cond"
)
_LOGGERS = ("torch._subclasses.fake_tensor", "torch.export._trace", "torch.fx.experimental.symbolic_shapes")
_USER_CODE = re.compile(
    r"from user code:\n(.*)|User Stack:?\s*\n(.*)|The following call raised this error:\n(.*)|"
    r"Original traceback:\s*\n(.*)",
    re.DOTALL,
)
_TORCH = str(Path(torch.__file__).parent)
_STANDARD = sysconfig.get_path("stdlib")


def export_model(
    model: torch.nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None,
    dynamic_shapes: Any = None,
) -> ExportedProgram:
    """Run ``torch.export`` (non-strict) on ``model``.

    Raises:
        ImportFailure: data-dependent control flow, arguments that do not fit, shapes that break their constraints.
    """
    with _quiet(), missing_shapes(), argument_checks_as_assertions(), composites_of_any_size():
        try:
            distinct, keywords = _distinct(model, (tuple(args), kwargs))
            return torch.export.export(model, distinct, keywords, dynamic_shapes=dynamic_shapes, strict=False)
        except Error:
            raise
        except Exception as error:  # torch raises many kinds here, none of them a common base
            raise _explain(error, model, args, kwargs) from error


def _distinct(model: torch.nn.Module, arguments: Any) -> Any:
    """``arguments`` with every tensor an object of its own: torch.export takes one object for one input for ever."""
    seen = {id(tensor) for tensor in (*model.parameters(), *model.buffers())}

    def own(tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in seen:
            seen.add(id(tensor))
            return tensor
        return tensor.detach().clone().requires_grad_(tensor.requires_grad)

    return pytree.tree_map_only(torch.Tensor, own, arguments)


def decompose(exported: ExportedProgram) -> ExportedProgram:
    """Rewrite ``exported`` in the operators that lower to the tensor level; the argument stays as it is."""
    # Torch makes Python code of every graph on the way; lazy graphs wait until somebody calls them.
    with (
        _quiet(),
        missing_shapes(),
        argument_checks_as_assertions(),
        composites_of_any_size(),
        _views_as_reshapes(exported),
        equal_states_apart(exported),
        _use_lazy_graph_module(True),
        composite_operators_kept(),
    ):
        try:
            result: ExportedProgram = without_complex(exported).run_decompositions(
                decomposition_table() | custom_decompositions(exported)
            )
        except Exception as error:  # a user operator's fake kernel can raise anything
            raise ImportFailure(
                f"torch could not decompose the model: {_first_line(error)}",
                where=_user_line(error),
                hint=_shared_memory_hint(exported),
            ) from error
    return result


@contextmanager
def _views_as_reshapes(exported: ExportedProgram) -> Iterator[None]:
    """Without views that ask for strides: decomposed operators lay out their results in another way than kernels do."""
    graphs = [module for module in exported.graph_module.modules() if isinstance(module, GraphModule)]
    views = [node for graph in graphs for node in graph.graph.nodes if node.target is torch.ops.aten.view.default]
    for node in views:
        node.target = torch.ops.aten.reshape.default
    try:
        yield
    finally:
        for node in views:
            node.target = torch.ops.aten.view.default


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's warnings, and without the graph and the traceback that it shows before it raises."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    shown = io.StringIO()
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(shown):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
    sys.stderr.write(shown.getvalue())  # what the model itself has to say


def _explain(
    error: Exception, model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any] | None
) -> ImportFailure:
    text = str(error)
    kind = type(error).__name__
    where = _user_line(error)
    if "data-dependent" in text.lower() or kind.startswith("GuardOnDataDependent"):
        hint = _INDEX_HINT if "specialized integer" in text else _CONTROL_FLOW_HINT
        return ImportFailure(
            "the model's control flow or a shape depends on the values of tensors", where=where, hint=hint
        )
    if isinstance(error, TypeError) and not _fit(model, args, kwargs):
        name = type(model).__name__
        return ImportFailure(
            f"the example arguments do not fit {name}.forward: {_first_line(error)}",
            where=where,
            hint="pass the positional arguments as a tuple and the others as kwargs",
        )
    if "Constraints violated" in text or "constraint" in text.lower():
        return ImportFailure(
            f"the model does not keep the dynamic shapes asked for: {_condense(text)}",
            where=where,
            hint=_suggested_fixes(text) or "make the dimension static, or use Dim.AUTO",
        )
    opaque = re.search(r"Found <class '([^']+)'> in output", text)
    if opaque:
        return ImportFailure(
            f"the model returns a {opaque[1]}, which torch.export does not know",
            where=where,
            hint="register the class with torch.export.register_dataclass",
        )
    return ImportFailure(f"torch.export failed: {_condense(text) or kind}", where=where)


def _fit(model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> bool:
    """Whether ``forward`` can be called with as many and so named arguments."""
    try:
        inspect.signature(model.forward).bind(*args, **(kwargs or {}))
    except TypeError:
        return False
    return True


def _user_line(error: BaseException) -> str | None:
    """The model's source line: from torch's message, else from the traceback."""
    found = _USER_CODE.search("\n".join(str(part) for part in error.args))
    frame = innermost_frame(next((g for g in found.groups() if g), None)) if found else None
    if frame is None:
        trace, below = error.__traceback__, False
        while trace is not None:
            path = trace.tb_frame.f_code.co_filename
            standard = path.startswith(_STANDARD) and "site-packages" not in path
            if below and not standard and not path.startswith(("<", _TORCH)):
                frame = innermost_frame(f'File "{path}", line {trace.tb_lineno}')
            below, trace = below or path == __file__, trace.tb_next
    return f"{frame[0]}:{frame[1]}" if frame else None


def _shared_memory_hint(exported: ExportedProgram) -> str | None:
    """Torch can't make changes of buffers functional that share memory, and says so in other words."""
    owners: dict[int, str] = {}
    for name, value in {**exported.constants, **exported.state_dict}.items():
        if isinstance(value, torch.Tensor) and not isinstance(value, torch.nn.Parameter) and value.numel():
            other = owners.setdefault(value.untyped_storage()._cdata, name)
            if other != name:
                return f"buffers '{other}' and '{name}' share memory; if the model changes one, clone it first"
    return None


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _condense(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("For more information", "The error above", "File "))]
    return " ".join(kept[:3])[:400]


def _suggested_fixes(text: str) -> str | None:
    found = re.search(r"Suggested fixes:\s*(.*?)(?:\n\s*\n|$)", text, re.DOTALL)
    return "torch suggests " + "; ".join(found[1].split("\n")).strip() if found else None
