"""Joins components whose streams do not fit as they are: several readers, beats of other sizes."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.dialects import stream


class Beats:
    """Streams in the beats that their readers want; the same one is made once."""

    def __init__(self) -> None:
        self._resized: dict[tuple[ir.Value, int], ir.Value] = {}

    def fit(self, value: ir.Value, beat: int | None) -> ir.Value:
        """``value`` in beats of ``beat`` elements; as it is for None. Made at the insertion point."""
        frame = stream.read_stream(value.type)
        if beat is None or beat == frame.beat:
            return value
        key = value, beat
        if key not in self._resized:
            kind = stream.stream_type(ir.IntegerType.get_signless(frame.bits), beat, frame.shape, frame.order)
            self._resized[key] = stream.ResizeOp(stream=value, output=kind).output
        return self._resized[key]


def insert_forks(block: ir.Block) -> None:
    """Give each reader of a stream that has several a copy of it, in the order of the readers."""
    readers: dict[ir.Value, list[tuple[ir.Operation, int]]] = {}
    for view in block.operations:
        for number, value in enumerate(view.operation.operands):
            readers.setdefault(value, []).append((view.operation, number))
    for value, uses in readers.items():
        if len(uses) < 2:
            continue
        made = value.owner.operation
        with ir.InsertionPoint.after(made), made.location:
            copies = stream.ForkOp(stream=value, copies=[value.type] * len(uses)).copies
        for (reader, number), copy in zip(uses, copies, strict=True):
            reader.operands[number] = copy
