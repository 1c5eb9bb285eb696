"""One compilation as it was asked for: exports the model, takes code from the cache or compiles it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepwell.backends.registry import backend as find_backend
from stepwell.backends.target import Target
from stepwell.driver import compile_cache
from stepwell.driver.calibration import Calibration
from stepwell.driver.executable import Executable
from stepwell.driver.report import EXAMPLES, CompileReport
from stepwell.frontend.entries import export_entries, import_entries
from stepwell.frontend.load import Exported, export_source, import_exported, load_program
from stepwell.frontend.program import Program
from stepwell.passes.pipeline import Pipeline, parse_pipeline
from stepwell.passes.runner import Observer
from stepwell.support.collection import without_collection
from stepwell.support.errors import Error, UsageError

if TYPE_CHECKING:
    from stepwell.driver.compile import Compilation
    from stepwell.driver.page.write import Page

Source = Any
"""``nn.Module``, ``ExportedProgram``, a path, or several :class:`stepwell.Entry` by name."""


class Request:
    """What :func:`stepwell.compile` was called with.

    Raises:
        UsageError: a target, option or pipeline that is not there, or arguments that belong to no entry.
    """

    def __init__(
        self,
        model: Source,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        target: str | Target = "cpu",
        dynamic_shapes: Any = None,
        pipeline: Pipeline | str | None = None,
        dump_ir: str | Path | None = None,
        calibration: Iterable[Any] | Calibration | None = None,
        fallback: str | None = None,
        html: bool = False,
    ) -> None:
        if isinstance(model, Mapping) and (args or kwargs or dynamic_shapes):
            raise UsageError(
                "arguments beside several entries belong to none of them", hint="put them into stepwell.Entry"
            )
        self._model, self._args, self._kwargs = model, args, dict(kwargs or {})
        self._dynamic_shapes = dynamic_shapes
        parsed = Target.parse(target)
        self._backend = find_backend(parsed.name)
        self._target = self._backend.resolve(parsed)
        self._fallback = fallback
        if fallback is not None:
            from stepwell.driver.fallback.compile import check_fallback

            check_fallback(fallback, self._backend, model)
        self._pipeline = parse_pipeline(pipeline) if isinstance(pipeline, str) else pipeline
        self._dump_dir = Path(dump_ir) if dump_ir else None
        if html and self._dump_dir is None:
            raise UsageError(
                "the page of a model's levels is made of its dumps", hint="name their folder: dump_ir= or --dump-ir DIR"
            )
        self._html = html
        if calibration is not None and not isinstance(calibration, Calibration):
            calibration = Calibration.given(calibration)
        self._calibration = calibration
        self._report = CompileReport()

    @property
    def may_fall_back(self) -> bool:
        """Whether a fallback would be possible, and was not asked for."""
        return (
            self._fallback is None and self._backend.beside_torch and not isinstance(self._model, (str, Path, Mapping))
        )

    def compile(
        self, forms: tuple[str, ...] = (), *, use_cache: bool = True, observers: Sequence[Observer] = ()
    ) -> Executable:
        """The executable, from the cache where it may and can be; ``observers`` see every pass."""
        if self._fallback is None:
            return self._compile(self._export(), forms, use_cache, observers)
        from stepwell.driver.fallback.compile import Mixing, Refused, is_refusal

        exported = None
        try:
            exported = self._export()
            return self._compile(exported, forms, use_cache, observers)
        except Error as failure:
            if not is_refusal(failure):
                raise
            first = exported[0] if exported else None
            refused = Refused(self._model, self._args, self._kwargs, first, failure)
        mixing = Mixing(self._backend, self._target, self._pipeline, self._dump_dir, self._report)
        with without_collection():
            return mixing.compile(refused)

    def _compile(
        self, exported: list[Exported], forms: tuple[str, ...], use_cache: bool, observers: Sequence[Observer]
    ) -> Executable:
        own = bool(forms or observers or self._dump_dir or self._calibration)
        kept = compile_cache.kept_code() if use_cache and exported and not own else None
        key = None
        if kept is not None:
            with self._report.timed("cache"):
                key = compile_cache.cache_key(exported, self._backend, self._target, self._pipeline)
        if kept is not None and key is not None:
            found = compile_cache.find(kept, key, exported, self._backend, self._target, self._report)
            if found is not None:
                return found
        with without_collection():
            compilation = self._compilation(exported)
            for observer in observers:
                compilation.observe(observer)
            with self._page(compilation) as page:
                compilation.lower()
                executable = compilation.finish(forms)
                if page is not None:
                    page.code = executable.code
        if kept is not None and key is not None and not compilation.calibrates:  # samples are not in the key
            compile_cache.keep(kept, key, exported, executable)
        return executable

    def start(self) -> Compilation:
        """A compilation that is ready to be lowered; the cache is not asked, and no page is written."""
        return self._compilation(self._export())

    def lower(self, to: str) -> Program:
        """The program at level ``to``."""
        compilation = self.start()
        with self._page(compilation):
            compilation.lower(to)
        return compilation.program

    def _page(self, compilation: Compilation) -> AbstractContextManager[Page | None]:
        """Has the page written behind the block where it is wanted, with what there is if the block fails."""
        if not self._html:
            return nullcontext()
        from stepwell.driver.page.write import Page

        assert self._dump_dir is not None
        page = Page(self._dump_dir, self._backend, self._title(), str(self._target))
        compilation.observe(page)
        return page

    def _title(self) -> str:
        if isinstance(self._model, Mapping):
            return ", ".join(self._model)
        if isinstance(self._model, (str, Path)):
            return Path(self._model).name
        return type(self._model).__name__

    def _export(self) -> list[Exported]:
        """The entries as torch exports them; none of an ``.mlir`` or ``.onnx`` file."""
        with self._report.timed("export"):
            if isinstance(self._model, Mapping):
                return export_entries(self._model)
            if isinstance(self._model, (str, Path)) and Path(self._model).suffix in (".mlir", ".onnx"):
                return []
            return [export_source(self._model, self._args, self._kwargs, dynamic_shapes=self._dynamic_shapes)]

    def _import(self, exported: list[Exported]) -> Program:
        with self._report.timed("import"):
            if not exported:
                return load_program(self._model)
            return import_entries(exported) if isinstance(self._model, Mapping) else import_exported(exported[0])

    def _compilation(self, exported: list[Exported]) -> Compilation:
        from stepwell.driver.compile import Compilation  # all passes: what the cache has needs none

        program = self._import(exported)
        compilation = Compilation(
            program, self._backend, self._target, self._pipeline, dump_dir=self._dump_dir, report=self._report,
            calibration=self._calibration or _examples(exported),
        )  # fmt: skip
        if self._calibration is not None and not compilation.calibrates:
            raise UsageError(
                f"target '{self._target}' does not quantise this model",
                hint="leave calibration= out, or compile a float model for target 'hls'",
            )
        return compilation


def _examples(exported: list[Exported]) -> Calibration | None:
    """The arguments that the model was exported with."""
    examples = exported[0].program.example_inputs if len(exported) == 1 else None
    return None if examples is None else Calibration([(tuple(examples[0]), dict(examples[1]))], EXAMPLES)
