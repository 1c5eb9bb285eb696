"""The linalg dialect: named and generic structured operations by their region and indexing maps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch_mlir import ir
from torch_mlir.dialects import _linalg_ops_gen
from torch_mlir.dialects import linalg as linalg_dialect

from stepwell.backends.interpreter.element_types import Array, element, is_shaped
from stepwell.backends.interpreter.operand_views import OperandMap, operand_map
from stepwell.backends.interpreter.program import Builder
from stepwell.backends.interpreter.registry import Frame, Kernel, Step, kernel, step
from stepwell.backends.interpreter.structured import Structured, analyse
from stepwell.support.errors import UnsupportedError
from stepwell.support.locations import describe_location

_NOT_STRUCTURED = frozenset({
    "linalg.index", "linalg.yield", "linalg.pack", "linalg.unpack", "linalg.softmax",
    "linalg.winograd_filter_transform", "linalg.winograd_input_transform", "linalg.winograd_output_transform",
})  # fmt: skip

_STRUCTURED = sorted(
    {value.OPERATION_NAME for value in vars(_linalg_ops_gen).values() if hasattr(value, "OPERATION_NAME")}
    - _NOT_STRUCTURED
)


@step(*_STRUCTURED)
def _structured(op: ir.Operation, builder: Builder) -> Step:
    slots = builder.uses(list(op.operands))
    structured = _analysed(op, builder)
    outputs = builder.results(op)
    inputs = structured.inputs
    scalars = [None if is_shaped(operand.type) else element(operand.type).dtype for operand in op.operands]
    last = builder.last_uses()

    def run(frame: Frame) -> None:
        operands: list[Array] = [
            frame[slot] if dtype is None else np.asarray(frame[slot], dtype)
            for slot, dtype in zip(slots[:inputs], scalars[:inputs], strict=True)
        ]
        if outputs:
            taken = last.take_each(frame, slots[inputs:])
            operands += [_own(*pair) for pair in zip(taken, structured.reads_output, strict=True)]
        else:
            operands += [frame[slot] for slot in slots[inputs:]]
        structured.run(frame, operands)
        for slot, value in zip(outputs, operands[inputs:], strict=False):
            frame[slot] = value

    return run


def _own(taken: tuple[Array, bool], reads: bool) -> Array:
    value, free = taken
    if free:
        return value
    return np.array(value, order="C") if reads or value.size == 0 else np.empty(value.shape, value.dtype)


def _analysed(op: ir.Operation, builder: Builder) -> Structured:
    try:
        attributes = linalg_dialect.get_indexing_maps(op)
    except (IndexError, TypeError, ValueError) as error:
        raise UnsupportedError(
            f"the interpreter can't read the indexing maps of '{op.name}'", where=describe_location(op.location)
        ) from error
    maps = [operand_map(attribute.value) for attribute in attributes]
    output_count = len(op.results) or _buffer_outputs(op)
    inputs = len(op.operands) - output_count
    combiners, product, vectorised = analyse(op, inputs)
    grid_slot = builder.push_grid()
    body = builder.structured_body(op.regions[0])
    builder.pop_grid()
    values = None
    if combiners is not None:
        folds = [combiner.operation for combiner in combiners]
        kept = [i for i, inner in enumerate(body.operations) if inner not in folds]
        slots = [builder.use(combiner.value) for combiner in combiners]
        values = replace(
            body,
            steps=[body.steps[i] for i in kept],
            operations=[body.operations[i] for i in kept],
            yields=slots,
            leaving=slots,
        )
    arguments = list(op.regions[0].blocks[0].arguments)[inputs:]
    reads = [bool(list(argument.uses)) for argument in arguments] or [False] * output_count
    return Structured(
        op.name, inputs, maps, _parallel_loops(op, maps[inputs:]), body, values, combiners, product, vectorised,
        grid_slot, reads,
    )  # fmt: skip


def _buffer_outputs(op: ir.Operation) -> int:
    if "operandSegmentSizes" in op.attributes:
        return int(list(op.attributes["operandSegmentSizes"])[1])
    if op.name == "linalg.reduce":
        return len(op.operands) // 2
    return 1


def _parallel_loops(op: ir.Operation, outputs: list[OperandMap]) -> list[int]:
    if "iterator_types" in op.attributes:
        return [i for i, kind in enumerate(op.attributes["iterator_types"]) if "parallel" in str(kind)]
    return sorted(frozenset().union(*(map_.used for map_ in outputs)))


@step("linalg.index")
def _index(op: ir.Operation, builder: Builder) -> Step:
    loop = op.attributes["dim"].value
    slot = builder.grid()
    (output,) = builder.results(op)

    def run(frame: Frame) -> None:
        frame[output] = frame[slot][loop]

    return run


@kernel("linalg.softmax")
def _softmax(op: ir.Operation) -> Kernel:
    axis = op.attributes["dimension"].value
    result = len(op.results) > 0

    def softmax(source: Array, target: Array) -> Array | None:
        powers = np.exp(source - source.max(axis=axis, keepdims=True))
        values: Array = (powers / powers.sum(axis=axis, keepdims=True)).astype(source.dtype)
        if result:
            return values
        target[...] = values
        return None

    return softmax
