"""Higher-order operators at import: ``torch.cond`` becomes ``torch.prim.If``; the others are refused."""

from __future__ import annotations

from typing import Any

from torch.fx import Node
from torch_mlir import ir
from torch_mlir.extras.fx_importer import GraphNodeImporter

from stepwell.frontend.source_paths import describe_node
from stepwell.support.errors import ImportFailure


class ControlFlowImporter(GraphNodeImporter):  # type: ignore[misc]  # torch-mlir has no types
    """torch-mlir's importer of nodes with branches."""

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
        # Upstream drops the condition of a loop whose first test folds to true: an endless loop.
        raise ImportFailure(
            "torch.while_loop can't be compiled",
            where=describe_node(node),
            hint="use a Python loop with a fixed number of steps, and torch.where to stop early",
        )
