"""Several entry points in one program, over one set of weights and states: prefill and decode of a decoder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch_mlir import ir

from stepwell.frontend.bindings import TensorStore
from stepwell.frontend.load import Exported, export_source, import_exported
from stepwell.frontend.program import Program
from stepwell.support.errors import ImportFailure, UsageError
from stepwell.support.kept_signatures import keep_signatures

_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Entry:
    """One entry point: a model and its example arguments, as :func:`stepwell.compile` takes them."""

    model: Any
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] | None = None
    dynamic_shapes: Any = None


def export_entries(entries: Mapping[str, Entry | tuple[Any, tuple[Any, ...]]]) -> list[Exported]:
    """The entry points of one program, exported; a pair stands for an entry of model and arguments.

    Raises:
        UsageError: no entry, a name that C can't have, or an ``.mlir`` file.
        ImportFailure: an entry can't be exported.
    """
    if not entries:
        raise UsageError("there is no entry to compile", hint="give name -> stepwell.Entry(model, args)")
    exported = []
    for name, given in entries.items():
        if not _NAME.fullmatch(name):
            raise UsageError(f"an entry can't be called '{name}'", hint="use letters, digits and underscores")
        entry = given if isinstance(given, Entry) else Entry(*given)
        if isinstance(entry.model, (str, Path)) and str(entry.model).endswith(".mlir"):
            raise UsageError(f"entry '{name}' is an .mlir file", hint="put all entries into one file")
        arguments = tuple(entry.args), dict(entry.kwargs or {})
        exported.append(export_source(entry.model, *arguments, dynamic_shapes=entry.dynamic_shapes, entry=name))
    return exported


def import_entries(exported: Sequence[Exported]) -> Program:
    """One program of all entry points. Weights and states of one name are one.

    Raises:
        ImportFailure: an entry can't be imported, or two disagree on a weight or state.
    """
    programs = {entry.entry: import_exported(entry) for entry in exported}
    _check_states(programs)
    first, *others = programs.values()
    owners = dict.fromkeys(first.parameters, next(iter(programs)))
    assert isinstance(first.parameters, TensorStore)
    for name, program in list(programs.items())[1:]:
        _move(program.module, first.module, name)
        _share(first.parameters, program, name, owners)
    for program in others:
        first.signatures.update(program.signatures)
        first.trees.update(program.trees)
    keep_signatures(first.module.operation, first.signatures)
    return first


def _move(source: ir.Module, target: ir.Module, entry: str) -> None:
    """Append the functions of ``source`` to ``target``, private ones under names of their own; contexts differ."""
    copy = ir.Module.parse(source.operation.get_asm(enable_debug_info=True), target.context)
    renamed: dict[str, ir.Attribute] = {}
    with target.context:
        for view in copy.body.operations:
            symbol = ir.StringAttr(view.operation.attributes["sym_name"]).value
            if symbol != entry:
                renamed[symbol] = ir.FlatSymbolRefAttr.get(f"{entry}.{symbol}")
                view.operation.attributes["sym_name"] = ir.StringAttr.get(f"{entry}.{symbol}")

        def call_renamed(op: ir.Operation) -> ir.WalkResult:
            if "callee" in op.attributes:
                callee = ir.FlatSymbolRefAttr(op.attributes["callee"]).value
                op.attributes["callee"] = renamed.get(callee, op.attributes["callee"])
            return ir.WalkResult.ADVANCE

        copy.operation.walk(call_renamed)
        for view in list(copy.body.operations):
            view.operation.detach_from_parent()
            target.body.append(view.operation)


def _share(store: TensorStore, program: Program, entry: str, owners: dict[str, str]) -> None:
    assert isinstance(program.parameters, TensorStore)
    store.constants.update(program.parameters.constants)
    store.ties.update(program.parameters.ties)
    for name in program.parameters:
        value = program.parameters.tensor(name)
        assert value is not None
        if name not in owners:
            owners[name] = entry
            store.add_tensor(name, value)
            continue
        mine = store.tensor(name)
        assert mine is not None
        same = mine.shape == value.shape and mine.dtype == value.dtype
        if mine is not value and not (same and torch.equal(mine, value)):
            what = "state" if name.startswith("state:") else "weight"
            raise ImportFailure(
                f"entries '{owners[name]}' and '{entry}' have different values for {what} '{name.split(':')[-1]}'",
                hint="entries share weights and states by name: make them from one model",
            )


def _check_states(programs: Mapping[str, Program]) -> None:
    """Refuse an entry that would read as a weight what another one changes."""
    writers = {spec.name: name for name, p in programs.items() for spec in p.signatures[name].states}
    for name, program in programs.items():
        for state, writer in writers.items():
            if state in program.parameters:
                raise ImportFailure(
                    f"entry '{name}' reads '{state}', which entry '{writer}' changes",
                    hint=f"write it in '{name}' as well, be it with the value that it has",
                )
