"""Shrinking IR: functions, results, operations and attributes go; what is missing becomes an argument."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch_mlir import ir

from stepwell.driver.reduce.chunks import leave_out
from stepwell.support.walk import operations

Change = Callable[[ir.Module], None]


class IrShrinker:
    """Shrinks a module as long as its text stays of interest.

    Args:
        fails: whether a candidate, as text, fails as the input does.
    """

    def __init__(self, context: ir.Context, text: str, fails: Callable[[str], bool]) -> None:
        self._fails = fails
        with context:
            self._module = ir.Module.parse(text)

    @property
    def text(self) -> str:
        """The smallest so far."""
        return _print(self._module)

    @property
    def size(self) -> int:
        """Operations in it, the module apart."""
        return len(operations(self._module.operation)) - 1

    def shrink(self) -> None:
        """All reductions in turns until none helps."""
        with self._module.context, ir.Location.unknown():
            self._try(lambda module: None)  # without locations, which are not printed
            while any(
                [
                    self._functions(),
                    self._ends(),
                    self._operations(),
                    self._regions(),
                    self._results(),
                    self._arguments(),
                ]
            ):
                pass
            self._attributes()

    def _try(self, change: Change) -> bool:
        candidate = ir.Module.parse(_print(self._module))
        try:
            change(candidate)
            if not candidate.operation.verify():
                return False
        except (ir.MLIRError, ValueError, IndexError):
            return False
        if not self._fails(_print(candidate)):
            return False
        self._module = candidate
        return True

    def _functions(self) -> bool:
        def without(start: int, end: int) -> bool:
            return self._try(lambda module: _erase(list(module.body.operations)[start:end]))

        return leave_out(lambda: len(list(self._module.body.operations)), without)

    def _ends(self) -> bool:
        """The return moves up: the first operation whose results are enough of an end."""
        shrunk = False
        for number in range(len(_functions(self._module))):
            length = len(list(_body(_functions(self._module)[number]).operations)) - 1
            step = length // 2
            at = 0
            while step and length > 1:
                at = max(length - 1 - step, 0)
                if self._try(partial(_return_from, number=number, at=at)):
                    shrunk, length = True, at + 1
                    step = length // 2
                else:
                    step //= 2
        return shrunk

    def _operations(self) -> bool:
        def without(start: int, end: int) -> bool:
            return self._try(lambda module: _to_arguments(_inner(module)[start:end]))

        return leave_out(lambda: len(_inner(self._module)), without)

    def _regions(self) -> bool:
        """What is inside of a region takes the place of the operation around it."""

        def without(start: int, end: int) -> bool:
            return self._try(lambda module: _open(_around_regions(module)[start:end]))

        return leave_out(lambda: len(_around_regions(self._module)), without)

    def _results(self) -> bool:
        shrunk = False
        counts = [len(_terminator(function).operands) for function in _functions(self._module)]
        for number, count in enumerate(counts):
            for index in reversed(range(count)):
                shrunk |= self._try(partial(_drop_result, number=number, index=index))
        return shrunk

    def _arguments(self) -> bool:
        def change(module: ir.Module) -> None:
            for function in _functions(module):
                _drop_unused_arguments(function)

        unused = any(not list(a.uses) for f in _functions(self._module) for a in _body(f).arguments)
        return unused and self._try(change)

    def _attributes(self) -> None:
        """Attributes with a dialect's prefix are nobody's own: all of them, then one by one."""

        def named(module: ir.Module) -> list[tuple[ir.Operation, str]]:
            every = [module.operation, *_all(module)]
            return [(op, name) for op in every for name in op.attributes if "." in name]

        def change(module: ir.Module, start: int, end: int) -> None:
            for op, name in named(module)[start:end]:
                del op.attributes[name]

        leave_out(
            lambda: len(named(self._module)), lambda start, end: self._try(lambda module: change(module, start, end))
        )


def _print(module: ir.Module) -> str:
    return f"{str(module.operation.get_asm()).rstrip()}\n"


def _all(module: ir.Module) -> list[ir.Operation]:
    return [op for op in operations(module.operation) if op != module.operation]


def _functions(module: ir.Module) -> list[ir.Operation]:
    """Those with a body of one block."""
    found = [op for op in _all(module) if op.name == "func.func"]
    return [op for op in found if len(list(op.regions[0].blocks)) == 1]


def _body(function: ir.Operation) -> ir.Block:
    return function.regions[0].blocks[0]


def _terminator(function: ir.Operation) -> ir.Operation:
    return list(_body(function).operations)[-1].operation


def _inner(module: ir.Module) -> list[ir.Operation]:
    """All operations inside of functions but those that end a block."""
    found = []
    for function in _functions(module):
        for op in operations(function):
            block = op.block if op != function else None
            if block is not None and list(block.operations)[-1].operation != op:
                found.append(op)
    return found


def _erase(ops: list[ir.OpView]) -> None:
    for op in reversed(ops):
        op.operation.erase()


def _to_arguments(ops: list[ir.Operation]) -> None:
    """Leave ``ops`` out: an operand of the same type takes a result's place, or else a new argument."""
    outer = [op for op in ops if not any(other in ops for other in _around(op))]
    for op in reversed(outer):
        function = _around(op)[-1]
        for result in op.results:
            if not list(result.uses):
                continue
            alike = [value for value in op.operands if value.type == result.type]
            result.replace_all_uses_with(alike[0] if alike else _add_argument(function, result.type))
        op.erase()


def _around_regions(module: ir.Module) -> list[ir.Operation]:
    """Operations in functions with a region that is one block."""
    return [op for op in _inner(module) if len(op.regions) == 1 and len(list(op.regions[0].blocks)) == 1]


def _open(ops: list[ir.Operation]) -> None:
    """Move the insides of ``ops`` before them and drop the rest; block arguments become the function's."""
    for op in ops:
        function, block = _around(op)[-1], op.regions[0].blocks[0]
        for argument in block.arguments:
            if list(argument.uses):
                argument.replace_all_uses_with(_add_argument(function, argument.type))
        *inside, end = [inner.operation for inner in block.operations]
        given = list(end.operands)
        end.erase()
        for inner in inside:
            inner.move_before(op)
        for index, result in enumerate(op.results):
            alike = index < len(given) and given[index].type == result.type
            result.replace_all_uses_with(given[index] if alike else _add_argument(function, result.type))
        op.erase()


def _around(op: ir.Operation) -> list[ir.Operation]:
    """The operations around ``op``, up to its function."""
    found = []
    while op.name != "func.func":
        op = op.parent.operation
        found.append(op)
    return found


def _add_argument(function: ir.Operation, kind: ir.Type) -> ir.Value:
    argument = _body(function).add_argument(kind, ir.Location.unknown())
    if "arg_attrs" in function.attributes:
        known = list(ir.ArrayAttr(function.attributes["arg_attrs"]))
        function.attributes["arg_attrs"] = ir.ArrayAttr.get([*known, ir.DictAttr.get({})])
    _retype(function)
    return argument


def _return_from(module: ir.Module, number: int, at: int) -> None:
    """End function ``number`` behind its operation number ``at``, whose results it returns."""
    function = _functions(module)[number]
    ops = [op.operation for op in _body(function).operations]
    end, values = ops[-1], list(ops[at].results)
    if not values:
        raise ValueError("nothing to return")
    with ir.InsertionPoint(end):
        ir.Operation.create(end.name, operands=values)
    _erase([op.opview for op in ops[at + 1 :]])
    if "res_attrs" in function.attributes:
        del function.attributes["res_attrs"]
    _retype(function)


def _drop_result(module: ir.Module, number: int, index: int) -> None:
    function = _functions(module)[number]
    end = _terminator(function)
    operands = [value for place, value in enumerate(end.operands) if place != index]
    with ir.InsertionPoint(end):
        ir.Operation.create(end.name, operands=operands)
    end.erase()
    _without_item(function, "res_attrs", index)
    _retype(function)


def _drop_unused_arguments(function: ir.Operation) -> None:
    block = _body(function)
    for index in reversed(range(len(block.arguments))):
        if not list(block.arguments[index].uses):
            block.erase_argument(index)
            _without_item(function, "arg_attrs", index)
    _retype(function)


def _without_item(function: ir.Operation, name: str, index: int) -> None:
    if name in function.attributes:
        items = list(ir.ArrayAttr(function.attributes[name]))
        del items[index]
        function.attributes[name] = ir.ArrayAttr.get(items)


def _retype(function: ir.Operation) -> None:
    inputs = [argument.type for argument in _body(function).arguments]
    results = [value.type for value in _terminator(function).operands]
    function.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(inputs, results))
