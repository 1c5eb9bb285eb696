"""An arena for buffers whose sizes the entry knows when it begins: slots shared by lifetime, offsets as formulas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce

from torch_mlir import ir
from torch_mlir.dialects import arith, func, memref

from stepwell.passes.buffer.entry_sizes import EntrySizes
from stepwell.passes.buffer.liveness import Interval
from stepwell.passes.buffer.offsets import ALIGNMENT
from stepwell.passes.buffer.size_formula import Formula, largest

CALLEE = "stepwell_arena"
#: What an atom counts as where sizes must be put in an order.
_TYPICAL = 128
#: No machine has as many bytes; more than that is asked for as the largest number.
_MOST = float(1 << 62)


@dataclass(frozen=True)
class Wanted:
    """A buffer: its bytes, and when it is in use."""

    alloc: ir.Operation
    size: Formula
    interval: Interval


@dataclass
class Slot:
    """Memory that buffers share which are never in use together."""

    buffers: list[Wanted] = field(default_factory=list)

    def takes(self, buffer: Wanted) -> bool:
        """Whether none of its buffers is in use together with ``buffer``."""
        return not any(buffer.interval.overlaps(other.interval) for other in self.buffers)

    @property
    def sizes(self) -> list[Formula]:
        """The formulas whose maximum is its size."""
        return largest(buffer.size for buffer in self.buffers)


def share_slots(wanted: Sequence[Wanted], atoms: int) -> list[Slot]:
    """Slots for ``wanted``, greedily by size: each goes to the smallest slot that is free while it is in use.

    That is the shared-objects variant of Pisarchyk and Lee (2020). Sizes are put in order at typical values of the
    atoms; a slot is as large as the largest of its buffers, whatever their order turns out to be.
    """
    typical = [_TYPICAL] * atoms
    slots: list[Slot] = []
    order = sorted(range(len(wanted)), key=lambda i: (-wanted[i].size.value(typical), wanted[i].interval.first, i))
    for index in order:
        buffer = wanted[index]
        free = [slot for slot in slots if slot.takes(buffer)]
        if free:
            free[-1].buffers.append(buffer)  # slots come in falling size
        else:
            slots.append(Slot([buffer]))
    return slots


def formula_text(slots: Sequence[Slot], names: Sequence[str]) -> str:
    """The arena's bytes as people write them; ``up`` rounds to the alignment."""
    parts = []
    for slot in slots:
        texts = [formula.text(names) for formula in slot.sizes]
        parts.append(f"up({texts[0]})" if len(texts) == 1 else f"up(max({', '.join(texts)}))")
    return " + ".join(parts)


def place_slots(entry: func.FuncOp, slots: Sequence[Slot], sizes: EntrySizes, context: ir.Value) -> None:
    """Put the buffers of ``slots`` in memory that the entry asks its context for when it begins."""
    emitter = _Emitter(sizes)
    atoms = sorted({atom for slot in slots for size in slot.sizes for product, _ in size.terms for atom in product})
    for atom in atoms:
        emitter.take(atom)
    offsets: list[ir.Value] = []
    with ir.InsertionPoint(sizes.start), entry.operation.location:
        end, rough = emitter.index(0), emitter.real(0.0)
        for slot in slots:
            offsets.append(end)
            size, rough_size = emitter.slot(slot)
            end = arith.AddIOp(end, size).result
            rough = arith.AddFOp(rough, rough_size).result
        buffer = ir.MemRefType.get([ir.ShapedType.get_dynamic_size()], ir.IntegerType.get_signless(8))
        arena = func.CallOp([buffer], CALLEE, [context, emitter.bytes(end, rough)]).results[0]
    for slot, offset in zip(slots, offsets, strict=True):
        for wanted in slot.buffers:
            alloc = wanted.alloc
            with ir.InsertionPoint(alloc), alloc.location:
                view = memref.ViewOp(alloc.results[0].type, arena, offset, list(alloc.operands)).result
            replace(alloc, view)


def declare(module: ir.Operation) -> None:
    """Declare ``@stepwell_arena`` unless it stands there already."""
    block = module.regions[0].blocks[0]
    if any(o.operation.name == "func.func" and o.name.value == CALLEE for o in block.operations):
        return
    bytes_ = ir.MemRefType.get([ir.ShapedType.get_dynamic_size()], ir.IntegerType.get_signless(8))
    with ir.InsertionPoint.at_block_begin(block), ir.Location.unknown():
        type_ = ir.FunctionType.get([bytes_, ir.IntegerType.get_signless(64)], [bytes_])
        declared = func.FuncOp(CALLEE, type_, visibility="private")
        declared.operation.attributes["llvm.emit_c_interface"] = ir.UnitAttr.get()


def replace(alloc: ir.Operation, value: ir.Value) -> None:
    """Use ``value`` for what ``alloc`` made; nothing frees it."""
    for use in list(alloc.results[0].uses):
        if use.owner.operation.name == "memref.dealloc":
            use.owner.operation.erase()
    alloc.results[0].replace_all_uses_with(value)
    alloc.erase()


class _Emitter:
    """Each size twice: as an index, which may wrap, and as a double, which tells that it did."""

    def __init__(self, sizes: EntrySizes) -> None:
        self._sizes = sizes
        self._atoms: dict[int, tuple[ir.Value, ir.Value]] = {}

    def take(self, number: int) -> None:
        """Compute an atom at the start of the entry."""
        value = self._sizes.atom(number)
        with ir.InsertionPoint.after(value.owner.operation), value.location:
            whole = arith.IndexCastOp(ir.IntegerType.get_signless(64), value).result
            self._atoms[number] = value, arith.SIToFPOp(ir.F64Type.get(), whole).result

    def index(self, value: int) -> ir.Value:
        """A constant index."""
        return arith.ConstantOp(ir.IndexType.get(), value).result

    def real(self, value: float) -> ir.Value:
        """A constant double."""
        return arith.ConstantOp(ir.F64Type.get(), value).result

    def slot(self, slot: Slot) -> tuple[ir.Value, ir.Value]:
        """The size of a slot, rounded up to the alignment."""
        both = [self._formula(formula) for formula in slot.sizes]
        size = reduce(lambda a, b: arith.MaxSIOp(a, b).result, [exact for exact, _ in both])
        rough = reduce(lambda a, b: arith.MaximumFOp(a, b).result, [rough for _, rough in both])
        above = arith.AddIOp(size, self.index(ALIGNMENT - 1)).result
        blocks = arith.DivUIOp(above, self.index(ALIGNMENT)).result
        rough = arith.AddFOp(rough, self.real(float(ALIGNMENT))).result
        return arith.MulIOp(blocks, self.index(ALIGNMENT)).result, rough

    def bytes(self, exact: ir.Value, rough: ir.Value) -> ir.Value:
        """What to ask for: no memory has the largest number of bytes, and it is refused."""
        i64 = ir.IntegerType.get_signless(64)
        fits = arith.CmpFOp(arith.CmpFPredicate.OLT, rough, self.real(_MOST)).result
        too_many = arith.ConstantOp(i64, (1 << 63) - 1).result
        return arith.SelectOp(fits, arith.IndexCastOp(i64, exact).result, too_many).result

    def _formula(self, formula: Formula) -> tuple[ir.Value, ir.Value]:
        total, rough_total = self.index(0), self.real(0.0)
        for atoms, count in formula.terms:
            product, rough = self.index(count), self.real(float(count))
            for atom in atoms:
                product = arith.MulIOp(product, self._atoms[atom][0]).result
                rough = arith.MulFOp(rough, self._atoms[atom][1]).result
            total = arith.AddIOp(total, product).result
            rough_total = arith.AddFOp(rough_total, rough).result
        return total, rough_total
