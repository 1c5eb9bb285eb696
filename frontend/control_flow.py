"""Higher-order operators at import: ``torch.cond`` becomes ``torch.prim.If``, ``while_loop`` ``torch.prim.Loop``."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.fx import Node
from torch_mlir import ir
from torch_mlir.extras.fx_importer import GraphNodeImporter


class ControlFlowImporter(GraphNodeImporter):  # type: ignore[misc]  # torch-mlir has no types
    """torch-mlir's importer of nodes with branches and loops."""

    def _import_hop_cond(self, loc: ir.Location, node: Node, hop: Any) -> None:
        """``cond(predicate, true_graph, false_graph, operands)``; the graphs are private functions by now."""
        predicate, *branches, operands = node.args
        values = [self._import_argument(loc, operand) for operand in operands]  # type: ignore[union-attr]
        types = [self._cc.value_info_to_type(value) for value in node.meta["val"]]
        with loc:
            condition = self._import_argument(loc, predicate)
            if str(condition.type) != "!torch.bool":
                condition = ir.Operation.create(
                    "torch.aten.Bool.Tensor", results=[self._cc.torch_bool_type], operands=[condition]
                ).result
            choice = ir.Operation.create("torch.prim.If", results=types, operands=[condition], regions=2)
            for region, branch in zip(choice.regions, branches, strict=True):
                graph = getattr(node.graph.owning_module, branch.target)  # type: ignore[union-attr, arg-type]
                name = self.fx_importer._graph_module_to_func_name[id(graph)]
                with ir.InsertionPoint(region.blocks.append()):
                    call = ir.Operation.create(
                        "func.call",
                        attributes={"callee": ir.FlatSymbolRefAttr.get(name)},
                        results=types,
                        operands=values,
                    )
                    ir.Operation.create("torch.prim.If.yield", operands=list(call.results))
        self._multi_result_nodes.add(node)
        for index, value in enumerate(choice.results):
            self.bind_node_value(node, value, index)

    def _import_hop_while_loop(self, loc: ir.Location, node: Node, hop: Any) -> None:
        """``while_loop(condition_graph, body_graph, carried, others)``; both graphs take carried values and others."""
        condition, body, carried, others = node.args
        starts = [self._import_argument(loc, value) for value in carried]  # type: ignore[union-attr]
        fixed = [self._import_argument(loc, value) for value in others]  # type: ignore[union-attr]
        types = [self._cc.value_info_to_type(value) for value in node.meta["val"]]
        with loc:
            starts = [_cast(start, kind) for start, kind in zip(starts, types, strict=True)]
            first = self._goes_on(node, condition, [*starts, *fixed])
            loop = ir.Operation.create(
                "torch.prim.Loop",
                results=types,
                operands=[_integer(torch.iinfo(torch.int64).max), _boolean(_hidden(first)), *starts],
                regions=1,
            )
            block = loop.regions[0].blocks.append(self._cc.torch_int_type, *types)
            with ir.InsertionPoint(block):
                given = [*list(block.arguments)[1:], *fixed]
                results = self._call(node, body, types, given)
                again = _boolean(self._goes_on(node, condition, [*results, *fixed]))
                ir.Operation.create("torch.prim.Loop.condition", operands=[again, *results])
        self._multi_result_nodes.add(node)
        for index, value in enumerate(loop.results):
            self.bind_node_value(node, value, index)

    def _goes_on(self, node: Node, condition: Any, values: list[ir.Value]) -> ir.Value:
        """The test before an iteration, a tensor of one truth value."""
        return self._call(node, condition, [ir.Type.parse("!torch.vtensor<[],i1>")], values)[0]

    def _call(self, node: Node, graph: Any, types: list[ir.Type], values: list[ir.Value]) -> list[ir.Value]:
        module = getattr(node.graph.owning_module, graph.target)
        name = self.fx_importer._graph_module_to_func_name[id(module)]
        callee = {"callee": ir.FlatSymbolRefAttr.get(name)}
        return list(ir.Operation.create("func.call", attributes=callee, results=types, operands=values).results)


def _cast(value: ir.Value, kind: ir.Type) -> ir.Value:
    """``value`` as a tensor of which less is known."""
    if value.type == kind:
        return value
    return ir.Operation.create("torch.tensor_static_info_cast", results=[kind], operands=[value]).result


def _integer(value: int) -> ir.Value:
    attribute = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), value)
    kind = ir.Type.parse("!torch.int")
    return ir.Operation.create("torch.constant.int", results=[kind], attributes={"value": attribute}).result


def _boolean(value: ir.Value) -> ir.Value:
    kind = ir.Type.parse("!torch.bool")
    return ir.Operation.create("torch.aten.Bool.Tensor", results=[kind], operands=[value]).result


def _hidden(test: ir.Value) -> ir.Value:
    """``test``, joined with a truth that upstream can't fold: a loop whose first test folds it takes for endless."""
    kind = ir.Type.parse("!torch.vtensor<[],f32>")
    zero = ir.DenseElementsAttr.get(np.zeros((), np.float32))
    literal = ir.Operation.create("torch.vtensor.literal", results=[kind], attributes={"value": zero}).result
    sine = ir.Operation.create("torch.aten.sin", results=[kind], operands=[literal]).result
    truth = ir.Operation.create("torch.aten.le.Scalar", results=[test.type], operands=[sine, _integer(2)]).result
    return ir.Operation.create("torch.aten.logical_and", results=[test.type], operands=[test, truth]).result
