"""The one shape of a pass: a dataclass whose fields are its options, a summary line, and ``run``."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from torch_mlir import ir
from torch_mlir.rewrite import RewritePatternSet, apply_patterns_and_fold_greedily

from stepwell.passes.schedules.book import Schedules
from stepwell.support.errors import UsageError

if TYPE_CHECKING:
    from stepwell.support.parameters import ParameterStore


@dataclass
class PassContext:
    """What a pass may look at beside the IR.

    Attributes:
        parameters: values of the weights by name, or None where only IR is at hand (``stepwell-opt`` on a bare file).
        prepare: the functions that make prepared weights, once ``detach-prepare`` has taken them out of the module.
        schedules: how code for operations is shaped, by their own measure or a database's.
        values_read: names of the parameters whose values a pass has read; their hashes belong in a cache key.
        report: what passes want the user to know, by pass name.
        evaluate: computes the result of a graph-level module from the values of parameters, where somebody can.
    """

    parameters: ParameterStore | None = None
    prepare: ir.Module | None = None
    schedules: Schedules = field(default_factory=Schedules)
    values_read: set[str] = field(default_factory=set)
    report: dict[str, dict[str, Any]] = field(default_factory=dict)
    evaluate: Callable[[ir.Module, Mapping[str, Any]], Any] | None = None

    def note(self, pass_name: str, **facts: Any) -> None:
        """Add facts to the report under ``pass_name``."""
        self.report.setdefault(pass_name, {}).update(facts)


@dataclass
class Pass:
    """Base of all passes. Subclasses are dataclasses; every field is an option with a default.

    Option types: bool, int, float, str, ``tuple[int, ...]``, ``tuple[str, ...]``. In pipeline text an option is
    written ``field-name=value`` (underscores become hyphens), sequences with commas: ``tile{sizes=8,32,64}``.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    anchor: ClassVar[str] = ""
    """The operation it runs on, where it needs to see that whole; empty for any."""

    def run(self, op: ir.Operation, context: PassContext) -> None:
        """Transform ``op`` (a ``builtin.module``, or the anchor it is nested in) in place.

        Raises:
            PassError: where the IR has something that the pass must not guess about.
        """
        raise NotImplementedError(f"{type(self).__name__} has no run method")

    def options(self) -> dict[str, Any]:
        """The options that differ from their defaults, by pipeline spelling."""
        return {
            f.name.replace("_", "-"): getattr(self, f.name)
            for f in dataclasses.fields(self)
            if getattr(self, f.name) != _default(f)
        }

    def __str__(self) -> str:
        options = " ".join(f"{name}={format_value(value)}" for name, value in self.options().items())
        return f"{self.name}{{{options}}}" if options else self.name


Pattern = Callable[[Any, Any], Any]


@dataclass
class PatternPass(Pass):
    """A pass made of rewrite patterns, applied greedily to a fixpoint.

    A pattern is called as ``pattern(op, rewriter)``; it returns True on no match (early), None after a rewrite.
    """

    def patterns(self) -> list[tuple[type | str, Pattern]]:
        """The patterns, each with the op class or operation name it is tried on."""
        raise NotImplementedError(f"{type(self).__name__} has no patterns")

    def run(self, op: ir.Operation, context: PassContext) -> None:
        patterns = self.patterns()
        pattern_set = RewritePatternSet(op.context)
        for root, pattern in patterns:
            pattern_set.add(root, pattern)
        frozen = pattern_set.freeze()
        apply_patterns_and_fold_greedily(op, frozen)


def format_value(value: Any) -> str:
    """An option's value in pipeline text, in quotes where blanks or brackets would end it.

    Raises:
        UsageError: text with both kinds of quotes, which pipeline text can't hold.
    """
    text = ",".join(_text(item) for item in value) if isinstance(value, tuple) else _text(value)
    if not re.search(r"[\s(){}\[\]<>'\"]", text):
        return text
    for quote in "\"'":
        if quote not in text:
            return f"{quote}{text}{quote}"
    raise UsageError(f"an option's value can't hold both kinds of quotes: {text}")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def make_pass(cls: type[Pass], options: dict[str, str]) -> Pass:
    """Build a pass from the options of pipeline text.

    Raises:
        UsageError: an unknown option, or a value that does not fit the option's type.
    """
    hints = typing.get_type_hints(cls)
    fields = {f.name.replace("_", "-"): f.name for f in dataclasses.fields(cls)}
    values: dict[str, Any] = {}
    for key, text in options.items():
        name = fields.get(key.replace("_", "-"))
        if name is None:
            known = ", ".join(sorted(fields)) or "none"
            raise UsageError(f"pass '{cls.name}' has no option '{key}'", hint=f"its options: {known}")
        try:
            values[name] = _parse_value(hints[name], text)
        except ValueError:
            wanted = describe_type(hints[name])
            raise UsageError(f"option '{key}' of pass '{cls.name}' takes {wanted}, not '{text}'") from None
    return cls(**values)


def describe_type(hint: Any) -> str:
    """An option's type in words."""
    if typing.get_origin(hint) is tuple:
        return f"a list of {describe_type(typing.get_args(hint)[0])} values separated by commas"
    return {bool: "true or false", int: "integer", float: "number", str: "text"}.get(hint, str(hint))


def _parse_value(hint: Any, text: str) -> Any:
    origin = typing.get_origin(hint)
    if origin is tuple:
        item = typing.get_args(hint)[0]
        return tuple(_parse_value(item, part.strip()) for part in text.split(",") if part.strip())
    if origin in (typing.Union, types.UnionType):
        return _parse_value(next(h for h in typing.get_args(hint) if h is not type(None)), text)
    if hint is bool:
        if text.lower() not in ("true", "false", "1", "0"):
            raise ValueError(text)
        return text.lower() in ("true", "1")
    if hint is int or hint is float:
        return hint(text)
    return text


def _default(spec: dataclasses.Field[Any]) -> Any:
    if spec.default is not dataclasses.MISSING:
        return spec.default
    if spec.default_factory is not dataclasses.MISSING:
        return spec.default_factory()
    return dataclasses.MISSING
