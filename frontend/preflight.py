"""Refuse before failing: what of a program a target can't take, all of it, before any lowering."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch_mlir import ir

from stepwell.frontend.isolate import Isolated, is_operator, isolate, lowers, operator_name
from stepwell.frontend.program import Program
from stepwell.frontend.take_apart import UNSOUND, take_apart
from stepwell.passes.base import PassContext
from stepwell.passes.levels import check_level
from stepwell.passes.runner import run_element
from stepwell.passes.stages import graph_stage, tensor_stage
from stepwell.support.dtypes import of_element
from stepwell.support.errors import Error, InternalError, UnsupportedError
from stepwell.support.locations import describe_location
from stepwell.support.lowerings import find_lowering
from stepwell.support.signature import Dim
from stepwell.support.walk import operations

#: What stands around operators on complex numbers that the frontend has left as they are.
_PAIRS = frozenset({"torch.aten.view_as_complex", "torch.aten.view_as_real", "torch.aten.resolve_conj"})
_ELEMENT = re.compile(r"!torch\.vtensor<\[[^\]]*\],([\w<>]+)>")


class Takes(Protocol):
    """What preflight asks of a target; ``backends.base.Capabilities`` is one."""

    @property
    def dtypes(self) -> frozenset[str]:
        """Element types by their MLIR names."""

    @property
    def dynamic_shapes(self) -> bool:
        """Whether sizes may be known only when run."""

    @property
    def operators(self) -> frozenset[str] | None:
        """The torch operators taken, or None for whatever lowers to the tensor level."""

    @property
    def states(self) -> bool:
        """Whether mutable buffers are taken."""


@dataclass
class Finding:
    """One kind of thing that the target can't take.

    Attributes:
        kind: ``operator``, ``dtype``, ``dynamic shape`` or ``state``.
        what: the operator, dtype or size by name.
        node: the first FX node concerned; where: its source line.
        hint: the nearest way out.
    """

    kind: str
    what: str
    count: int
    node: str
    where: str
    hint: str


@dataclass
class Report:
    """The findings about one program, most frequent first; empty means that nothing stands in the way."""

    findings: list[Finding] = field(default_factory=list)

    def table(self) -> str:
        """The findings in aligned columns."""
        header = ("kind", "what", "count", "FX node", "source", "way out")
        rows = [header] + [(f.kind, f.what, str(f.count), f.node, f.where, f.hint) for f in self.findings]
        widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
        return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)

    def add(self, kind: str, what: str, op: ir.Operation | None, hint: str) -> None:
        """Count one more ``what``; the first one gives the place."""
        for finding in self.findings:
            if (finding.kind, finding.what) == (kind, what):
                finding.count += 1
                return
        node, where = _place(op)
        self.findings.append(Finding(kind, what, 1, node, where, hint))


def check(program: Program, takes: Takes, target: str) -> Report:
    """Look for everything in ``program`` that a target can't take.

    Whether an operator lowers is not guessed: a copy of the program goes down to the tensor level. Where that fails,
    each operator is tried by itself: in ``program`` those are taken apart for which PyTorch has a decomposition, which
    an ONNX or MLIR file has not been through, and what is left is found.

    Args:
        takes: the target's capabilities.
        target: its name, for the message.

    Raises:
        UnsupportedError: with one table of all findings.
    """
    report = Report()
    _check_boundary(program, takes, report)
    if program.level == "graph":
        _check_dtypes(program.module, takes, report)
        if takes.operators is not None:
            _check_names(program.module, takes.operators, target, report)
        if not _check_complex(program.module, report) or not _goes_down_apart(program.module):
            _check_each(program.module, report)
    if report.findings:
        report.findings.sort(key=lambda finding: -finding.count)
        kinds = ", ".join(dict.fromkeys(finding.kind for finding in report.findings))
        raise UnsupportedError(
            f"target '{target}' can't take this model ({kinds}):\n{report.table()}",
            hint="nothing was lowered; change the model or choose another target",
        )
    return report


def refusal(program: Program, takes: Takes) -> str | None:
    """Why a target can't take a program that is so small that nobody asks which part of it; None if it can."""
    report = Report()
    _check_boundary(program, takes, report)
    _check_dtypes(program.module, takes, report)
    if report.findings:
        return f"{report.findings[0].kind} {report.findings[0].what}"
    if any(_is_complex(op) for op in operations(program.module.operation)):
        return "complex numbers"
    return None if _goes_down(program.module) else "it does not lower"


def _check_boundary(program: Program, takes: Takes, report: Report) -> None:
    for signature in program.signatures.values():
        for spec in (*signature.inputs, *signature.states):
            if not takes.dynamic_shapes and any(isinstance(size, Dim) for size in spec.shape):
                report.add("dynamic shape", str(spec), None, "export this input with static sizes")
            if program.level != "graph" and spec.dtype not in takes.dtypes:
                report.add("dtype", spec.dtype, None, f"convert '{spec.name}' to {_nearest(spec.dtype, takes)}")
        for state in signature.states:
            if not takes.states:
                report.add("state", state.name, None, "pass the buffer as an argument and return its new value")


def _check_dtypes(module: ir.Module, takes: Takes, report: Report) -> None:
    for op in operations(module.operation):
        if op.name in _PAIRS:
            continue
        values = op.regions[0].blocks[0].arguments if op.name == "func.func" else op.results
        types = [_ELEMENT.fullmatch(str(value.type)) for value in values]
        for element in dict.fromkeys(found[1] for found in types if found):
            dtype = of_element(element)
            if dtype not in takes.dtypes:
                report.add("dtype", dtype, op, f"convert to {_nearest(dtype, takes)} first")


def _check_complex(module: ir.Module, report: Report) -> bool:
    """Whether the frontend has left no operator on complex numbers."""
    left = [op for op in operations(module.operation) if _is_complex(op)]
    for op in left:
        if op.name not in _PAIRS and is_operator(op):
            what = "it has no form in real numbers; write it in simpler operators"
            report.add("operator", operator_name(op), op, what)
    return not left


def _is_complex(op: ir.Operation) -> bool:
    return op.name.startswith("torch.") and any("complex<" in str(v.type) for v in (*op.operands, *op.results))


def _check_names(module: ir.Module, operators: frozenset[str], target: str, report: Report) -> None:
    for op in operations(module.operation):
        name = operator_name(op)
        if is_operator(op) and name not in operators:
            report.add("operator", name, op, f"compile this part for another target than '{target}'")


def _goes_down_apart(module: ir.Module) -> bool:
    """Whether ``module`` goes down, if need be once its operators are taken apart as PyTorch's decompositions do."""
    unsound = any(op.name in UNSOUND for op in operations(module.operation))
    if not unsound and _goes_down(module):
        return True
    return (take_apart(module) > 0 or unsound) and _goes_down(module)


def _goes_down(module: ir.Module) -> bool:
    copy = module.operation.clone()
    context = PassContext()
    with module.context, ir.Location.unknown():
        try:
            for stage in (graph_stage(), tensor_stage()):
                for element in stage.elements:
                    run_element(element, copy, context)
                copy.verify()  # upstream lowers some operators to something invalid
                check_level(copy, stage.level)
        except InternalError:
            return True  # the real run names the pass that crashes, and leaves a reproducer
        except (Error, ir.MLIRError):
            return False
    return True


def _check_each(module: ir.Module, report: Report) -> None:
    with module.context, ir.Location.unknown():
        verdicts: dict[str, str | None] = {}
        for op in operations(module.operation):
            if not is_operator(op):
                continue
            if _is_complex(op):
                continue  # upstream's lowerings crash at some
            if find_lowering(operator_name(op)) is not None:
                continue  # what is wrong with a user's lowering, the real run says
            alone = isolate(op)
            if alone is None:
                continue
            if alone.text not in verdicts:
                verdicts[alone.text] = _verdict(alone, operator_name(op))
            verdict = verdicts[alone.text]
            if verdict is not None:
                kind, _, hint = verdict.partition(": ")
                types = f" on {alone.types}" if kind != "operator" else ""
                report.add(kind, operator_name(op) + types, op, hint)


def _verdict(alone: Isolated, name: str) -> str | None:
    """None if the operator lowers, else ``kind: way out``, found by trying it with other types."""
    if lowers(alone.text):
        return None
    floats = alone.with_float32()
    if _counts_elements(name, alone.text):
        return "operator: the size of its result depends on numbers; choose by torch.where, which keeps sizes"
    static = alone.with_static_sizes()
    if static != alone.text and lowers(static):
        return "dynamic shape: make the dynamic dimension static here"
    if floats != alone.text and lowers(floats):
        return "dtype: convert the operands to float32 first"
    if _draws_random_numbers(name):
        return "operator: call the model's eval(), or pass the random numbers in as an input"
    namespace, operator = name.split(".", 1)
    if namespace in ("aten", "prim", "prims"):
        return "operator: write it in simpler operators"
    return f"operator: register a lowering: @stepwell.register_lowering('{namespace}::{operator}')"


def _draws_random_numbers(name: str) -> bool:
    """Whether PyTorch's generator decides what the operator ``aten.NAME[.OVERLOAD]`` gives."""
    return torch.Tag.nondeterministic_seeded in _tags(name)


def _counts_elements(name: str, text: str) -> bool:
    """Whether the result's size is that of no operand: upstream loops for ever where such a size is made static."""
    masked = name.startswith("aten.index.Tensor") and ",i1>" in text
    return masked or (not name.startswith("aten.index") and torch.Tag.dynamic_output_shape in _tags(name))


def _tags(name: str) -> list[torch.Tag]:
    namespace, operator, overload = (*name.split(".", 2), "default")[:3]
    packet = getattr(getattr(torch.ops, namespace), operator, None)
    known = getattr(packet, overload, None)
    return list(known.tags) if known is not None else []


def _place(op: ir.Operation | None) -> tuple[str, str]:
    if op is None:
        return "-", "-"
    name = re.match(r'loc\("((?:[^"\\]|\\.)*)"\(', str(op.location))
    return (name[1] if name else "-"), describe_location(op.location)


def _nearest(dtype: str, takes: Takes) -> str:
    wanted = ("f32", "f64", "f16", "i8") if dtype.startswith(("f", "bf", "complex")) else ("i32", "i64", "i8", "f32")
    return next((name for name in wanted if name in takes.dtypes), "a dtype that it takes")
