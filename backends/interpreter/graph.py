"""The graph level, operator by operator through PyTorch: eager, differentiable, on whatever device the tensors are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch_mlir import ir

from stepwell.backends.interpreter.graph_operators import operator_function
from stepwell.backends.interpreter.program import Observer
from stepwell.support.errors import Error, ExecutionError, InputError, UsageError
from stepwell.support.locations import describe_location

Values = dict[ir.Value, Any]

_YIELDS = frozenset({"func.return", "torch.prim.If.yield", "torch.prim.Loop.condition"})


class GraphInterpreter:
    """Runs functions of a graph-level module.

    Args:
        module: in the torch dialect; not changed.
        observer: called after every operator with the operation and its results.
    """

    def __init__(self, module: ir.Module | ir.Operation, observer: Observer | None = None) -> None:
        # Operations do not keep the module around them alive.
        self._module = module
        self._observer = observer
        self._functions: dict[str, ir.Operation] = {}
        self._dying: dict[ir.Block, list[list[ir.Value]]] = {}
        for op in module.operation.regions[0].blocks[0].operations:
            if op.operation.name == "func.func":
                self._functions[ir.StringAttr(op.operation.attributes["sym_name"]).value] = op.operation

    def run(self, tensors: Sequence[Any], function: str = "main") -> list[Any]:
        """Run ``function`` on all of its arguments (inputs, states, parameters, as its signature lists them).

        Raises:
            UnsupportedError: an operator that PyTorch does not have.
            ExecutionError: PyTorch refuses an operator's arguments.
            InputError: the number of arguments is wrong.
        """
        op = self.function(function)
        block = op.regions[0].blocks[0]
        if len(block.arguments) != len(tensors):
            raise InputError(f"'@{function}' takes {len(block.arguments)} arguments, {len(tensors)} were given")
        return self._run_block(block, list(tensors), {})

    def run_entry(
        self, inputs: Sequence[torch.Tensor], parameters: Mapping[str, Any], function: str = "main"
    ) -> list[torch.Tensor]:
        """Run ``function`` with weights and initial states (``state:NAME``) from ``parameters``.

        Args:
            inputs: in the order of the entry's input arguments.
            parameters: numpy arrays or tensors by name.

        Returns:
            The outputs in order, then the new states.
        """
        results = self.run(self.arguments(inputs, parameters, function), function)
        marked = list(zip(_marks(self.function(function), "res_attrs", len(results)), results, strict=True))
        outputs = [result for marks, result in marked if "stepwell.state" not in marks]
        return outputs + [result for marks, result in marked if "stepwell.state" in marks]

    def arguments(
        self, inputs: Sequence[torch.Tensor], parameters: Mapping[str, Any], function: str = "main"
    ) -> list[Any]:
        """All arguments of ``function`` in order, as :meth:`run` takes them."""
        op = self.function(function)
        remaining = list(inputs)
        arguments: list[Any] = []
        for marks in _marks(op, "arg_attrs", len(op.regions[0].blocks[0].arguments)):
            name = marks.get("stepwell.parameter") or _prefixed("state:", marks.get("stepwell.state"))
            if name is not None:
                if name not in parameters:
                    raise InputError(f"the entry wants the parameter '{name}', which was not given")
                arguments.append(as_tensor(parameters[name]))
            elif remaining:
                arguments.append(remaining.pop(0))
            else:
                raise InputError(f"the entry takes more inputs than the {len(inputs)} that were given")
        if remaining:
            raise InputError(f"the entry takes {len(inputs) - len(remaining)} inputs, {len(inputs)} were given")
        return arguments

    def function(self, name: str) -> ir.Operation:
        """The ``func.func`` called ``name``."""
        if name not in self._functions:
            raise UsageError(f"there is no function '@{name}'", hint=f"functions are {', '.join(self._functions)}")
        return self._functions[name]

    def _run_block(self, block: ir.Block, arguments: list[Any], values: Values) -> list[Any]:
        values.update(zip(block.arguments, arguments, strict=True))
        arguments.clear()
        dying = self._last_uses(block)
        for position, view in enumerate(block.operations):
            op = view.operation
            operands = [values[operand] for operand in op.operands]
            if op.name in _YIELDS:
                return operands
            results = self._run_operation(op, operands, values)
            values.update(zip(op.results, results, strict=True))
            if self._observer is not None:
                self._observer(op, results)
            for value in dying[position]:
                del values[value]
        return []

    def _run_operation(self, op: ir.Operation, operands: list[Any], values: Values) -> list[Any]:
        try:
            if op.name == "func.call":
                return self.run(operands, ir.FlatSymbolRefAttr(op.attributes["callee"]).value)
            if op.name == "torch.prim.If":
                return self._run_block(op.regions[0 if operands[0] else 1].blocks[0], [], values)
            if op.name == "torch.prim.Loop":
                return self._run_loop(op, operands, values)
            return operator_function(op)(operands)
        except Error as error:
            if error.where is None:
                error.where = describe_location(op.location)
            raise
        except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError, AssertionError) as error:
            first_line = (str(error) or type(error).__name__).splitlines()[0]
            raise ExecutionError(f"'{op.name}' failed: {first_line}", where=describe_location(op.location)) from error

    def _run_loop(self, op: ir.Operation, operands: list[Any], values: Values) -> list[Any]:
        most, going, *carried = operands
        trip = 0
        while going and trip < most:
            going, *carried = self._run_block(op.regions[0].blocks[0], [trip, *carried], values)
            trip += 1
        return list(carried)

    def _last_uses(self, block: ir.Block) -> list[list[ir.Value]]:
        """For each operation of ``block`` the values of the block that nothing reads after it."""
        if block not in self._dying:
            operations = [view.operation for view in block.operations]
            own = set(block.arguments).union(*(op.results for op in operations))
            dying: list[list[ir.Value]] = [[] for _ in operations]
            for position in reversed(range(len(operations))):
                touched = _touched(operations[position]) | set(operations[position].results)
                dying[position] = [value for value in touched if value in own]
                own -= touched
            self._dying[block] = dying
        return self._dying[block]


def _touched(op: ir.Operation) -> set[ir.Value]:
    """What ``op`` and the operations inside read."""
    found: set[ir.Value] = set()

    def visit(inner: ir.Operation) -> ir.WalkResult:
        found.update(inner.operands)
        return ir.WalkResult.ADVANCE

    op.walk(visit)
    return found


def _marks(op: ir.Operation, name: str, count: int) -> list[dict[str, str]]:
    if name not in op.attributes:
        return [{} for _ in range(count)]
    return [
        {item.name: item.attr.value for item in ir.DictAttr(marks) if isinstance(item.attr, ir.StringAttr)}
        for marks in ir.ArrayAttr(op.attributes[name])
    ]


def _prefixed(prefix: str, name: str | None) -> str | None:
    return None if name is None else prefix + name


def as_tensor(value: Any) -> torch.Tensor:
    """A numpy array (``ml_dtypes`` included) or tensor as a tensor over the same memory where that may be written."""
    if isinstance(value, torch.Tensor):
        return value
    array = np.asarray(value)
    array = array if array.flags.writeable and array.flags.c_contiguous else np.array(array, order="C")
    special = {"bfloat16": torch.bfloat16, "float8_e4m3fn": torch.float8_e4m3fn, "float8_e5m2": torch.float8_e5m2}
    dtype = special.get(array.dtype.name)
    if dtype is None:
        return torch.from_numpy(array)
    return torch.from_numpy(array.view(f"int{8 * array.dtype.itemsize}")).view(dtype)
