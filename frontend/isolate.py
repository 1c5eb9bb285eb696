"""One operator by itself, as a module of its own, to ask torch-mlir whether it lowers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from torch_mlir import ir

from stepwell.passes.base import PassContext
from stepwell.passes.levels import check_level
from stepwell.passes.runner import run_element
from stepwell.passes.stages import graph_stage, tensor_stage
from stepwell.support.errors import Error, InternalError

# Bookkeeping of the torch dialect: constants, lists, sizes. Every target gets rid of them.
_PLUMBING = re.compile(
    r"torch\.(constant\.\w+|prim\.\w+(\.\w+)?|aten\.size\.int|aten\.(Int|Float|Bool)\.\w+|"
    r"aten\.\w+\.(int|float)|vtensor\.literal|symbolic_int|bind_symbolic_shape|derefine|tensor_static_info_cast|"
    r"runtime\.assert|aten\._assert_tensor_metadata)"
)
_LIST = "torch.prim.ListConstruct"
_FLOATS = re.compile(r"(?<=\],)(bf16|f16|f64)(?=>)")


@dataclass(frozen=True)
class Isolated:
    """A module with one function around one operator.

    Attributes:
        text: the module without locations; equal text means an equal answer.
        types: the operator's tensor types, for messages.
        arguments: what the function takes, in the module that the operator stands in.
        last: the operation there whose results it gives: the operator, or what takes its list apart.
    """

    text: str
    types: str
    arguments: tuple[ir.Value, ...]
    last: ir.Operation

    def with_static_sizes(self) -> str:
        """The same operator at static sizes."""
        return re.sub(r"(?<=[\[,])\?(?=[,\]])", "4", self.text)

    def with_float32(self) -> str:
        """The same operator on float32."""
        return _FLOATS.sub("f32", self.text)


def is_operator(op: ir.Operation) -> bool:
    """Whether ``op`` computes tensors in the torch dialect, and is not bookkeeping or control flow."""
    return op.name.startswith("torch.") and not _PLUMBING.fullmatch(op.name) and len(op.regions) == 0


def operator_name(op: ir.Operation) -> str:
    """``aten.add.Tensor`` of ``torch.aten.add.Tensor``; the registered name of a custom operator."""
    if op.name == "torch.operator":
        return str(ir.StringAttr(op.attributes["name"]).value).removeprefix("torch.")
    return str(op.name).removeprefix("torch.")


def isolate(op: ir.Operation) -> Isolated | None:
    """``op`` with its constants; its other operands become arguments. None where it can't stand alone."""
    module = ir.Module.create()
    arguments: list[ir.Value] = []
    _collect(op, arguments)
    unpack = _unpack_of(op)
    results = list((unpack or op).results)
    if any("list" in str(result.type) for result in results):
        return None
    with ir.InsertionPoint(module.body):
        types = ir.FunctionType.get([value.type for value in arguments], [result.type for result in results])
        function = ir.Operation.create(
            "func.func",
            attributes={
                "sym_name": ir.StringAttr.get("main"),
                "function_type": ir.TypeAttr.get(types),
                "torch.assume_strict_symbolic_shapes": ir.UnitAttr.get(),
            },
            regions=1,
        )
    block = function.regions[0].blocks.append(*types.inputs)
    mapping = {value: block.arguments[index] for index, value in enumerate(arguments)}
    with ir.InsertionPoint(block):
        last = _copy(op, mapping)
        if unpack is not None:
            last = _copy(unpack, {**mapping, op.results[0]: last.results[0]})
        ir.Operation.create("func.return", operands=list(last.results))
    shown = [str(v.type) for v in (*op.operands, *op.results) if "vtensor" in str(v.type)]
    types_text = ", ".join(
        re.sub(r"!torch\.vtensor<\[([^\]]*)\],(\w+)>", r"[\1]\2", text) for text in dict.fromkeys(shown)
    )
    return Isolated(module.operation.get_asm(), types_text, tuple(arguments), unpack or op)


def lowers(text: str) -> bool:
    """Whether the module goes down to the tensor level; asked in the current context."""
    context = PassContext()
    try:
        module = ir.Module.parse(text).operation
        for stage in (graph_stage(), tensor_stage()):
            for element in stage.elements:
                run_element(element, module, context)
            module.verify()
            check_level(module, stage.level)
    except InternalError:
        return True  # a pass that crashes says nothing about the operator; the real run will name it
    except (Error, ir.MLIRError):
        return False
    return True


def _is_inline(op: ir.Operation | None) -> bool:
    return op is not None and (op.name.startswith("torch.constant.") or op.name in (_LIST, "torch.vtensor.literal"))


def _definition(value: ir.Value) -> ir.Operation | None:
    owner = value.owner
    return None if isinstance(owner, ir.Block) else owner.operation


def _collect(op: ir.Operation, arguments: list[ir.Value]) -> None:
    for operand in op.operands:
        owner = _definition(operand)
        if owner is not None and _is_inline(owner):
            _collect(owner, arguments)
        elif operand not in arguments:
            arguments.append(operand)


def _copy(op: ir.Operation, mapping: dict[ir.Value, ir.Value]) -> ir.Operation:
    operands = []
    for operand in op.operands:
        if operand not in mapping:
            owner = _definition(operand)
            assert owner is not None
            mapping[operand] = _copy(owner, mapping).results[0]
        operands.append(mapping[operand])
    created = op.clone().operation
    for index, operand in enumerate(operands):
        created.operands[index] = operand
    return created


def _unpack_of(op: ir.Operation) -> ir.Operation | None:
    """The operation that takes the list apart which ``op`` returns."""
    if len(op.results) != 1 or "list" not in str(op.results[0].type):
        return None
    users = [use.owner.operation for use in op.results[0].uses]
    return users[0] if len(users) == 1 and users[0].name == "torch.prim.ListUnpack" else None
