"""``.mlir`` files of any level as programs: boundary from types and attributes, weights from the file beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from torch_mlir import ir

from stepwell.dialects.context import make_context
from stepwell.dialects.registry import load_mentioned
from stepwell.frontend.program import Program
from stepwell.frontend.sign_integers import sign_integers
from stepwell.passes.graph.sign_integers import BITS
from stepwell.passes.levels import LEVELS
from stepwell.support import parameter_file
from stepwell.support.diagnostics import first_diagnostic
from stepwell.support.dtypes import known, of_element
from stepwell.support.errors import ImportFailure
from stepwell.support.kept_signatures import read_signatures
from stepwell.support.parameters import ParameterStore
from stepwell.support.signature import Dim, OutputRef, Signature, Size, TensorSpec
from stepwell.support.walk import operations

_TYPE = re.compile(r"!torch\.vtensor<\[([^\]]*)\],(.+)>|(?:tensor|memref)<((?:(?:\d+|\?)x)*)([^,x][^,]*).*>")
_DYNAMIC = Dim(None, 0, 0)
_LAYOUT = "stepwell.layout"

# Operations whose attributes name parameters.
_NAMING = {"stream.linear": ("weight", "bias"), "stream.weight": ("weight",)}


def load_mlir(path: Path) -> Program:
    """Read a module; its parameters are ``<stem>.safetensors`` or ``model.safetensors`` in the same folder.

    Raises:
        ImportFailure: no valid MLIR, no public function, or parameters without a value.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        raise ImportFailure(f"'{path}' can't be read: {failure}") from None
    return parse_program(text, _store(path), path.name)


def parse_program(text: str, store: ParameterStore, origin: str) -> Program:
    """A module from its text, with its parameters from ``store``; ``origin`` is what messages call it.

    Raises:
        ImportFailure: as :func:`load_mlir`.
    """
    context = make_context()
    try:
        with context:
            load_mentioned(context, text)
            module = ir.Module.parse(text)
    except ir.MLIRError as failure:
        what, where = first_diagnostic(failure)
        place = where.replace("-:", f"{origin}:", 1) if where else origin
        raise ImportFailure(f"'{origin}' is not valid MLIR: {what}", where=place) from None
    return program_of(module, store, origin)


def program_of(module: ir.Module, store: ParameterStore, origin: str) -> Program:
    """A module as a program: its boundary from types and attributes.

    Raises:
        ImportFailure: no public function, or parameters that ``store`` does not have.
    """
    signatures = _signatures(module, read_signatures(module.operation), origin)
    _check_parameters(origin, parameter_names(module, signatures), store)
    sign_integers(module)
    return Program(
        module=module,
        signatures=signatures,
        parameters=store,
        origin=origin,
        level=find_level(module),
        trees=dict.fromkeys(signatures, (None, None)),
    )


def _signatures(module: ir.Module, kept: dict[str, Signature], origin: str) -> dict[str, Signature]:
    """The boundary of every public function; where functions do not tell, of the ``kept`` ones."""
    functions = [view.operation for view in module.body.operations if _is_entry(view.operation)]
    found = {ir.StringAttr(op.attributes["sym_name"]).value: op for op in functions if op.name == "func.func"}
    if found:
        return {name: kept.get(name) or _signature(op) for name, op in found.items()}
    if kept:
        return kept
    if functions:
        name = ir.StringAttr(functions[0].attributes["sym_name"]).value
        raise ImportFailure(
            f"'{origin}' does not say what '{name}' takes: pointers alone don't tell",
            hint="start from a level above, or keep the module's attribute stepwell.signatures",
        )
    raise ImportFailure(f"'{origin}' has no public function", hint="the entry is a public func.func @main")


def find_level(module: ir.Module) -> str:
    """The level whose dialects ``module`` keeps to: ``graph``, ``tensor``, ``buffer``, ``hardware`` or ``backend``.

    Raises:
        ImportFailure: operations of several levels together.
    """
    names = {op.name for op in operations(module.operation)}
    fitting = [level.name for level in LEVELS.values() if all(level.allows(name) for name in names)]
    if "backend" in fitting:
        return "backend"  # the only level without func.func; the buffer level may call into LLVM as well
    memory = any(name.startswith(("memref.", "affine.load", "affine.store", "vector.load")) for name in names)
    if "tensor" in fitting and "buffer" in fitting:
        text = "" if memory else module.operation.get_asm(large_elements_limit=16)
        if "graph" in fitting and "!torch." in text:
            return "graph"  # what returns its arguments has no operation of the dialect
        return "buffer" if memory or "memref<" in text else "tensor"
    if not fitting:
        dialects = sorted({name.partition(".")[0] for name in names})
        raise ImportFailure(
            f"the module is at no single level: it has {', '.join(dialects)}",
            hint="lower it to one level with stepwell-opt first",
        )
    return fitting[0]


def _signature(function: ir.Operation) -> Signature:
    types = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value)
    inputs, states, results = [], [], []
    for index, (marks, kind) in enumerate(
        zip(_marks(function, "arg_attrs", len(types.inputs)), types.inputs, strict=True)
    ):
        if "stepwell.state" in marks:
            states.append(_spec(marks["stepwell.state"], kind))
        elif not any(mark.startswith("stepwell.") and mark != "stepwell.input" for mark in marks):
            inputs.append(_spec(marks.get("stepwell.input", f"arg{index}"), kind))
    for index, (marks, kind) in enumerate(
        zip(_marks(function, "res_attrs", len(types.results)), types.results, strict=True)
    ):
        if "stepwell.state" not in marks:
            results.append(_spec(marks.get("stepwell.output", str(index)), kind))
    return Signature(
        inputs=tuple(inputs),
        results=tuple(results),
        states=tuple(states),
        outputs=tuple(OutputRef("result", index) for index in range(len(results))),
        input_leaves=tuple(range(len(inputs))),
    )


def _marks(function: ir.Operation, name: str, count: int) -> list[dict[str, str]]:
    if name not in function.attributes:
        return [{} for _ in range(count)]
    return [
        {
            item.name: ir.StringAttr(item.attr).value if isinstance(item.attr, ir.StringAttr) else ""
            for item in ir.DictAttr(marks)
        }
        for marks in ir.ArrayAttr(function.attributes[name])
    ]


def _spec(name: str, kind: ir.Type) -> TensorSpec:
    found = _TYPE.fullmatch(str(kind))
    if found is None:
        raise ImportFailure(f"'{name}' has the type {kind}", hint="arguments and results of an entry are tensors")
    sizes, element = (found[1].split(","), found[2]) if found[2] else (found[3].split("x"), found[4])
    dtype = of_element(element)
    if not known(dtype):
        raise ImportFailure(f"'{name}' has the unknown element type {element}")
    shape: tuple[Size, ...] = tuple(_DYNAMIC if s.strip() == "?" else int(s) for s in sizes if s.strip())
    unsigned = dtype in BITS
    return TensorSpec(name, dtype.removeprefix("u") if unsigned else dtype, shape, unsigned=unsigned)


def _store(path: Path) -> ParameterStore:
    for beside in (path.with_suffix(".safetensors"), path.parent / "model.safetensors"):
        if beside.exists():
            return parameter_file.open_file(beside)
    return ParameterStore()


def parameter_names(module: ir.Module, signatures: Mapping[str, Signature]) -> list[str]:
    """The names in the parameter store that ``module`` reads, initial states among them, each once."""
    names = [f"state:{state.name}" for signature in signatures.values() for state in signature.states]
    made: set[str] = set()
    for view in module.body.operations:
        op = view.operation
        if "stepwell.prepare" in op.attributes:
            made.add(ir.StringAttr(op.attributes["stepwell.prepare"]).value)
        if op.name == "func.func":
            names += [mark["stepwell.parameter"] for mark in _marks(op, "arg_attrs", 0) if "stepwell.parameter" in mark]
    if _LAYOUT in module.operation.attributes:
        names += [item.name for item in ir.DictAttr(module.operation.attributes[_LAYOUT])]

    def visit(op: ir.Operation) -> ir.WalkResult:
        for attribute in _NAMING.get(op.name, ()):
            names.append(ir.StringAttr(op.attributes[attribute]).value)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return [name for name in dict.fromkeys(names) if name and name not in made]


def _check_parameters(origin: str, wanted: list[str], store: ParameterStore) -> None:
    missing = [name for name in wanted if name not in store]
    if missing:
        listed = ", ".join(f"'{name}'" for name in missing[:3]) + (" ..." if len(missing) > 3 else "")
        raise ImportFailure(
            f"'{origin}' needs {len(missing)} parameters that are in no file beside it: {listed}",
            hint=f"put them into {Path(origin).stem}.safetensors in the same folder, as stepwell lower -o does",
        )


def _is_entry(op: ir.Operation) -> bool:
    return op.name in ("func.func", "llvm.func") and not _is_private(op) and any(len(r.blocks) for r in op.regions)


def _is_private(op: ir.Operation) -> bool:
    return "sym_visibility" in op.attributes and ir.StringAttr(op.attributes["sym_visibility"]).value == "private"
