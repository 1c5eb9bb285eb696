"""The body of a kernel as lines of C++: what has been written, and what stands for each value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch_mlir import ir

from stepwell.backends.cuda.cpp.assembly import Assembly
from stepwell.backends.cuda.cpp.expression import Expression
from stepwell.backends.cuda.cpp.names import Names
from stepwell.backends.cuda.cpp.types import Types
from stepwell.support.errors import CodegenError
from stepwell.support.locations import UNKNOWN, describe_location

_LONGEST = 60
"""An expression that is used once is written where it is used, up to this length."""


@dataclass(frozen=True)
class Memory:
    """A memref: its first element, and how far it is from each index to the next."""

    base: Expression
    sizes: tuple[Expression, ...]
    strides: tuple[Expression, ...]


class Writer:
    """Lines of one kernel.

    Attributes:
        lanes: vectors that are being put together: their lanes so far.
        shared: whether the kernel uses its dynamic shared memory.
    """

    def __init__(self, types: Types, assembly: Assembly) -> None:
        self.types, self.assembly = types, assembly
        self.names = Names()
        self.lines: list[str] = []
        self.memories: dict[ir.Value, Memory] = {}
        self.lanes: dict[ir.Value, dict[int, str]] = {}
        self.shared = False
        self.loops = 0
        self._values: dict[ir.Value, Expression] = {}
        self._indent = 1
        self._place, self._said = "", ""

    def line(self, text: str) -> None:
        """Write a line, and above it where in the model it comes from if that is another place than before."""
        if self._place != self._said:
            self._said = self._place
            self.lines.append("  " * self._indent + f"// {self._place}")
        self.lines.append("  " * self._indent + text)

    @contextmanager
    def indented(self) -> Iterator[None]:
        """Lines of an inner block."""
        self._indent += 1
        yield
        self._indent -= 1

    def comes_from(self, op: ir.Operation) -> None:
        """Lines from here on are of ``op``."""
        place = describe_location(op.location)
        if place != UNKNOWN:
            self._place = place.rpartition(":")[0] or place

    # -- values -------------------------------------------------------------------------------------------------------

    def value(self, value: ir.Value) -> Expression:
        """What stands for ``value``."""
        return self._values[value]

    def operands(self, op: ir.Operation) -> list[Expression]:
        """Those of an operation, in order."""
        return [self._values[operand] for operand in op.operands]

    def operands_from(self, op: ir.Operation, first: int) -> list[Expression]:
        """Those from number ``first`` on."""
        return [self._values[operand] for operand in list(op.operands)[first:]]

    def memory(self, value: ir.Value) -> Memory:
        """What stands for a memref."""
        return self.memories[value]

    def stands_for(self, value: ir.Value, expression: Expression) -> None:
        """Have ``expression`` written wherever ``value`` is used."""
        self._values[value] = expression

    def define(self, value: ir.Value, expression: Expression, hint: str = "", *, pure: bool = True) -> None:
        """Give ``value`` a name, unless its expression can stand where it is used.

        Args:
            pure: whether it is the same wherever it is evaluated.
        """
        uses = list(value.uses)
        once = len(uses) == 1 and uses[0].owner.operation.block == value.owner.operation.block
        if pure and (expression.trivial or (once and len(expression.text) <= _LONGEST)):
            self._values[value] = expression
            return
        kind = f"{expression.pointee}* const" if expression.pointee else f"const {self.types.name(value.type)}"
        if not uses:
            if not pure:
                self.line(f"{expression.text};")
            return
        name = self.names.fresh(hint or _hint(value.type))
        self.line(f"{kind} {name} = {expression.text};")
        self._values[value] = Expression(name, expression.pointee)

    def declare(self, kind: ir.Type, hint: str) -> str:
        """Declare a variable that is set later."""
        name = self.names.fresh(hint)
        self.line(f"{self.types.name(kind)} {name};")
        return name

    def refuse(self, op: ir.Operation, why: str = "") -> CodegenError:
        """That ``op`` can't be printed."""
        return CodegenError(
            f"{op.name} has no form in CUDA C++{f': {why}' if why else ''}",
            where=describe_location(op.location),
            hint="please report it with the model; --emit ptx has the same kernels",
        )


def _hint(kind: ir.Type) -> str:
    text = str(kind)
    if text == "i1":
        return "is"
    if text.startswith("!llvm.ptr"):
        return "place"
    return "n" if text.startswith("i") else "v"
