"""A pipeline is data: named stages of passes, printed and parsed in MLIR's pipeline syntax.

``builtin.module(fuse,tile{sizes=8,32},func.func(canonicalize,cse),check-level{level=tensor stage=schedule},...)``.
A stage ends at its ``check-level`` element, which also checks the contract of the level reached.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from stepwell.passes.base import Pass, make_pass
from stepwell.passes.check_level import CheckLevel
from stepwell.passes.registry import is_registered, lookup
from stepwell.support.errors import UsageError


@dataclass
class Upstream:
    """A pass of MLIR, torch-mlir or LLVM's, by name, with its options as text."""

    name: str
    options: str = ""

    def __str__(self) -> str:
        return f"{self.name}{{{self.options}}}" if self.options else self.name


@dataclass
class Nested:
    """Elements that run on every child operation called ``anchor``."""

    anchor: str
    elements: list[Element] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.anchor}({','.join(str(element) for element in self.elements)})"


Element = Pass | Upstream | Nested


@dataclass
class Stage:
    """A named run of passes; afterwards the IR keeps the contract of ``level``."""

    name: str
    level: str
    elements: list[Element] = field(default_factory=list)


@dataclass
class Pipeline:
    """Stages in order. Edit it in place: ``insert_after``, ``insert_before``, ``replace``, ``remove``."""

    stages: list[Stage] = field(default_factory=list)

    def __str__(self) -> str:
        return f"builtin.module({','.join(str(element) for element in self.elements())})"

    def elements(self) -> Iterator[Element]:
        """All top-level elements, each stage closed by its ``check-level``."""
        for stage in self.stages:
            yield from stage.elements
            if stage.level:
                yield CheckLevel(level=stage.level, stage=stage.name)

    def insert_after(self, name: str, element: Element | str) -> None:
        """Put ``element`` behind the first pass (or nested pass) called ``name``."""
        elements, index = self._find(name)
        elements.insert(index + 1, as_element(element))

    def insert_before(self, name: str, element: Element | str) -> None:
        """Put ``element`` before the first pass called ``name``."""
        elements, index = self._find(name)
        elements.insert(index, as_element(element))

    def replace(self, name: str, element: Element | str) -> None:
        """Put ``element`` in the place of the first pass called ``name``."""
        elements, index = self._find(name)
        elements[index] = as_element(element)

    def remove(self, name: str) -> None:
        """Take the first pass called ``name`` out."""
        elements, index = self._find(name)
        del elements[index]

    def until(self, level: str) -> Pipeline:
        """The stages up to and with the last one at ``level``."""
        last = max((i for i, stage in enumerate(self.stages) if stage.level == level), default=-1)
        if last < 0:
            have = ", ".join(dict.fromkeys(stage.level for stage in self.stages))
            raise UsageError(f"the pipeline does not pass level '{level}'", hint=f"it passes {have}")
        return Pipeline(self.stages[: last + 1])

    def _find(self, name: str) -> tuple[list[Element], int]:
        pending = [stage.elements for stage in self.stages]
        while pending:
            elements = pending.pop(0)
            for index, element in enumerate(elements):
                if isinstance(element, Nested):
                    pending.insert(0, element.elements)
                elif element.name == name:
                    return elements, index
        raise UsageError(f"the pipeline has no pass '{name}'", hint=f"it is {self}")


def as_element(element: Element | str) -> Element:
    """An element from its text, or as it is."""
    return parse_element(element) if isinstance(element, str) else element


def parse_pipeline(text: str) -> Pipeline:
    """Inverse of ``str(pipeline)``; elements behind the last ``check-level`` form a stage without a level.

    Raises:
        UsageError: text that is not ``builtin.module(...)``, an unknown option, unbalanced brackets.
    """
    match = re.fullmatch(r"\s*builtin\.module\((.*)\)\s*", text, re.DOTALL)
    if match is None:
        raise UsageError(f"a pipeline reads 'builtin.module(...)', not '{text}'")
    pipeline, elements = Pipeline(), list[Element]()
    for part in split_elements(match[1]):
        element = parse_element(part)
        if isinstance(element, CheckLevel):
            pipeline.stages.append(Stage(element.stage or element.level, element.level, elements))
            elements = []
        else:
            elements.append(element)
    if elements:
        pipeline.stages.append(Stage("rest", "", elements))
    return pipeline


def parse_element(text: str) -> Element:
    """One element of a pipeline: a pass of ours, an upstream pass, or ``anchor(...)``."""
    text = text.strip()
    nested = re.fullmatch(r"([\w.]+)\((.*)\)", text, re.DOTALL)
    if nested:
        return Nested(nested[1], [parse_element(part) for part in split_elements(nested[2])])
    head = re.fullmatch(r"([\w.\-]+)(?:\{(.*)\})?", text, re.DOTALL)
    if head is None:
        hint = "write name, name{option=value} or anchor(...)"
        raise UsageError(f"'{text}' is not an element of a pipeline", hint=hint)
    name, options = head[1], (head[2] or "").strip()
    if is_registered(name):
        return make_pass(lookup(name), parse_options(options))
    return Upstream(name, options)


def parse_options(text: str) -> dict[str, str]:
    """``a=1 b=2,3 flag`` as a dictionary; a bare word means true; braces and quotes protect blanks."""
    options: dict[str, str] = {}
    for word in _split(text, " \t\n"):
        key, separator, value = word.partition("=")
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        options[key] = value if separator else "true"
    return options


def split_elements(text: str) -> list[str]:
    """Split at the commas outside of brackets."""
    return _split(text, ",")


def _split(text: str, separators: str) -> list[str]:
    parts, depth, current, quote = [], 0, "", ""
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "({[<":
            depth += 1
        elif char in ")}]>":
            depth -= 1
            if depth < 0:
                raise UsageError(f"unbalanced '{char}' in pipeline text '{text}'")
        if char in separators and depth == 0 and not quote:
            parts.append(current)
            current = ""
        else:
            current += char
    if depth or quote:
        raise UsageError(f"a bracket or quote is left open in pipeline text '{text}'")
    parts.append(current)
    return [part.strip() for part in parts if part.strip()]
