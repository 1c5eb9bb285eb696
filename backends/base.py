"""What a target must provide: a pipeline from the graph level down, a check before it, and an executable behind it.

Adding a target touches its own folder and one line in ``backends/registry.py``.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from stepwell.backends.target import Target
from stepwell.passes.base import PassContext
from stepwell.passes.pipeline import Pipeline
from stepwell.passes.schedules.book import Schedules
from stepwell.support.errors import UsageError
from stepwell.support.parameters import ParameterStore
from stepwell.support.signature import Signature

if TYPE_CHECKING:
    import torch
    from torch_mlir import ir

__all__ = ["Backend", "Capabilities", "Code", "Lowered", "Runnable", "Target"]


@dataclass(frozen=True)
class Capabilities:
    """What a target can take, for the check before any lowering.

    Attributes:
        dtypes: element types by their MLIR names.
        dynamic_shapes: whether sizes may be known only when run.
        operators: the torch operators taken (``aten.add.Tensor``), or None for whatever lowers to the tensor level.
        states: whether mutable buffers are taken.
    """

    dtypes: frozenset[str]
    dynamic_shapes: bool = True
    operators: frozenset[str] | None = None
    states: bool = True


@dataclass
class Lowered:
    """A program that went through the target's pipeline.

    Attributes:
        module: the IR at the target's last level.
        signatures: by entry.
        parameters: original and prepared weights by name; initial states under ``state:NAME``.
        context: what the passes reported and read.
        target: with every option resolved (``cpu=host`` made explicit).
        forms: what :meth:`Backend.code_form` will be asked for.
        meanwhile: may be called with the layout of the parameter file as soon as that is known, best while code is
            generated in another thread.
    """

    module: ir.Module
    signatures: dict[str, Signature]
    parameters: ParameterStore
    context: PassContext
    target: Target
    forms: tuple[str, ...] = ()
    meanwhile: Callable[[Mapping[str, int]], None] = lambda layout: None


@dataclass
class Code:
    """What a backend emits: the files of an artifact beside ``model.json`` and the parameters.

    Attributes:
        files: file name -> bytes; always holds what :meth:`Backend.load` needs.
        facts: for ``model.json``: CPU features, launch descriptions, cycle estimates and the like.
        layout: parameter name -> byte offset in the parameter file's data.
        forms: the code in the other forms that were asked for; no part of an artifact.
    """

    files: dict[str, bytes]
    facts: dict[str, Any] = field(default_factory=dict)
    layout: dict[str, int] = field(default_factory=dict)
    forms: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class LayerReport:
    """What each layer of a program does: text for people, data for programs, and a picture as SVG."""

    text: str
    data: Mapping[str, Any]
    picture: str


class Runnable(ABC):
    """Loaded code of one artifact; immutable. Sessions on it own mutable state.

    Attributes:
        devices: the kinds of torch devices that inputs may lie on.
    """

    devices: ClassVar[tuple[str, ...]] = ("cpu",)

    @abstractmethod
    def run(self, session: Any, entry: str, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Run ``entry`` on contiguous CPU tensors that fit the signature; gives the results in signature order."""

    def run_all(self, session: Any, entry: str, calls: Sequence[Sequence[torch.Tensor]]) -> list[list[torch.Tensor]]:
        """Run ``entry`` on each of ``calls``, in order; targets that take one while the last is under way do so."""
        return [self.run(session, entry, inputs) for inputs in calls]

    @abstractmethod
    def new_session(self) -> Any:
        """Fresh state with its initial values."""

    def direct(self, session: Any, entry: str) -> Callable[..., Sequence[torch.Tensor] | None] | None:
        """A short way to :meth:`run` that checks its inputs itself: called with plain tensors, it gives the results.

        It gives None for what it does not take (which has run nothing then); None where there is no such way.
        """
        return None

    def rebind(self, parameter_file: Path) -> None:
        """Take the weights of another file of the same layout; sessions go over to it at their next run."""
        raise UsageError(
            f"a loaded {type(self).__name__} can't take other weights", hint="rebind the artifact and load it again"
        )

    def clone_session(self, session: Any) -> Any:
        """A copy of ``session``; by default copies Python's containers and arrays."""
        return copy.deepcopy(session)

    def state(self, session: Any, name: str) -> torch.Tensor:
        """The current value of state ``name``."""
        raise UsageError(f"this target keeps no state called '{name}'")

    def layer_report(self, frames: int, seed: int) -> LayerReport:
        """Measure every layer on ``frames`` random inputs."""
        raise UsageError(
            "this target does not measure layers", hint="'stepwell profile' says how long operations take on the CPU"
        )

    @property
    def facts(self) -> Mapping[str, Any]:
        """Numbers of the last run that the target counts itself (``cycles``)."""
        return {}


class Backend(ABC):
    """A target description."""

    name: ClassVar[str]
    summary: ClassVar[str]
    options: ClassVar[Mapping[str, str]]
    """Option name -> help text."""
    code_forms: ClassVar[tuple[str, ...]] = ()
    """What :meth:`code_form` can give (``ll``, ``s``, ``ptx``, ``sv``)."""
    printed_forms: ClassVar[Mapping[str, str]] = {}
    """What :meth:`print_form` can give, and the level whose IR it prints."""
    kept_stage: ClassVar[str] = ""
    """The stage of the pipeline behind which an artifact keeps the program, to be compiled again from there."""
    beside_torch: ClassVar[bool] = False
    """Whether PyTorch, on CPU tensors, may run parts of a model and this target others."""

    def resolve(self, target: Target) -> Target:
        """Check the options and make implied ones explicit (``cpu=host`` becomes a CPU and its features).

        Raises:
            UsageError: an option that the target does not have, or a value that it can't take.
        """
        for option in target.options:
            if option not in self.options:
                known = ", ".join(sorted(self.options)) or "none"
                raise UsageError(f"target '{self.name}' has no option '{option}'", hint=f"its options: {known}")
        return target

    def suit(self, target: Target, signatures: Mapping[str, Signature]) -> Target:
        """``target`` with the options that follow from a program at the graph level.

        Raises:
            UsageError: an option that this program has no use for.
        """
        return target

    @abstractmethod
    def capabilities(self, target: Target) -> Capabilities:
        """What can be compiled for ``target``."""

    def coarsest(self, target: Target) -> str | None:
        """A type coarser than the model's own that ``target`` rounds numbers to by request: ``tf32``."""
        return None

    @abstractmethod
    def pipeline(self, target: Target) -> Pipeline:
        """The stages from the imported graph level to the target's last level."""

    def schedules(self, target: Target) -> Schedules:
        """What passes ask how to shape code; from a database where ``target`` names one.

        Raises:
            ScheduleError: the database can't be understood.
        """
        return Schedules()

    @abstractmethod
    def emit(self, lowered: Lowered) -> Code:
        """Turn the last level into code."""

    def package(self, code: Code, parameter_file: Path) -> Code:
        """The code as an artifact folder holds it (an object becomes a shared library); as it is by default."""
        return code

    def code_form(self, code: Code, form: str) -> bytes:
        """The code in another form, one of :attr:`code_forms`; it was emitted with that form asked for."""
        if form in code.forms:
            return code.forms[form]
        raise UsageError(f"target '{self.name}' emits no '{form}'")

    def print_form(self, module: ir.Operation, form: str) -> str:
        """A program at a level as text in another language, one of :attr:`printed_forms`."""
        raise UsageError(f"target '{self.name}' emits no '{form}'")

    @abstractmethod
    def load(
        self, code: Code, signatures: dict[str, Signature], parameter_file: Path, folder: Path | None = None
    ) -> Runnable:
        """Make code runnable in this process; checks that this machine can run it.

        Args:
            code: as emitted, or (with ``folder``) as packaged and read back.
            parameter_file: a safetensors file with the layout of ``code.layout``.
            folder: the artifact folder that holds ``code.files``, or None for code that was never written.

        Raises:
            ArtifactError: this machine can't run the code of ``folder``. Code that was just emitted for another
                machine is to give a runnable that raises when it is run, so that it can be saved.
        """

    def doctor(self) -> list[tuple[str, bool, str]]:
        """For ``stepwell doctor``: (what, whether it is there, the version or the command that supplies it)."""
        return []
