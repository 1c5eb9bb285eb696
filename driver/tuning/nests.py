"""The nests of an artifact, hottest first, each with what it needs to be compiled alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from torch_mlir import ir

from stepwell.driver.executable import Executable
from stepwell.driver.recompile import plain_target, schedules_for, start_again
from stepwell.driver.tuning.extract import Piece, contraction_pieces, row_pieces
from stepwell.passes.pipeline import Element, Pipeline, Stage
from stepwell.passes.runner import PassRecord

#: The passes behind which operations are taken out, and what takes them.
_TAKERS = {"bufferize": contraction_pieces, "fuse-rows": row_pieces}


@dataclass(frozen=True)
class Nest:
    """A loop nest of a model.

    Attributes:
        text: a module that computes it at the buffer level; pipeline: the passes that are still to run on that.
        target: what to compile for; whole: bytes of the model's weights.
        nodes: for each place in the model where it stands, the FX nodes that it computes there.
        seconds: what all of them take in a call.
    """

    text: str
    pipeline: str
    target: str
    whole: int
    nodes: tuple[frozenset[str], ...]
    seconds: float = 0.0


def find_nests(executable: Executable, entry: str) -> list[Nest]:
    """The nests of static sizes that can be compiled alone; equal ones are one."""
    compilation = start_again(executable, schedules_for(executable))
    whole = executable.parameter_file.stat().st_size
    found: dict[str, Nest] = {}

    def take(record: PassRecord, module: ir.Operation) -> None:
        name = record.name.partition("{")[0]
        if name not in _TAKERS:
            return
        pipeline = str(_rest(compilation.pipeline, name))
        copy = module.clone()
        for piece in _taken(name, copy, entry):
            known = found.get(piece.text)
            if known is not None:
                found[piece.text] = replace(known, nodes=(*known.nodes, piece.nodes))
            else:
                found[piece.text] = Nest(piece.text, pipeline, str(plain_target(executable)), whole, (piece.nodes,))

    compilation.observe(take)
    compilation.lower("buffer")
    return list(found.values())


def with_heat(nests: Iterable[Nest], kernels: Sequence[tuple[frozenset[str], float]]) -> list[Nest]:
    """``nests`` with the time of the kernels that compute their nodes, hottest first.

    A kernel belongs to the nest that has most nodes in common with it, and fewest others.
    """
    heated = list(nests)
    for nodes, seconds in kernels:
        alike = [max(_likeness(nodes, mine) for mine in nest.nodes) for nest in heated]
        if alike and max(alike) > 0:
            best = alike.index(max(alike))
            heated[best] = replace(heated[best], seconds=heated[best].seconds + seconds)
    return sorted(heated, key=lambda nest: -nest.seconds)


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(1, len(one | other))


def _taken(name: str, module: ir.Operation, entry: str) -> list[Piece]:
    for view in module.regions[0].blocks[0].operations:
        op = view.operation
        if op.name == "func.func" and ir.StringAttr(op.attributes["sym_name"]).value == entry:
            return _TAKERS[name](op)
    return []


def _rest(pipeline: Pipeline, name: str) -> Pipeline:
    """What runs behind pass ``name``, with instruments."""
    stages: list[Stage] = []
    for stage in pipeline.stages:
        if stages:
            stages.append(Stage(stage.name, stage.level, list(stage.elements)))
            continue
        names = [_name(element) for element in stage.elements]
        if name in names:
            stages.append(Stage(stage.name, stage.level, stage.elements[names.index(name) + 1 :]))
    rest = Pipeline(stages)
    if all(_name(element) != "instrument" for element in rest.elements()):
        rest.insert_before("declare-entries", "instrument")
    return rest


def _name(element: Element) -> str:
    return str(getattr(element, "name", ""))
