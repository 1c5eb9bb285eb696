"""Running an entry by its boundary attributes: inputs, weights by name, states, arena, buffers of outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.element_types import Array, element, poisoned
from stepwell.backends.interpreter.interpreter import Interpreter
from stepwell.backends.interpreter.program import Observer
from stepwell.support.errors import InputError, UnsupportedError
from stepwell.support.locations import describe_location

_OUTPUT = "stepwell_output"
_ARENA = "stepwell_arena"

Parameters = Mapping[str, Array]
Lookup = Callable[[str], Array]


class EntryInterpreter:
    """One entry of a module at any stage of the tensor or buffer level; may be run many times, one at a time.

    Args:
        observer: as :class:`Interpreter` takes it.
        output_dtypes: element types of the outputs that are asked for from the context; without them they are read
            from the views around the requests, which later passes may move into other functions.
    """

    def __init__(
        self,
        module: ir.Module | ir.Operation,
        function: str = "main",
        observer: Observer | None = None,
        output_dtypes: Sequence[np.dtype[Any]] | None = None,
    ) -> None:
        self._module = module
        self._interpreter = Interpreter(module, observer)
        self._function = function
        self._entry = self._interpreter.function(function)
        self._dtypes = _output_dtypes(module.operation) if output_dtypes is None else dict(enumerate(output_dtypes))

    def run(
        self, inputs: Sequence[Array], parameters: Parameters, states: Mapping[str, Array]
    ) -> tuple[list[Array], dict[str, Array]]:
        """The outputs in order, and the states after the call.

        Args:
            inputs: in the order of the entry's input arguments.
            parameters: by name; what a ``prepare`` function of the module makes is computed if it is missing.
            states: values before the call; not changed.
        """
        lookup = _parameter_lookup(self._interpreter, parameters)
        after = {name: np.array(value) for name, value in states.items()}
        arguments = _bind(self._entry, self._module.operation, inputs, lookup, after)
        context = _Context(self._dtypes)
        self._interpreter.externals[_OUTPUT] = context.output
        self._interpreter.externals[_ARENA] = context.arena
        results = self._interpreter.run(self._function, arguments)
        outputs: list[Array] = []
        for marks, value in zip(_attributes(self._entry, "res_attrs", len(results)), results, strict=True):
            if "stepwell.state" in marks:
                after[marks["stepwell.state"]] = np.array(value)
            else:
                outputs.append(np.array(value))
        return outputs + context.arrays(), after


def run_entry(
    module: ir.Module | ir.Operation,
    inputs: Sequence[Array],
    parameters: Parameters,
    states: Mapping[str, Array],
    function: str = "main",
    observer: Observer | None = None,
) -> tuple[list[Array], dict[str, Array]]:
    """Run ``function`` once; see :class:`EntryInterpreter`."""
    return EntryInterpreter(module, function, observer).run(inputs, parameters, states)


def bind_arguments(
    module: ir.Module | ir.Operation,
    function: str,
    inputs: Sequence[Array],
    parameters: Parameters,
    states: Mapping[str, Array],
) -> list[Array]:
    """The arguments of ``function`` by their attributes; state arrays are passed as they are, to be changed in place.

    Raises:
        InputError: an input, parameter or state that the entry wants is missing, or there are too many inputs.
    """
    interpreter = Interpreter(module)
    lookup = _parameter_lookup(interpreter, parameters)
    return _bind(interpreter.function(function), module.operation, inputs, lookup, states)


def _bind(
    entry: ir.Operation, root: ir.Operation, inputs: Sequence[Array], lookup: Lookup, states: Mapping[str, Array]
) -> list[Array]:
    types = list(ir.FunctionType(ir.TypeAttr(entry.attributes["function_type"]).value).inputs)
    remaining = list(inputs)
    arguments: list[Array] = []
    for attributes, type_ in zip(_attributes(entry, "arg_attrs", len(types)), types, strict=True):
        if "stepwell.parameter" in attributes:
            arguments.append(_fitting(lookup(attributes["stepwell.parameter"]), type_))
        elif "stepwell.state" in attributes:
            name = attributes["stepwell.state"]
            if name not in states:
                raise InputError(f"the entry wants the state '{name}', which was not given")
            arguments.append(_fitting(states[name], type_))
        elif "stepwell.arena" in attributes:
            arguments.append(poisoned(tuple(type_.shape), np.dtype(np.int8)))
        elif "stepwell.parameters" in attributes:
            arguments.append(_parameter_buffer(root, type_, lookup))
        elif "stepwell.context" in attributes:
            arguments.append(np.zeros(0, np.int8))
        elif remaining:
            arguments.append(_fitting(remaining.pop(0), type_))
        else:
            raise InputError(f"the entry takes more inputs than the {len(inputs)} that were given")
    if remaining:
        raise InputError(f"the entry takes {len(inputs) - len(remaining)} inputs, {len(inputs)} were given")
    return arguments


def _fitting(value: Array, type_: ir.Type) -> Array:
    """Unsigned and plain byte dtypes as the signless type has them; the memory stays the same."""
    dtype = element(type_).dtype
    array = np.asarray(value)
    if array.dtype != dtype and array.dtype.itemsize == dtype.itemsize and array.dtype.kind in "uib":
        return array.view(dtype)
    return array


def _attributes(entry: ir.Operation, name: str, count: int) -> list[dict[str, str]]:
    """The boundary attributes of each argument or result; unit attributes give an empty text."""
    if name not in entry.attributes:
        return [{} for _ in range(count)]
    return [
        {item.name: item.attr.value if isinstance(item.attr, ir.StringAttr) else "" for item in ir.DictAttr(attributes)}
        for attributes in ir.ArrayAttr(entry.attributes[name])
    ]


def _parameter_lookup(interpreter: Interpreter, parameters: Parameters) -> Lookup:
    """Parameters by name; those that a prepare function makes are computed once, when asked for."""
    makers = {
        ir.StringAttr(interpreter.function(name).attributes["stepwell.prepare"]).value: name
        for name in interpreter.functions
        if "stepwell.prepare" in interpreter.function(name).attributes
    }
    made: dict[str, Array] = {}

    def lookup(name: str) -> Array:
        if name in parameters:
            return parameters[name]
        if name not in makers:
            raise InputError(f"the entry wants the parameter '{name}', which was not given")
        if name not in made:
            maker = interpreter.function(makers[name])
            count = len(list(ir.FunctionType(ir.TypeAttr(maker.attributes["function_type"]).value).inputs))
            sources = [attributes["stepwell.parameter"] for attributes in _attributes(maker, "arg_attrs", count)]
            (made[name],) = interpreter.run(makers[name], [lookup(source) for source in sources])
        return made[name]

    return lookup


def _parameter_buffer(root: ir.Operation, type_: ir.Type, lookup: Lookup) -> Array:
    """All parameters in one buffer, at the offsets of the module's layout."""
    buffer = poisoned(tuple(type_.shape), np.dtype(np.int8))
    if "stepwell.layout" in root.attributes:
        for item in ir.DictAttr(root.attributes["stepwell.layout"]):
            raw = np.ascontiguousarray(lookup(item.name)).reshape(-1).view(np.int8)
            offset = ir.IntegerAttr(item.attr).value
            buffer[offset : offset + raw.size] = raw
    return buffer


def _output_dtypes(root: ir.Operation) -> dict[int, np.dtype[Any]]:
    """The element type of each output that is asked for from the context.

    The call carries it as ``stepwell.element``; without that it is read from the view that the result goes into.
    """
    dtypes: dict[int, np.dtype[Any]] = {}

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "func.call" and ir.FlatSymbolRefAttr(op.attributes["callee"]).value == _OUTPUT:
            number = op.operands[1].owner.operation
            if "stepwell.element" in op.attributes and number.name == "arith.constant":
                kind = ir.TypeAttr(op.attributes["stepwell.element"]).value
                dtypes[number.attributes["value"].value] = element(kind).dtype
                return ir.WalkResult.ADVANCE
            views = [use.owner.operation for use in op.results[0].uses]
            if number.name != "arith.constant" or not views or views[0].name != "memref.view":
                raise UnsupportedError(
                    "an output buffer must have a constant index and go into a 'memref.view'",
                    where=describe_location(op.location),
                )
            dtypes[number.attributes["value"].value] = element(views[0].results[0].type).dtype
        return ir.WalkResult.ADVANCE

    root.walk(visit)
    return dtypes


class _Context:
    """The buffers that are handed out during one call."""

    def __init__(self, dtypes: Mapping[int, np.dtype[Any]]) -> None:
        self._dtypes = dtypes
        self._given: dict[int, tuple[Array, list[int]]] = {}

    def output(self, context: Array, index: Any, sizes: Array) -> Array:
        """The intrinsic ``@stepwell_output``."""
        shape = [int(size) for size in sizes]
        if int(index) not in self._given:
            count = int(np.prod(shape, dtype=np.int64)) * self._dtypes[int(index)].itemsize
            self._given[int(index)] = (poisoned((count,), np.dtype(np.int8)), shape)
        return self._given[int(index)][0]

    def arena(self, context: Array, count: Any) -> Array:
        """The intrinsic ``@stepwell_arena``."""
        return poisoned((int(count),), np.dtype(np.int8))

    def arrays(self) -> list[Array]:
        """What was written, in order of the outputs."""
        return [
            np.array(buffer.view(np.uint8).view(self._dtypes[index]).reshape(shape))
            for index, (buffer, shape) in sorted(self._given.items())
        ]
