"""A compiled program: call it, give it sessions, save it."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stepwell.backends.base import Code, Runnable
from stepwell.backends.target import Target
from stepwell.driver.calling import CallPlan
from stepwell.driver.report import CompileReport
from stepwell.support.carried import restored
from stepwell.support.errors import UsageError
from stepwell.support.signature import Signature

if TYPE_CHECKING:
    from stepwell.driver.rebind import Rebound

#: The program behind the stage that the target keeps it at, headed by the pipeline that is still to run.
PROGRAM = "program.mlir"
#: The entries of schedule databases that the code was made with.
SCHEDULES = "schedules.json"


class ParameterFile(Protocol):
    """One that somebody has to let go."""

    path: Path

    def close(self) -> None:
        """Let it go."""


@dataclass(frozen=True)
class WeightFacts:
    """What must be known of a program's weights to give it others.

    Attributes:
        constants: names that a checkpoint of the model does not have.
        ties: name of a tied weight -> the name that stands for it.
        read: name -> SHA-256 of the values that the code itself depends on.
    """

    constants: tuple[str, ...] = ()
    ties: Mapping[str, str] = field(default_factory=dict)
    read: Mapping[str, str] = field(default_factory=dict)


class Session:
    """Mutable state of one user of an executable: its buffers (a KV cache, counters) live here.

    Sessions on one executable are independent; one session is used by one thread at a time.
    """

    def __init__(self, executable: Executable) -> None:
        self._executable = executable
        self._handle = executable.runnable.new_session()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.run("main", *args, **kwargs)

    def run(self, entry: str, *args: Any, **kwargs: Any) -> Any:
        """Call entry point ``entry``."""
        plan = self._executable.plan(entry)
        if plan.takes_tensors and not kwargs:
            direct = self._executable.runnable.direct(self._handle, entry)
            given = direct(*args) if direct else None
            if given is not None:
                return given[0] if plan.gives_tensor else plan.unflatten(args, given)
        inputs = plan.flatten(args, kwargs)
        results = self._executable.runnable.run(self._handle, entry, inputs)
        return plan.unflatten(inputs, results)

    def run_all(self, calls: Iterable[tuple[Any, ...]], entry: str = "main") -> list[Any]:
        """Call ``entry`` once for each tuple of arguments, in order; hardware takes them back to back."""
        plan = self._executable.plan(entry)
        inputs = [plan.flatten(args, {}) for args in calls]
        results = self._executable.runnable.run_all(self._handle, entry, inputs)
        return [plan.unflatten(given, result) for given, result in zip(inputs, results, strict=True)]

    def state(self, name: str) -> Any:
        """The current value of the mutable buffer ``name`` as a tensor."""
        value = self._executable.runnable.state(self._handle, name)
        specs = (spec for signature in self._executable.signatures.values() for spec in signature.states)
        spec = next((spec for spec in specs if spec.name == name), None)
        return value if spec is None else restored(value, spec)

    def reset(self) -> None:
        """Put every mutable buffer back to its initial value."""
        self._handle = self._executable.runnable.new_session()

    def clone(self) -> Session:
        """A session that starts with the state of this one and goes its own way."""
        copy = Session(self._executable)
        copy._handle = self._executable.runnable.clone_session(self._handle)
        return copy


class Executable:
    """A program compiled for a target; immutable but for its default session.

    Attributes:
        target: what it was compiled for, every option resolved.
        signatures: the boundary of each entry point.
        report: what compiling it took (None for a loaded one).
        sources: file name -> text of what the code can be made from again: :data:`PROGRAM` and :data:`SCHEDULES`,
            where there are any.
    """

    def __init__(
        self,
        target: Target,
        code: Code,
        runnable: Runnable,
        signatures: dict[str, Signature],
        parameter_file: Path,
        *,
        report: CompileReport | None = None,
        plans: dict[str, CallPlan] | None = None,
        prepare: str = "",
        weights: WeightFacts | None = None,
        sources: Mapping[str, str] | None = None,
        keep: object = None,
    ) -> None:
        self.target = target
        self.code = code
        self.runnable = runnable
        self.signatures = signatures
        self.parameter_file = parameter_file
        self.report = report
        self.prepare = prepare
        self.weights = weights or WeightFacts()
        self.sources = dict(sources or {})
        self._plans = plans or {}
        self._keep = keep
        self._default: Session | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the main entry in the default session: tensors in, tensors out, structured as the model's."""
        return self._session().run("main", *args, **kwargs)

    def run(self, entry: str, *args: Any, **kwargs: Any) -> Any:
        """Call another entry point in the default session."""
        return self._session().run(entry, *args, **kwargs)

    def run_all(self, calls: Iterable[tuple[Any, ...]], entry: str = "main") -> list[Any]:
        """Call ``entry`` once for each tuple of arguments, in the default session and in order.

        Hardware takes them back to back, in one simulation: ``cycles`` counts all of them.
        """
        return self._session().run_all(calls, entry)

    def new_session(self) -> Session:
        """A session of its own, with initial state."""
        return Session(self)

    def state(self, name: str) -> Any:
        """The default session's value of the mutable buffer ``name``."""
        return self._session().state(name)

    def reset(self) -> None:
        """Put the default session's state back to its initial values."""
        self._session().reset()

    def rebind(self, weights: str | Path | Mapping[str, Any]) -> Rebound:
        """Take other weights of the same shapes; prepared weights are made again.

        Sessions go over to them at their next call, a call that is under way ends with the old ones. Mutable buffers
        keep their values until :meth:`reset`.

        Args:
            weights: a safetensors file, or tensors by the names that the model's ``state_dict`` has.

        Raises:
            ArtifactError: a weight is missing, has another shape, or the code depends on the old values.
        """
        from stepwell.driver.rebind import open_weights, write_rebound

        opened, origin = open_weights(weights)
        folder = Path(tempfile.mkdtemp(prefix="stepwell-"))
        try:
            file = folder / "model.safetensors"
            rebound = write_rebound(self, opened, origin, file)
            self.runnable.rebind(file)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.parameter_file = file
        return rebound

    def hold(self, file: ParameterFile) -> None:
        """Use ``file`` for the parameter file, whose content it has, and close it at the end."""
        self.parameter_file = file.path
        weakref.finalize(self, file.close)

    def save(self, folder: str | Path) -> None:
        """Write the artifact folder; whole or not at all.

        Raises:
            ArtifactError: the folder can't be written. ToolError: a linker is missing.
        """
        from stepwell.driver.artifact import save_artifact

        save_artifact(self, Path(folder))

    def plan(self, entry: str) -> CallPlan:
        """How calls of ``entry`` are flattened."""
        if entry not in self._plans:
            if entry not in self.signatures:
                raise UsageError(f"there is no entry point '{entry}'", hint=f"there are {', '.join(self.signatures)}")
            self._plans[entry] = CallPlan(self.signatures[entry], devices=self.runnable.devices)
        return self._plans[entry]

    @property
    def facts(self) -> Mapping[str, Any]:
        """Numbers of the last run that the target counts itself."""
        return self.runnable.facts

    @property
    def cycles(self) -> int:
        """Clock cycles of the last run, on targets that count them."""
        if "cycles" not in self.facts:
            raise UsageError(f"target '{self.target.name}' counts no cycles", hint="compile for target 'hls'")
        return int(self.facts["cycles"])

    def _session(self) -> Session:
        if self._default is None:
            self._default = Session(self)
        return self._default
