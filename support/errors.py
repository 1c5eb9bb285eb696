"""The errors a user can see: what was wrong, where, and what to do."""

from __future__ import annotations

import os

DEBUG = "STEPWELL_DEBUG"
"""The environment variable that has the command line tools print tracebacks."""


def debugging() -> bool:
    """Whether whoever runs this wants to see where in our code an error arose."""
    return bool(os.environ.get(DEBUG))


class Error(Exception):
    """Base of every error that Stepwell raises on purpose.

    Args:
        what: one sentence that names what was wrong.
        where: the place (the model's source line, the operation, the file), if there is one.
        hint: what to do about it, if anything is known to help.
    """

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  at: {self.where}")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, str | None]:
        """As plain data; ``kind`` is the name of the class."""
        return {"kind": type(self).__name__, "message": self.what, "where": self.where, "hint": self.hint}


def explain(failure: BaseException) -> str:
    """What a command line tool prints of an exception that is not one of ours, a hint in the second line."""
    if isinstance(failure, MemoryError):
        return "error: out of memory\n  hint: use a smaller batch, or a machine with more"
    first = next(iter(str(failure).splitlines()), "")
    return (
        f"internal error: {type(failure).__name__}: {first[:200]}\n"
        f"  hint: this is a fault of the compiler: please report it with its input and what {DEBUG}=1 prints"
    )


class UsageError(Error):
    """A wrong option, pass name, pipeline text or command line."""


class UnknownPassError(UsageError):
    """A pass that neither Stepwell, nor a plugin, nor MLIR has."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no pass is called '{name}'", hint="stepwell-opt --list-passes shows ours")


class ImportFailure(Error):
    """The model can't be brought to the graph level."""


class UnsupportedError(Error):
    """An operator, dtype or shape that the target can't take; raised before any lowering."""


class PassError(Error):
    """A pass failed or left invalid IR behind."""


class InternalError(PassError):
    """A mistake in a pass's own code, not in what it was given; the exception is its ``__cause__``."""


class LevelError(Error):
    """The IR breaks the contract of the level it claims to be at."""


class InputError(Error):
    """The arguments of a call do not fit the compiled signature."""


class ArtifactError(Error):
    """An artifact or parameter file is missing, damaged, or made for something else."""


class ScheduleError(Error):
    """A schedule database can't be understood, or has a schedule that is not possible."""


class CodegenError(Error):
    """A backend could not turn its IR into code."""


class ToolError(Error):
    """An external tool that is needed is missing or failed."""


class VerificationError(Error):
    """A level computes something other than the one above it."""


class ExecutionError(Error):
    """A compiled or interpreted program failed while it ran."""


class DeviceError(ExecutionError):
    """This machine lacks the device that a program was compiled for."""
