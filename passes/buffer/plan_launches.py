"""plan-launches: what the host does around its kernels, as data instead of code."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.entry import arguments, entries, functions, result_marks, state_name
from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location
from stepwell.support.walk import named

_ARITHMETIC = {
    "arith.addi": "add",
    "arith.subi": "sub",
    "arith.muli": "mul",
    "arith.divui": "div",
    "arith.divsi": "div",
    "arith.floordivsi": "floordiv",
    "arith.ceildivui": "ceildiv",
    "arith.ceildivsi": "ceildiv",
    "arith.remui": "rem",
    "arith.remsi": "rem",
    "arith.maxui": "max",
    "arith.maxsi": "max",
    "arith.minui": "min",
    "arith.minsi": "min",
    "arith.andi": "and",
    "arith.ori": "or",
    "arith.xori": "xor",
    "arith.select": "select",
}
#: By the number of the predicate; sizes are not negative, so that signs make no difference.
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge", "lt", "le", "gt", "ge")
#: The same number in a type of another width.
_CASTS = ("arith.index_cast", "arith.index_castui", "arith.extsi", "arith.extui", "arith.trunci")
_RESHAPES = ("memref.expand_shape", "memref.collapse_shape", "memref.cast")
_LIBRARY = "stepwell.library"

CONTENTS = "stepwell.constant"
"""What an allocation begins with: zeros, which kernels find and leave there at every run."""

#: Read where a launch takes what comes of them.
_PARTS = (
    "arith.constant",
    "arith.cmpi",
    *_CASTS,
    "memref.dim",
    "memref.dealloc",
    "memref.reinterpret_cast",
    "memref.extract_aligned_pointer_as_index",
    "llvm.inttoptr",
    "nvgpu.tma.create.descriptor",
    "builtin.unrealized_conversion_cast",
)


@dataclass
class PlanLaunches(Pass):
    """Take the host functions out and keep what they did in the module attribute ``stepwell.launches`` (JSON text).

    A launch that says what a library is to compute in its place (``stepwell.library``) keeps that as its ``library``,
    and its kernel goes if nothing else launches it.

    For each entry: ``buffers`` (in order; ``kind`` is input, parameter, state, temporary, zeros or view), ``results``
    (indices of buffers), ``states`` (the buffer that holds the new value of each), ``checks`` (what sizes must fulfil:
    ``holds`` is not 0, or ``message`` says what is wrong) and ``launches`` in program order, each with its ``kernel``,
    ``grid`` and ``block`` (three sizes), ``shared`` (bytes of dynamic shared memory) and ``arguments``: ``{"buffer":
    i}`` for a whole descriptor, ``{"address": i}``, ``{"index": size}`` or ``{"map": {buffer, dtype, sizes, box}}`` for
    a tensor map, with a ``window`` for one of images. A size is a number, ``["dim", buffer, axis]``, or ``[operator,
    size, ...]``. Temporaries and zeros have a ``dtype`` and ``sizes``; a view has ``of`` and ``sizes``.
    """

    name: ClassVar[str] = "plan-launches"
    summary: ClassVar[str] = "turn the host side of GPU kernels into a launch plan"
    anchor: ClassVar[str] = "builtin.module"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        plans = {entry.name.value: _Plan(entry.operation).as_data() for entry in entries(op)}
        op.attributes["stepwell.launches"] = ir.StringAttr.get(json.dumps(plans), op.context)
        launches = [launch for plan in plans.values() for launch in plan["launches"]]
        by_library = {launch["kernel"] for launch in launches if "library" in launch}
        by_library -= {launch["kernel"] for launch in launches if "library" not in launch}
        for kernel in named(op, "gpu.func"):
            if ir.StringAttr(kernel.attributes["sym_name"]).value in by_library:
                kernel.erase()
        for function in functions(op):
            function.operation.erase()


class _Plan:
    """Reads one host function."""

    def __init__(self, function: ir.Operation) -> None:
        self.where = describe_location(function.location)
        self.buffers: list[dict[str, Any]] = []
        self.launches: list[dict[str, Any]] = []
        self.checks: list[dict[str, Any]] = []
        self.results: list[int] = []
        self.states: dict[str, int] = {}
        self.numbers: dict[ir.Value, int] = {}
        inputs = 0
        for argument in arguments(function.opview):
            if argument.kind == "input":
                self._add(argument.value, {"kind": "input", "index": inputs})
                inputs += 1
            elif argument.kind in ("parameter", "state"):
                self._add(argument.value, {"kind": argument.kind, "name": argument.name})
            else:
                raise self._refuse(f"an argument of kind '{argument.kind}'")
        for op in function.regions[0].blocks[0].operations:
            self._visit(op.operation)
        # A state's new value is copied to its place when all has run.
        outputs = [state_name(mark) is None for mark in result_marks(function.opview)]
        self.results = [number for number, output in zip(self.results, outputs, strict=True) if output]

    def as_data(self) -> dict[str, Any]:
        """The plan as JSON takes it."""
        return {
            "buffers": self.buffers,
            "launches": self.launches,
            "checks": self.checks,
            "results": self.results,
            "states": self.states,
        }

    def _add(self, value: ir.Value | None, buffer: dict[str, Any]) -> None:
        assert value is not None
        self.numbers[value] = len(self.buffers)
        self.buffers.append(buffer)

    def _visit(self, op: ir.Operation) -> None:
        if op.name == "memref.cast" and isinstance(op.results[0].type, ir.UnrankedMemRefType):
            return  # for a tensor map
        if op.name == "memref.alloc":
            kind = ir.MemRefType(op.results[0].type)
            sizes = self._sizes(kind, list(op.operands))
            memory = "zeros" if CONTENTS in op.attributes else "temporary"
            self._add(op.results[0], {"kind": memory, "dtype": str(kind.element_type), "sizes": sizes})
        elif op.name in _RESHAPES:
            self._add(op.results[0], self._view(op))
        elif op.name == "gpu.launch_func":
            self.launches.append(self._launch(op))
        elif op.name == "memref.copy":
            self._copy(op)
        elif op.name == "cf.assert":
            message = ir.StringAttr(op.attributes["msg"]).value
            self.checks.append({"holds": self._size(op.operands[0]), "message": message})
        elif op.name == "func.return":
            self.results = [self.numbers[value] for value in op.operands]
        elif op.name not in (*_ARITHMETIC, *_PARTS):
            raise self._refuse(op.name, describe_location(op.location))

    def _copy(self, op: ir.Operation) -> None:
        target = self.buffers[self.numbers[op.operands[1]]]
        if target["kind"] != "state" or target["name"] in self.states:
            raise self._refuse("a copy to anything but a state", describe_location(op.location))
        self.states[target["name"]] = self.numbers[op.operands[0]]

    def _view(self, op: ir.Operation) -> dict[str, Any]:
        source, kind = op.operands[0], ir.MemRefType(op.results[0].type)
        of = self.numbers[source]
        if op.name == "memref.expand_shape":
            sizes = self._sizes(kind, list(op.operands)[1:])
        else:
            ranks = range(ir.MemRefType(source.type).rank)
            groups: list[list[int]] = [[axis] for axis in ranks]
            if op.name == "memref.collapse_shape":
                groups = [[axis.value for axis in group] for group in op.attributes["reassociation"]]
            sizes = [self._product([self._dim(source, axis) for axis in group]) for group in groups]
        return {"kind": "view", "of": of, "sizes": sizes}

    def _launch(self, op: ir.Operation) -> dict[str, Any]:
        counts = list(ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"]))
        operands = list(op.operands)
        sizes = [self._size(value) for value in operands[counts[0] : counts[0] + 6]]
        passed = operands[sum(counts[:-2]) : sum(counts[:-1])]
        shared = operands[sum(counts[:10]) : sum(counts[:11])]
        library = json.loads(ir.StringAttr(op.attributes[_LIBRARY]).value) if _LIBRARY in op.attributes else None
        return {
            **({"library": library} if library is not None else {}),
            "kernel": ir.SymbolRefAttr(op.attributes["kernel"]).value[-1],
            "grid": sizes[:3],
            "block": sizes[3:],
            "shared": self._size(shared[0]) if shared else 0,
            "arguments": [self._argument(value) for value in passed],
        }

    def _argument(self, value: ir.Value) -> dict[str, Any]:
        if value in self.numbers:
            return {"buffer": self.numbers[value]}
        if str(value.type) == "!llvm.ptr":
            return self._pointer(value)
        return {"index": self._size(value)}

    def _pointer(self, pointer: ir.Value) -> dict[str, Any]:
        """An address, by way of an index and an integer, or a tensor map."""
        made = pointer.owner.operation.operands[0].owner.operation
        if made.name == "nvgpu.tma.create.descriptor":
            return {"map": self._map(made)}
        source = made.operands[0].owner.operation
        if source.name != "memref.extract_aligned_pointer_as_index":
            raise self._refuse(f"a pointer made by {source.name}")
        return {"address": self.numbers[source.operands[0]]}

    def _map(self, made: ir.Operation) -> dict[str, Any]:
        matrices = made.operands[0].owner.operation.operands[0]
        view = matrices.owner.operation
        kind = ir.MemRefType(matrices.type)
        counts = list(ir.DenseI32ArrayAttr(view.attributes["operandSegmentSizes"]))
        sizes = list(view.operands)[1 + counts[1] : 1 + counts[1] + counts[2]]
        steps = iter(list(view.operands)[1 + counts[1] + counts[2] :])
        marker = ir.ShapedType.get_dynamic_size()
        found: dict[str, Any] = {
            "buffer": self.numbers[view.operands[0]],
            "dtype": "tf32" if "stepwell.rounded" in made.attributes else str(kind.element_type),
            "offset": ir.DenseI64ArrayAttr(view.attributes["static_offsets"])[0],
            "sizes": self._sizes(kind, sizes),
            "strides": [
                self._size(next(steps)) if step == marker else step
                for step in ir.DenseI64ArrayAttr(view.attributes["static_strides"])
            ],
            "box": [self._size(size) for size in list(made.operands)[1:]],
        }
        if "stepwell.window" in made.attributes:
            window = ir.DictAttr(made.attributes["stepwell.window"])
            found["window"] = {part.name: list(ir.DenseI64ArrayAttr(part.attr)) for part in window}
        return found

    def _sizes(self, kind: ir.MemRefType, dynamic: list[ir.Value]) -> list[Any]:
        rest = iter(dynamic)
        return [self._size(next(rest)) if kind.is_dynamic_dim(axis) else kind.shape[axis] for axis in range(kind.rank)]

    def _size(self, value: ir.Value) -> Any:
        owner = value.owner
        op = None if isinstance(owner, ir.Block) else owner.operation
        if op is not None and op.name == "arith.constant" and isinstance(value.type, ir.IndexType | ir.IntegerType):
            number = ir.IntegerAttr(op.attributes["value"]).value
            return int(bool(number)) if value.type == ir.IntegerType.get_signless(1) else number
        if op is not None and op.name == "arith.constant" and isinstance(value.type, ir.F32Type):
            # The word that a kernel reads it from.
            return int(np.float32(ir.FloatAttr(op.attributes["value"]).value).view(np.int32))
        if op is not None and op.name in _CASTS:
            return self._size(op.operands[0])
        if op is not None and op.name == "memref.dim":
            axis = self._size(op.operands[1])
            if isinstance(axis, int):
                return self._dim(op.operands[0], axis)
        if op is not None and op.name in _ARITHMETIC:
            return [_ARITHMETIC[op.name], *(self._size(operand) for operand in op.operands)]
        if op is not None and op.name == "arith.cmpi":
            predicate = ir.IntegerAttr(op.attributes["predicate"]).value
            return [_COMPARISONS[predicate], *(self._size(operand) for operand in op.operands)]
        raise self._refuse(f"a size computed by {op.name if op is not None else 'an argument'}")

    def _dim(self, buffer: ir.Value, axis: int) -> Any:
        kind = ir.MemRefType(buffer.type)
        return ["dim", self.numbers[buffer], axis] if kind.is_dynamic_dim(axis) else kind.shape[axis]

    def _product(self, sizes: list[Any]) -> Any:
        product: Any = 1
        for size in sizes:
            product = size if product == 1 else ["mul", product, size]
        return product

    def _refuse(self, what: str, where: str | None = None) -> PassError:
        return PassError(
            f"the host side of a GPU program can't hold {what}",
            where=where or self.where,
            hint="run lower-kernels first",
        )
