"""What is still to be done to a program that does not start at the top of the staircase."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.passes.pipeline import Element, Pipeline, Stage, parse_element
from stepwell.support.errors import UsageError

# Passes that change the boundary of an entry, each with a test whether the boundary still needs it.
_BOUNDARY = ("bufferize", "plan-memory", "free-buffers", "place-parameters", "bind-outputs")


def pipeline_from(whole: Pipeline, module: ir.Operation, level: str) -> Pipeline:
    """The stages of ``whole`` for a module that stands at ``level`` already.

    A pipeline that does not start at the graph level is meant as it is.
    A buffer-level module keeps the passes of the stage that leads there which its entry has not been through.

    Raises:
        UsageError: the module is halfway from the buffer level to the backend.
    """
    before = [index for index, stage in enumerate(whole.stages) if stage.level == level]
    if level == "graph" or not before or whole.stages[0].level != "graph":
        return whole
    if level == "tensor":
        return Pipeline(whole.stages[before[0] + 1 :])
    if level != "buffer":
        return Pipeline(whole.stages[before[-1] + 1 :])
    if "stepwell.entries" in module.attributes:
        raise UsageError(
            "the module is halfway between the buffer level and the backend",
            hint="run the rest with stepwell-opt: the first line of a dump has the passes",
        )
    missing = missing_boundary(module)
    stages = []
    for index in before:
        stage = whole.stages[index]
        kept = [element for element in stage.elements if not _is_boundary(element) or _name(element) in missing]
        stages.append(Stage(stage.name, stage.level, kept))
    return Pipeline([*stages, *whole.stages[before[-1] + 1 :]])


def plain_pipeline(module: ir.Operation, whole: Pipeline) -> Pipeline:
    """From the tensor or buffer level by naive loops to the end of ``whole``'s last stage."""
    prepares = any("stepwell.prepare" in op.operation.attributes for op in module.regions[0].blocks[0].operations)
    names = [*(["detach-prepare"] if prepares else []), *missing_boundary(module)]
    elements: list[Element] = [parse_element(name) for name in names]
    last = whole.stages[-1]
    return Pipeline([Stage(last.name, last.level, [*elements, *last.elements])])


def missing_boundary(module: ir.Operation) -> list[str]:
    """Those passes on the way to bound outputs that the entries of ``module`` still need, in order."""
    kinds = _argument_kinds(module)
    names = []
    if "tensor" in kinds:
        names += ["bufferize", "plan-memory"]
    unbound = "context" not in kinds or "result" in kinds  # plan-memory may have asked for the context
    if unbound:
        names.append("free-buffers")
    if "parameters" not in kinds:
        names.append("place-parameters")
    if unbound:
        names.append("bind-outputs")
    return names


def _argument_kinds(module: ir.Operation) -> set[str]:
    """``tensor`` or ``memref``, ``result`` where there is one, and the boundary attributes (without ``stepwell.``) of
    all entries' arguments."""
    kinds: set[str] = set()
    for view in module.regions[0].blocks[0].operations:
        op = view.operation
        if op.name != "func.func" or not list(op.regions[0].blocks) or "stepwell.prepare" in op.attributes:
            continue
        types = ir.FunctionType(ir.TypeAttr(op.attributes["function_type"]).value)
        if list(types.results):
            kinds.add("result")
        for kind in (*types.inputs, *types.results):
            kinds.add("tensor" if isinstance(kind, ir.RankedTensorType) else "memref")
        if "arg_attrs" in op.attributes:
            for attributes in ir.ArrayAttr(op.attributes["arg_attrs"]):
                kinds.update(named.name.removeprefix("stepwell.") for named in ir.DictAttr(attributes))
    return kinds


def _is_boundary(element: Element) -> bool:
    return _name(element) in _BOUNDARY


def _name(element: Element) -> str:
    return str(getattr(element, "name", ""))
