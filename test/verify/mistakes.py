"""Small mistakes, each made in what a pass left behind."""

import dataclasses
from collections.abc import Callable

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.pipeline import Pipeline

Mistake = Callable[[ir.Operation], None]


def plant(pipeline: Pipeline, name: str, mistake: Mistake, beside: bool = False) -> None:
    """Replace pass ``name`` by one that runs it and then makes ``mistake`` (``beside``: in the prepare functions)."""
    element = next(e for stage in pipeline.stages for e in stage.elements if getattr(e, "name", "") == name)
    assert isinstance(element, Pass)
    inner = element

    class Planted(type(inner)):  # type: ignore[misc]
        def run(self, op: ir.Operation, context: PassContext) -> None:
            inner.run(op, context)
            mistake(context.prepare.operation if beside and context.prepare is not None else op)

    options = {field.name: getattr(inner, field.name) for field in dataclasses.fields(inner)}
    pipeline.replace(name, Planted(**options))


def swap(old: str, new: str, which: int = -1) -> Mistake:
    """The last (or another) operation ``old`` becomes ``new`` of the same operands and types."""

    def mistake(root: ir.Operation) -> None:
        op = operations(root, old)[which]
        with root.context, op.location:
            made = ir.Operation.create(
                new,
                results=[result.type for result in op.results],
                operands=list(op.operands),
                ip=ir.InsertionPoint(op),
            )
        for result, other in zip(op.results, made.results, strict=True):
            result.replace_all_uses_with(other)
        op.erase()

    return mistake


def change(name: str, value: str, attribute: str = "value") -> Mistake:
    """The last operation ``name`` gets another value of an attribute."""

    def mistake(root: ir.Operation) -> None:
        op = operations(root, name)[-1]
        with root.context:
            op.attributes[attribute] = ir.Attribute.parse(value)

    return mistake


def collide(root: ir.Operation) -> None:
    """Every view into the arena begins at its start."""
    for view in operations(root, "memref.view"):
        if isinstance(view.operands[0].owner, ir.Block):
            with root.context, view.location, ir.InsertionPoint(view):
                index = ir.IndexType.get()
                zero = ir.Operation.create(
                    "arith.constant", results=[index], attributes={"value": ir.IntegerAttr.get(index, 0)}
                )
            view.operands[1] = zero.result


def exchange_parameters(root: ir.Operation) -> None:
    """Two parameters of one size stand in each other's place."""
    layout = {item.name: item.attr for item in ir.DictAttr(root.attributes["stepwell.layout"])}
    first, second = "first.bias", "second.bias"
    layout[first], layout[second] = layout[second], layout[first]
    with root.context:
        root.attributes["stepwell.layout"] = ir.DictAttr.get(layout)


def invert_checks(root: ir.Operation) -> None:
    """Checks fail where they should pass."""
    for op in operations(root, "arith.xori"):
        op.results[0].replace_all_uses_with(op.operands[0])


def shorten_loop(root: ir.Operation) -> None:
    """The first loop ends after one step."""
    loop = operations(root, "scf.for")[0]
    loop.operands[1] = loop.operands[2]


def operations(root: ir.Operation, name: str) -> list[ir.Operation]:
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == name:
            found.append(op)
        return ir.WalkResult.ADVANCE

    root.walk(visit)
    assert found, f"the pass left no {name}"
    return found
