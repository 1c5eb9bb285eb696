"""From a decomposed ``ExportedProgram`` to the graph level: weights as arguments, locations that name the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.export import ExportedProgram
from torch.fx import Node
from torch_mlir import ir
from torch_mlir.extras.fx_importer import (
    TORCH_DTYPE_TO_MLIR_TYPE,
    ContextCache,
    FxImporter,
    FxImporterHooks,
    GraphNodeImporter,
)

from stepwell.dialects.context import make_context
from stepwell.frontend.assertions import assertions_on_numbers
from stepwell.frontend.bindings import Bindings, bind, to_numpy
from stepwell.frontend.boundary import Boundary, build_boundary
from stepwell.frontend.control_flow import ControlFlowImporter
from stepwell.frontend.number_operands import numbers_to_tensors
from stepwell.frontend.program import DimensionHints, Program
from stepwell.frontend.sign_integers import has_unsigned, sign_integers, sign_types
from stepwell.frontend.source_paths import describe_node, innermost_frame
from stepwell.frontend.symbolic_floats import operators_on_floats
from stepwell.frontend.views import split_views
from stepwell.support import dtypes
from stepwell.support.carried import SIGNED
from stepwell.support.errors import ImportFailure
from stepwell.support.kept_signatures import keep_signatures

_NUMBERS = {
    "!torch.int": ("!torch.vtensor<[],si64>", "torch.aten.Int.Tensor"),
    "!torch.float": ("!torch.vtensor<[],f64>", "torch.aten.Float.Tensor"),
    "!torch.bool": ("!torch.vtensor<[],i1>", "torch.aten.Bool.Tensor"),
}


class _Cache(ContextCache):  # type: ignore[misc]  # torch-mlir has no types
    """Locations as ``loc("FX node"("file":line:0))`` with paths that do not depend on the machine."""

    __slots__ = ()

    def dtype_to_type(self, dtype: torch.dtype) -> ir.Type:
        with self._c:
            return ir.Type.parse(dtypes.from_torch(dtype)) if dtype in SIGNED else super().dtype_to_type(dtype)

    def get_node_location(self, node: Node) -> ir.Location:
        frame = innermost_frame(node.meta.get("stack_trace"))
        with self._c:
            place = ir.Location.file(frame[0], frame[1], 0) if frame else ir.Location.unknown()
            return ir.Location.name(node.name, place)


class _Hooks(FxImporterHooks):  # type: ignore[misc]  # torch-mlir has no types
    """Literals inline: the importer's own resources are held by address and print under names that may change."""

    def resolve_literal(self, gni: GraphNodeImporter, literal: Any, info: Any) -> ir.Value | None:
        if not isinstance(literal, torch.Tensor) or literal.numel() == 1:
            return None
        element = TORCH_DTYPE_TO_MLIR_TYPE[literal.dtype]()
        array = to_numpy(literal)
        if array.dtype.name in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
            bits = np.ascontiguousarray(array).view(f"uint{8 * array.dtype.itemsize}")
            values: ir.Attribute = ir.DenseElementsAttr.get(bits, type=element, shape=list(array.shape))
        else:
            values = ir.DenseElementsAttr.get(array, type=element, shape=list(array.shape))
        result = gni._cc.tensor_to_vtensor_type(literal)
        return ir.Operation.create("torch.vtensor.literal", results=[result], attributes={"value": values}).result


def import_program(
    program: ExportedProgram, *, origin: str, entry: str = "main", hints: DimensionHints | None = None
) -> Program:
    """Import ``program``, which :func:`stepwell.frontend.export.decompose` made; it is changed on the way.

    Raises:
        ImportFailure: an input, output or node that has no form at the graph level.
    """
    assertions_on_numbers(program)
    bound = bind(program)
    split_views(program)
    unsigned = has_unsigned(program)
    if unsigned:
        sign_types(program)
    operators_on_floats(program)
    numbers_to_tensors(program)
    boundary = build_boundary(program, bound, hints or DimensionHints())
    context = make_context()
    importer = FxImporter(context=context, hooks=_Hooks(), graph_node_importer_cls=ControlFlowImporter)
    importer._cc = _Cache(context, py_attr_tracker=importer._py_attr_tracker)
    with context:
        try:
            importer.import_program(program, func_name=entry)
        except (NotImplementedError, AssertionError, TypeError, KeyError, RuntimeError, ValueError) as error:
            raise _explain(error, program) from error
        _finish(importer.module, entry, bound, boundary)
    if unsigned:
        sign_integers(importer.module)
    keep_signatures(importer.module.operation, {entry: boundary.signature})
    return Program(
        module=importer.module,
        signatures={entry: boundary.signature},
        parameters=bound.parameters,
        origin=origin,
        trees={entry: boundary.trees},
    )


def _finish(module: ir.Module, entry: str, bound: Bindings, boundary: Boundary) -> None:
    """Numbers become 0-d tensors; arguments and results get the names that the contracts ask for."""
    function = next(op for op in module.body.operations if op.operation.attributes["sym_name"].value == entry)
    block = function.regions[0].blocks[0]
    _numbers_in(block)
    _numbers_out(block)
    signature = boundary.signature
    arguments = [("stepwell.input", spec.name) for spec in signature.inputs]
    arguments += [("stepwell.state", name) for name, _ in bound.states]
    arguments += [("stepwell.parameter", name) for name, _ in bound.weights]
    results = [("stepwell.output", spec.name) for spec in signature.results]
    results += [("stepwell.state", name) for name, _ in bound.states]
    function.operation.attributes["arg_attrs"] = _named(arguments)
    function.operation.attributes["res_attrs"] = _named(results)
    types = ir.FunctionType.get(
        [argument.type for argument in block.arguments],
        [operand.type for operand in block.operations[len(block.operations) - 1].operands],
    )
    function.operation.attributes["function_type"] = ir.TypeAttr.get(types)
    function.operation.verify()


def _named(pairs: list[tuple[str, str]]) -> ir.ArrayAttr:
    return ir.ArrayAttr.get([ir.DictAttr.get({key: ir.StringAttr.get(name)}) for key, name in pairs])


def _numbers_in(block: ir.Block) -> None:
    for argument in block.arguments:
        if str(argument.type) not in _NUMBERS:
            continue
        tensor, operation = _NUMBERS[str(argument.type)]
        number = argument.type
        with ir.InsertionPoint.at_block_begin(block), argument.location:
            op = ir.Operation.create(operation, results=[number], operands=[argument])
        argument.replace_all_uses_except(op.result, op)
        argument.set_type(ir.Type.parse(tensor))


def _numbers_out(block: ir.Block) -> None:
    returned = block.operations[len(block.operations) - 1]
    for index, operand in enumerate(list(returned.operands)):
        if str(operand.type) not in _NUMBERS:
            continue
        kind = str(operand.type)
        with ir.InsertionPoint(returned), returned.location:
            tensor = ir.Type.parse(_NUMBERS[kind][0])
            if kind == "!torch.bool":
                integer = ir.Type.parse("!torch.int")
                operand = ir.Operation.create("torch.aten.Int.bool", results=[integer], operands=[operand]).result
                wide = ir.Type.parse(_NUMBERS["!torch.int"][0])
                operand = ir.Operation.create(
                    "torch.prim.NumToTensor.Scalar", results=[wide], operands=[operand]
                ).result
                zero = ir.Operation.create(
                    "torch.constant.int",
                    results=[integer],
                    attributes={"value": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), 0)},
                ).result
                result = ir.Operation.create("torch.aten.ne.Scalar", results=[tensor], operands=[operand, zero]).result
            else:
                name = "torch.prim.NumToTensor.Scalar"
                result = ir.Operation.create(name, results=[tensor], operands=[operand]).result
            returned.operands[index] = result


def _explain(error: Exception, program: ExportedProgram) -> ImportFailure:
    """Name the node that the importer stopped at."""
    text = (str(error).splitlines() or [type(error).__name__])[0][:200]
    where = next(
        (describe_node(n) for n in program.graph.nodes if n.op == "call_function" and n.name in str(error)), None
    )
    return ImportFailure(f"the graph could not be imported: {text}", where=where)
