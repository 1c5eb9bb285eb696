"""Groups with a reduction of any kind: a thread has an element of the result and goes through the terms in order.

What the other kernels do not know comes here: windows, loops that are reduced on both sides of others, terms that no
single operation joins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.control import loop, when
from stepwell.backends.cuda.kernels.launch import Launch
from stepwell.backends.cuda.kernels.rows.elementwise import put
from stepwell.backends.cuda.kernels.rows.group import Group, Node, Operand
from stepwell.backends.cuda.kernels.rows.kernel import Stores, index, kernel, on_host
from stepwell.backends.cuda.kernels.rows.layout import Rows
from stepwell.backends.cuda.kernels.rows.memory import Buffer
from stepwell.backends.cuda.kernels.rows.schedule import RowSchedule
from stepwell.backends.cuda.kernels.rows.sizes import product
from stepwell.backends.cuda.kernels.rows.values import Position, Values
from stepwell.backends.cuda.kernels.word import Word


def build_serial(group: Group, name: str, schedule: RowSchedule) -> Launch:
    """The kernel of a group with one reduction, whose results all have as many elements as that one's."""
    reductions = [node for node in group.nodes if node.reduces]
    if len(reductions) != 1:
        raise group.refuse("several reductions of which one has to go term by term", reductions[1].op)
    node = _terms_last(reductions[0])
    sizes_of = group.symbols.resolve
    parallel = node.reduced.index(True)
    count, length = sizes_of(product(node.sizes[:parallel])), sizes_of(product(node.sizes[parallel:]))
    if any(group.size(value) != count for value in group.results):
        raise group.refuse("results of different sizes")

    def body(buffers: dict[ir.Value, Buffer], stores: Stores, sizes: dict[int, Word]) -> None:
        values = Values(group, buffers, sizes, Rows(count, length))
        element = isa.block() * schedule.threads + isa.thread()

        def reduce() -> None:
            def term(number: Word, held: Sequence[ir.Value]) -> list[ir.Value]:
                with values.scope():
                    return values.step_of(node, Position("term", number, 1, element), held)

            own = Position("element", element, 1)
            totals = loop(0, values.known(length), 1, values.starts_of(node, own), term)
            values.reduced.update(zip(node.op.results, totals, strict=True))
            put(values, stores, own, None)

        when(element.is_less(values.known(count)), reduce)

    kernel(group, name, schedule.threads, body)

    def grid(memrefs: Sequence[ir.Value]) -> Sequence[ir.Value]:
        blocks = arith.ceildivui(on_host(group, count, memrefs), index(schedule.threads))
        return [blocks, index(1), index(1)]

    return Launch(grid, schedule.threads, 0)


def _terms_last(node: Node) -> Node:
    """The operation with its reduced loops behind the others."""
    order = sorted(range(len(node.sizes)), key=lambda loop_: node.reduced[loop_])

    def turned(operand: Operand) -> Operand:
        return Operand(operand.source, tuple(operand.strides[loop_] for loop_ in order))

    return replace(
        node,
        order=tuple(node.order[loop_] for loop_ in order),
        sizes=tuple(node.sizes[loop_] for loop_ in order),
        reduced=tuple(node.reduced[loop_] for loop_ in order),
        operands=tuple(map(turned, node.operands)),
        results=tuple(map(turned, node.results)),
    )
