"""From a Python call to the flat tensors of a signature, and back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch.utils import _pytree as pytree

from stepwell.support.carried import carried, restored
from stepwell.support.dtypes import from_torch, torch_dtype
from stepwell.support.errors import InputError, UnsupportedError, UsageError
from stepwell.support.signature import Dim, Signature, TensorSpec

_PYTHON_SCALARS = {"int": int, "float": float, "bool": bool}


class CallPlan:
    """Flattens the arguments of one entry, checks them, and rebuilds its outputs.

    Args:
        signature: the entry's boundary.
        in_spec, out_spec: live tree structures, where the serialised ones of the signature can't carry them
            (a dataclass output that torch can't name); None takes those of the signature.
        devices: the kinds of devices that tensors may lie on.
    """

    def __init__(
        self,
        signature: Signature,
        in_spec: pytree.TreeSpec | None = None,
        out_spec: pytree.TreeSpec | None = None,
        devices: tuple[str, ...] = ("cpu",),
    ) -> None:
        self.signature = signature
        self._devices = devices
        self._live = in_spec, out_spec
        self._dtypes = [torch_dtype(spec.outer_dtype) for spec in signature.inputs]
        self._carried = [not spec.itself for spec in signature.inputs]
        self._gives_others = not all(spec.itself for spec in signature.results)
        self._static = [all(isinstance(size, int) for size in spec.shape) for spec in signature.inputs]

    @cached_property
    def in_spec(self) -> pytree.TreeSpec | None:
        """The structure of the arguments; None for tensors alone."""
        return self._live[0] or _tree(self.signature.in_spec)

    @cached_property
    def out_spec(self) -> pytree.TreeSpec | None:
        """The structure of the results; None for tensors alone."""
        return self._live[1] or _tree(self.signature.out_spec)

    def check_named(self) -> None:
        """Check that another process can rebuild the structures.

        Raises:
            UsageError: a class in them has no name to be found by.
        """
        for spec, text in zip(self._live, (self.signature.in_spec, self.signature.out_spec), strict=True):
            if spec is not None and text is None:
                raise UsageError(
                    f"arguments or results hold a class that can't be named in a file: {_classes(spec)}",
                    hint="register it with torch.export.register_dataclass(..., serialized_type_name=...)",
                )

    def flatten(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[torch.Tensor]:
        """The tensor inputs of a call, contiguous and checked.

        Raises:
            InputError: a missing or surplus argument, another structure, dtype, shape or device than compiled for.
        """
        leaves = list(args) if self._flat and not kwargs else self._leaves(args, kwargs)
        expected = len(self.signature.input_leaves) or len(self.signature.inputs)
        if len(leaves) != expected:
            raise InputError(f"{len(leaves)} arguments given where {expected} are expected", hint=self._usage())
        inputs: list[Any] = [None] * len(self.signature.inputs)
        for position, leaf in enumerate(leaves):
            index = self.signature.input_leaves[position] if self.signature.input_leaves else position
            if index is None:
                self._check_constant(position, leaf)
            else:
                inputs[index] = self._tensor(index, leaf)
        self._check_sizes(inputs)
        return inputs

    def check(self, inputs: Sequence[Any]) -> list[torch.Tensor]:
        """Tensor inputs given flat, in signature order; checked as :meth:`flatten` does."""
        if len(inputs) != len(self.signature.inputs):
            raise InputError(
                f"{len(inputs)} inputs given where {len(self.signature.inputs)} are expected", hint=self._usage()
            )
        tensors = [self._tensor(index, value) for index, value in enumerate(inputs)]
        self._check_sizes(tensors)
        return tensors

    def unflatten(self, inputs: Sequence[torch.Tensor], results: Sequence[torch.Tensor]) -> Any:
        """The model's output tree from the entry's results."""
        signature = self.signature
        results = self.outer(results)
        leaves: list[Any] = []
        for output in signature.outputs:
            if output.kind == "constant":
                leaves.append(output.value)
            elif output.kind == "input":
                given = inputs[output.index]
                leaves.append(restored(given, signature.inputs[output.index]))
            else:
                result, scalar = results[output.index], signature.results[output.index].scalar
                leaves.append(_PYTHON_SCALARS[scalar](result.item()) if scalar else result)
        if self.out_spec is None:
            return leaves[0] if len(leaves) == 1 else tuple(leaves)
        return pytree.tree_unflatten(leaves, self.out_spec)

    def outer(self, results: Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
        """The entry's results as the model's own, in the same memory."""
        if not self._gives_others:
            return results
        specs = self.signature.results
        return [restored(result, spec) for result, spec in zip(results, specs, strict=True)]

    @cached_property
    def takes_tensors(self) -> bool:
        """Whether the positional arguments of a call may be the entry's inputs as they are."""
        inputs = self.signature.inputs
        in_order = list(self.signature.input_leaves) in ([], list(range(len(inputs))))
        return self._flat and in_order and all(spec.itself for spec in inputs)

    @cached_property
    def gives_tensor(self) -> bool:
        """Whether the entry's only result is what the model returns."""
        outputs, results = self.signature.outputs, self.signature.results
        alone = len(outputs) == len(results) == 1 and outputs[0].kind == "result"
        alone = alone and not results[0].scalar and results[0].itself
        return alone and (self.out_spec is None or self.out_spec.is_leaf())

    @cached_property
    def _flat(self) -> bool:
        """Whether a call without keyword arguments passes just its tensors, in order."""
        leaves = self.signature.input_leaves
        if self.in_spec is None:
            return True
        flat = pytree.tree_structure((tuple([0] * len(leaves)), {}))
        return self.in_spec == flat and None not in leaves

    def _leaves(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        if self.in_spec is None:
            if kwargs:
                raise InputError(f"unexpected keyword arguments {', '.join(kwargs)}", hint=self._usage())
            return list(args)
        args, kwargs = self._with_positional(args, kwargs)
        names = self._keyword_names()
        ordered = {name: kwargs[name] for name in names if name in kwargs}
        ordered.update({name: value for name, value in kwargs.items() if name not in ordered})
        leaves, spec = pytree.tree_flatten((args, ordered))
        if spec != self.in_spec:
            missing = [name for name in names if name not in kwargs]
            surplus = [name for name in kwargs if name not in names]
            positional = self.in_spec.child(0).num_children
            detail = "the arguments have another structure than those compiled for"
            if len(args) < positional:
                absent = ", ".join(self.signature.positional[len(args) : positional])
                detail = f"missing argument: {absent or f'{positional} are expected, {len(args)} given'}"
            elif len(args) > positional:
                detail = f"{len(args)} positional arguments given where {positional} are expected"
            elif missing:
                detail = f"missing argument: {', '.join(missing)}"
            elif surplus:
                detail = f"unexpected argument: {', '.join(surplus)}"
            raise InputError(detail, hint=self._usage())
        return leaves

    def _with_positional(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The call with positional arguments that were given as keywords in their places."""
        given = list(args)
        for name in self.signature.positional[len(args) :]:
            if name not in kwargs or name in self._keyword_names():
                break
            given.append(kwargs[name])
        taken = self.signature.positional[len(args) : len(given)]
        return tuple(given), {name: value for name, value in kwargs.items() if name not in taken}

    def _keyword_names(self) -> list[str]:
        assert self.in_spec is not None
        keywords = self.in_spec.child(1)
        return list(keywords.context) if keywords.context else []

    def _tensor(self, index: int, leaf: Any) -> torch.Tensor:
        spec = self.signature.inputs[index]
        if not isinstance(leaf, torch.Tensor):
            kind = _PYTHON_SCALARS.get(spec.scalar or "")
            if kind is not None and isinstance(leaf, (int, float)) and (kind is not int or isinstance(leaf, int)):
                return torch.tensor(leaf, dtype=self._dtypes[index])
            wanted = f"a Python {spec.scalar}" if spec.scalar else "a tensor"
            raise InputError(f"argument '{spec.name}' must be {wanted}, not {type(leaf).__name__}")
        if leaf.dtype is not self._dtypes[index]:
            raise InputError(
                f"argument '{spec.name}' has dtype {_dtype_name(leaf.dtype)}, compiled for {spec.outer_dtype}",
                hint=f"convert it with .to({self._dtypes[index]})",
            )
        if leaf.device.type not in self._devices:
            raise InputError(
                f"argument '{spec.name}' is on device {leaf.device}, this target takes {' and '.join(self._devices)} "
                "tensors",
                hint="move it with .cpu()",
            )
        if leaf.layout is not torch.strided:
            raise InputError(
                f"argument '{spec.name}' must be a dense tensor, not {leaf.layout}", hint="use .to_dense()"
            )
        if self._static[index] and leaf.shape != spec.outer_shape:
            raise self._wrong_shape(spec, leaf)
        tensor = leaf.detach() if leaf.requires_grad else leaf
        if not tensor.is_contiguous() or tensor.is_conj() or tensor.is_neg():
            tensor = tensor.resolve_conj().resolve_neg().contiguous()
        return carried(tensor) if self._carried[index] else tensor

    def _check_sizes(self, inputs: Sequence[torch.Tensor]) -> None:
        symbols: dict[str, tuple[int, str]] = {}
        for index, tensor in enumerate(inputs):
            if self._static[index]:
                continue
            spec = self.signature.inputs[index]
            if tensor.dim() != len(spec.shape):
                raise self._wrong_shape(spec, tensor)
            for axis, (expected, actual) in enumerate(zip(spec.shape, tensor.shape, strict=True)):
                if isinstance(expected, int):
                    if expected != actual:
                        raise self._wrong_shape(spec, tensor)
                elif expected.symbol is not None:
                    self._bind(symbols, expected, actual, f"dimension {axis} of argument '{spec.name}'")

    def _bind(self, symbols: dict[str, tuple[int, str]], dim: Dim, actual: int, place: str) -> None:
        value, remainder = divmod(actual - dim.offset, dim.scale)
        assert dim.symbol is not None
        if remainder:
            raise InputError(f"{place} is {actual}, which is not of the form {dim}")
        bound, first = symbols.setdefault(dim.symbol, (value, place))
        if bound != value:
            expected = dim.scale * bound + dim.offset
            raise InputError(f"{place} is {actual}, expected {expected}: it must agree with {first}")
        allowed = self.signature.symbols.get(dim.symbol)
        if allowed and (value < allowed.lower or (allowed.upper is not None and value > allowed.upper)):
            upper = "unbounded" if allowed.upper is None else allowed.upper
            raise InputError(f"{place} is {actual}; '{dim.symbol}' must lie between {allowed.lower} and {upper}")

    def _check_constant(self, position: int, leaf: Any) -> None:
        expected = self.signature.leaf_constants.get(position)
        if type(leaf) is not type(expected) or leaf != expected:
            raise InputError(
                f"argument {position} was fixed to {expected!r} when the model was exported, it can't be {leaf!r}",
                hint="compile again with the other value, or pass a tensor",
            )

    def _wrong_shape(self, spec: TensorSpec, tensor: torch.Tensor) -> InputError:
        expected = "[" + ", ".join(str(size) for size in spec.outer_shape) + "]"
        given = tensor.shape[:-1] if spec.pairs and not tensor.is_complex() else tensor.shape
        return InputError(
            f"argument '{spec.name}' has shape {list(given)}, compiled for {expected}",
            hint="compile with dynamic_shapes= if sizes vary",
        )

    def _usage(self) -> str:
        return "expected " + ", ".join(str(spec) for spec in self.signature.inputs)


def _tree(text: str | None) -> pytree.TreeSpec | None:
    """A structure from its text form.

    Raises:
        UsageError: it has a class that nothing in this process has registered.
    """
    try:
        return pytree.treespec_loads(text) if text else None
    except NotImplementedError as failure:
        name = next(iter(re.findall(r"Deserializing (\S+)", str(failure))), "?")
        raise UsageError(
            f"arguments or results of the model hold a '{name}', which this process does not know",
            hint="import the module that registers it with torch's pytree before the call",
        ) from None


def _classes(spec: pytree.TreeSpec) -> str:
    """The classes in a structure that are none of Python's own."""
    kinds, rest = [], [spec]
    while rest:
        node = rest.pop()
        kinds.append(node.type)
        rest += node.children()
    return ", ".join({kind.__name__: None for kind in kinds if kind is not None and kind.__module__ != "builtins"})


def _dtype_name(dtype: torch.dtype) -> str:
    try:
        return from_torch(dtype)
    except UnsupportedError:
        return str(dtype)
