"""An ``.onnx`` file as a program: weights as parameters, operators as torch-mlir translates them."""

from __future__ import annotations

import importlib.util
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch_mlir import ir
from torch_mlir.passmanager import PassManager

from stepwell.dialects.context import make_context
from stepwell.frontend.mlir_file import program_of
from stepwell.frontend.program import Program
from stepwell.support.diagnostics import first_diagnostic
from stepwell.support.dtypes import from_numpy
from stepwell.support.errors import ImportFailure, ToolError, UnsupportedError
from stepwell.support.locations import describe_location
from stepwell.support.parameters import ParameterStore
from stepwell.support.signature import TensorSpec
from stepwell.support.walk import named, operations

_SMALLEST_OPSET = 13
_OPERATOR = re.compile(r'name = "onnx\.(\w+)"')
_OTHER_TYPE = re.compile(r"unresolved materialization from \('!torch\.(.*?)'\) to \('!torch\.(.*?)'\)")
_FLOATS = ("FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16")


def load_onnx(path: Path) -> Program:
    """Read an ONNX model; initialisers of floating-point numbers and of quantised ones become parameters.

    Raises:
        ToolError: the package ``onnx`` is missing. ImportFailure: no valid file, or one of an old version.
        UnsupportedError: an operator that can't be translated.
    """
    if importlib.util.find_spec("onnx") is None:
        raise ToolError("reading ONNX files needs the package onnx", hint="pip install 'stepwell[onnx]'")
    from stepwell.frontend.onnx.bodies import expanded, has_branches, prepared, with_body
    from stepwell.frontend.onnx.fold import folded

    model = prepared(_read(path))
    if has_branches(model):  # torch-mlir's translation of a body may end the process at one
        model = folded(model)
    while True:
        try:
            return _program(model, path)
        except _NotTranslated as failure:
            changed = folded(expanded(model, with_body(model, failure.operators)))
            if [node.op_type for node in changed.graph.node] == [node.op_type for node in model.graph.node]:
                raise failure.reason from None
            model = changed


def _program(model: Any, path: Path) -> Program:
    from stepwell.frontend.onnx.fold import folded
    from stepwell.frontend.onnx.mistranslated import corrected
    from stepwell.frontend.onnx.quantised import in_steps, keep_static, with_arithmetic
    from stepwell.frontend.onnx.ranks import check_ranks, unknown_rank
    from stepwell.frontend.onnx.reshapes import with_sizes
    from stepwell.frontend.onnx.shapes import with_types
    from stepwell.frontend.onnx.types import check_types

    model = with_types(with_sizes(corrected(in_steps(model))))
    if unknown_rank(model) is not None:
        model = with_types(with_sizes(corrected(folded(model))))
    arithmetic = with_arithmetic(model)
    model = model if arithmetic is model else with_types(arithmetic)
    check_types(model)
    check_ranks(model)
    keep_static(model.graph)
    store = _take_weights(model.graph)
    module = _import(model, path)
    function = named(module.operation, "func.func")[0]
    _name_arguments(function, [value.name for value in model.graph.input], [v.name for v in model.graph.output], store)
    _translate(module, path)
    return program_of(module, store, path.name)


class _NotTranslated(Exception):
    """Operators that torch-mlir does not translate, and what is said where there is no other way."""

    def __init__(self, operators: set[str], reason: UnsupportedError) -> None:
        super().__init__(str(reason))
        self.operators = operators
        self.reason = reason


def _read(path: Path) -> Any:
    import onnx

    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as failure:  # protobuf, the checker and missing external data raise of their own
        first = next(iter(str(failure).splitlines()), type(failure).__name__)
        raise ImportFailure(f"'{path}' is not a valid ONNX model: {first[:200]}") from None
    version = next((opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")), 0)
    if version == 0:
        domains = ", ".join(f"'{opset.domain}'" for opset in model.opset_import)
        raise UnsupportedError(
            f"'{path}' has operators of {domains} only, none of ONNX's standard",
            hint="of the operators of ONNX those of the domain '' are read, and QONNX's",
        )
    if version < _SMALLEST_OPSET:
        raise ImportFailure(
            f"'{path}' is of opset {version}; {_SMALLEST_OPSET} is the oldest that is read",
            hint="convert it with onnx.version_converter.convert_version",
        )
    return model


def _take_weights(graph: Any) -> ParameterStore:
    """Make inputs of the initialisers that are weights, and parameters of their values; others stop being inputs."""
    from onnx import TensorProto, helper, numpy_helper

    from stepwell.frontend.onnx.quantised import is_kept
    from stepwell.frontend.onnx.shapes import is_quantising

    settings = {name for node in graph.node if is_quantising(node) or is_kept(node) for name in node.input[1:]}
    stored = {node.input[0] for node in graph.node if is_kept(node)}
    kinds = {getattr(TensorProto, name) for name in _FLOATS}
    store = ParameterStore()
    kept = {tensor.name: tensor for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in kept]
    weights = [
        tensor
        for tensor in graph.initializer
        if (tensor.data_type in kinds or tensor.name in stored) and len(tensor.dims) > 0 and tensor.name not in settings
    ]
    for tensor in weights:
        array = np.ascontiguousarray(numpy_helper.to_array(tensor))
        spec = TensorSpec(tensor.name, from_numpy(array.dtype), tuple(array.shape))
        store.add(tensor.name, partial(np.asarray, array), spec)
        inputs.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
        graph.initializer.remove(tensor)
    del graph.input[:]
    graph.input.extend(inputs)
    return store


def _import(model: Any, path: Path) -> ir.Module:
    from torch_mlir.extras import onnx_importer

    info = onnx_importer.ModelInfo(model)
    context = make_context()
    module = info.create_module(context=context)
    try:
        with context, ir.Location.unknown():
            importer = onnx_importer.NodeImporter.define_function(info.main_graph, module.operation)
            importer.import_all()
    except onnx_importer.OnnxImportError as failure:
        raise ImportFailure(f"'{path}' can't be imported: {str(failure).splitlines()[0][:200]}") from failure
    return module


def _name_arguments(function: ir.Operation, inputs: list[str], outputs: list[str], store: ParameterStore) -> None:
    """Argument and result names as the contracts want them; the entry is ``main``."""
    with function.context:
        names = [("stepwell.parameter" if name in store else "stepwell.input", name) for name in inputs]
        function.attributes["arg_attrs"] = _named(names)
        function.attributes["res_attrs"] = _named([("stepwell.output", name) for name in outputs])
        function.attributes["sym_name"] = ir.StringAttr.get("main")


def _named(pairs: list[tuple[str, str]]) -> ir.ArrayAttr:
    return ir.ArrayAttr.get([ir.DictAttr.get({key: ir.StringAttr.get(name)}) for key, name in pairs])


def _translate(module: ir.Module, path: Path) -> None:
    """ONNX's operators to those of the torch dialect."""
    from stepwell.frontend.onnx import linear_quantisation, qonnx
    from stepwell.frontend.onnx.replace import replace

    with module.context, ir.Location.unknown():
        try:
            # Canonical, for what is computed from constants is a constant then: sizes of borders, axes.
            pipeline = "builtin.module(func.func(convert-torch-onnx-to-torch,canonicalize))"
            PassManager.parse(pipeline).run(module.operation)
        except ir.MLIRError as failure:
            what, where = first_diagnostic(failure)
            operators = set(_OPERATOR.findall(str(failure)))
            name = f"the ONNX operator '{operators.pop()}'" if len(operators) == 1 else "an operator"
            reason = UnsupportedError(f"'{path}' has {name}, which can't be translated: {what}", where=where)
            other = _OTHER_TYPE.search(what)
            if other is not None:
                reason = UnsupportedError(
                    f"'{path}' declares a result as {other[2]} that is computed as {other[1]}",
                    where=where,
                    hint="declare sizes that depend on values by a name",
                )
            raise _NotTranslated(set(_OPERATOR.findall(str(failure))), reason) from None
        for function in named(module.operation, "func.func"):
            replace(function, {**qonnx.MAKERS, **linear_quantisation.MAKERS})
            _check_translated(function)


def _check_translated(function: ir.Operation) -> None:
    left: dict[str, ir.Operation] = {}
    for op in operations(function):
        name = str(ir.StringAttr(op.attributes["name"]).value) if op.name == "torch.operator" else ""
        if name.startswith("onnx."):
            left.setdefault(name.removeprefix("onnx."), op)
    if not left:
        return
    name, op = next(iter(left.items()))
    reason = UnsupportedError(
        f"the ONNX operator '{name}' is not translated for these types",
        where=describe_location(op.location),
        hint="export the model from PyTorch instead, or without this operator",
    )
    raise _NotTranslated(set(left), reason)
