"""split-prepare: work on weights alone leaves ``main`` and is done once, on the compiling host."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.entry import Argument, arguments, entries, new_argument, set_arguments
from stepwell.passes.tensor.weight_only import WeightOnly, tensor_bytes, used_values
from stepwell.support.walk import outer_first

_VIEWS = frozenset(
    {"tensor.expand_shape", "tensor.collapse_shape", "tensor.cast", "tensor.reshape", "tensor.extract_slice"}
)


@dataclass
class SplitPrepare(Pass):
    """Move what depends on parameters and constants alone into functions of its own.

    Each value where such work ends becomes a new parameter ``prepared.<N>.<origin>`` of the entry, made by
    ``func.func private @prepare_<N>`` (marked ``stepwell.prepare``) from the parameters that it takes. Views of a
    parameter stay where they are, and so does work whose result is larger than ``max_growth`` times its parameters
    (broadcasts, casts to a wider type) unless it is ``small``: there the split is made further up. States are not
    weights.
    """

    name: ClassVar[str] = "split-prepare"
    summary: ClassVar[str] = "split work on weights alone from the entries"
    anchor: ClassVar[str] = "builtin.module"

    max_growth: float = field(
        default=1.5, metadata={"help": "largest size of a prepared value over that of the parameters it is made from"}
    )
    small: int = field(default=0, metadata={"help": "bytes up to which a prepared value may be any larger than those"})

    def run(self, op: ir.Operation, context: PassContext) -> None:
        functions = _PrepareFunctions(op)
        before = _parameter_sizes(op)
        for entry in entries(op):
            if len(list(entry.operation.regions[0].blocks)) == 1:
                with op.context, entry.operation.location:
                    self._split(entry, functions)
        after = _parameter_sizes(op)
        context.note(
            self.name,
            prepared={name: size for name, size in after.items() if name not in before},
            dropped=[name for name in before if name not in after],
            growth=sum(after.values()) - sum(before.values()),
        )

    def _split(self, entry: Any, functions: _PrepareFunctions) -> None:
        block = entry.operation.regions[0].blocks[0]
        old = arguments(entry)
        analysis = WeightOnly(block, old)
        added: list[Argument] = []
        chosen = self._choose(analysis, old)
        for value in chosen:
            sources = [old[index] for index in sorted(analysis.sources[value])]
            name = functions.make(value, sources, analysis.slice(value))
            added.append(new_argument("parameter", value.type, name))
        for value, made in zip(chosen, set_arguments(entry, [*old, *added])[len(old) :], strict=True):
            value.replace_all_uses_with(made)
        _erase_dead(analysis)
        set_arguments(entry, [argument for argument in arguments(entry) if not _is_unused_parameter(argument)])

    def _choose(self, analysis: WeightOnly, parameters: list[Argument]) -> list[ir.Value]:
        """The values to prepare: where work on weights meets other work, or as far up from there as must be."""
        chosen: dict[ir.Value, None] = {}
        seen: set[ir.Value] = set()
        for op in analysis.operations:
            if any(result in analysis.sources for result in op.results):
                continue
            pending = used_values(op)
            while pending:
                value = pending.pop(0)
                if value in seen or not analysis.is_computed(value):
                    continue
                seen.add(value)
                if self._is_worth(value, [parameters[index] for index in analysis.sources[value]]):
                    chosen[value] = None
                else:
                    pending = [*used_values(value.owner.operation), *pending]
        return list(chosen)

    def _is_worth(self, value: ir.Value, sources: list[Argument]) -> bool:
        size = tensor_bytes(value.type)
        if size is None or value.owner.operation.name in _VIEWS:
            return False
        return size <= max(self.small, self.max_growth * sum(tensor_bytes(source.type) or 0 for source in sources))


class _PrepareFunctions:
    """Makes the prepare functions of a module; the same work is not given two of them."""

    def __init__(self, module: ir.Operation) -> None:
        self._body = module.regions[0].blocks[0]
        self._made: dict[str, str] = {}
        self._taken = {
            ir.StringAttr(op.operation.attributes["sym_name"]).value
            for op in self._body.operations
            if "sym_name" in op.operation.attributes
        }

    def make(self, value: ir.Value, sources: list[Argument], operations: list[ir.Operation]) -> str:
        """A function that computes ``value`` from ``sources``; returns the name of the parameter it makes."""
        function = self._build(value, sources, operations)
        text = str(function.get_asm(use_local_scope=True))
        if text in self._made:
            function.erase()
            return self._made[text]
        number = next(n for n in range(len(self._taken) + 1) if f"prepare_{n}" not in self._taken)
        origin = max(sources, key=lambda source: tensor_bytes(source.type) or 0)
        parameter = f"prepared.{number}.{origin.name}"
        function.attributes["sym_name"] = ir.StringAttr.get(f"prepare_{number}")
        function.attributes["stepwell.prepare"] = ir.StringAttr.get(parameter)
        self._taken.add(f"prepare_{number}")
        self._made[text] = parameter
        return parameter

    def _build(self, value: ir.Value, sources: list[Argument], operations: list[ir.Operation]) -> ir.Operation:
        types = [source.type for source in sources]
        attributes = {
            "sym_name": ir.StringAttr.get("prepare"),
            "sym_visibility": ir.StringAttr.get("private"),
            "function_type": ir.TypeAttr.get(ir.FunctionType.get(types, [value.type])),
            "arg_attrs": ir.ArrayAttr.get([source.attributes for source in sources]),
        }
        function = ir.Operation.create(
            "func.func", attributes=attributes, regions=1, loc=value.owner.location, ip=ir.InsertionPoint(self._body)
        )
        block = function.regions[0].blocks.append(*types, arg_locs=[value.owner.location] * len(types))
        replaced = {source.value: made for source, made in zip(sources, block.arguments, strict=True)}
        with ir.InsertionPoint(block):
            for op in operations:
                clone = op.clone()
                for inner in outer_first(clone.operation):
                    for index, operand in enumerate(inner.operands):
                        if operand in replaced:
                            inner.operands[index] = replaced[operand]
                replaced.update(zip(op.results, clone.operation.results, strict=True))
            ir.Operation.create("func.return", operands=[replaced[value]], loc=value.owner.location)
        return function


def _erase_dead(analysis: WeightOnly) -> None:
    for op in reversed(analysis.operations):
        fixed = all(result in analysis.sources or result in analysis.constants for result in op.results)
        if list(op.results) and fixed and not any(list(result.uses) for result in op.results):
            op.erase()


def _parameter_sizes(module: ir.Operation) -> dict[str, int]:
    """Bytes of the parameters that the entries take, by name."""
    return {
        argument.name: tensor_bytes(argument.type) or 0
        for entry in entries(module)
        for argument in arguments(entry)
        if argument.kind == "parameter"
    }


def _is_unused_parameter(argument: Argument) -> bool:
    return argument.kind == "parameter" and argument.value is not None and not list(argument.value.uses)
