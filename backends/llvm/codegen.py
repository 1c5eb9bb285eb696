"""Machine code from the LLVM dialect: translate, optimise, emit. Deterministic; everything happens in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import llvmlite.binding as llvm
from torch_mlir import ir

from stepwell.backends.llvm.cpu import Cpu
from stepwell.backends.llvm.describe import level_symbol
from stepwell.backends.llvm.library import Scope, emit_object, in_threads, optimise, scope, settle
from stepwell.backends.llvm.pieces import set_free, split
from stepwell.backends.llvm.support import support_modules
from stepwell.backends.llvm.text import to_llvm22
from stepwell.support.errors import CodegenError, UsageError
from stepwell.support.locations import describe_location
from stepwell.support.walk import operations

T = TypeVar("T")

#: What can be emitted: optimised LLVM IR, assembly, a relocatable object.
FORMATS = ("ll", "s", "o")

#: Modules of some size are made in pieces: at most so many, of at least so many characters of LLVM IR.
_MOST_PIECES, _PIECE = 8, 50_000


def generate(
    module: ir.Module | ir.Operation,
    cpu: Cpu,
    *,
    opt_level: int = 3,
    extra: Sequence[str] = (),
    exports: Iterable[str] = ("stepwell_model",),
    formats: Iterable[str] = ("o",),
    better: Sequence[Cpu] = (),
    meanwhile: Callable[[], None] = lambda: None,
) -> dict[str, bytes]:
    """Compile a module of the LLVM dialect.

    Args:
        opt_level: 0 to 3, as of LLVM's ``-O``.
        extra: LLVM IR modules (as text that LLVM 22 parses) to link in: the model's description, say.
        exports: names of the symbols that stay visible; all other definitions become internal.
        formats: what to return, from :data:`FORMATS`.
        better: CPUs that the same functions are compiled for once more, under names from :func:`level_symbol`.
        meanwhile: called while LLVM works in another thread.

    Returns:
        Format name -> bytes; the same input gives the same bytes. The object is position independent.

    Raises:
        CodegenError: an operation that is not of the LLVM dialect, or LLVM IR that LLVM refuses.
        UsageError: an unknown format or optimisation level.
    """
    wanted = list(formats)
    for name in wanted:
        if name not in FORMATS:
            raise UsageError(f"code can't be emitted as '{name}'", hint=f"formats are {', '.join(FORMATS)}")
    if opt_level not in range(4):
        raise UsageError(f"optimisation level {opt_level} does not exist", hint="choose 0, 1, 2 or 3")
    texts = [translate(module, cpu), *(translate(module, cpu, level) for level in better)]
    return _interruptible(lambda: _compile(texts, cpu, opt_level, extra, frozenset(exports), wanted), meanwhile)


def generate_objects(
    module: ir.Module | ir.Operation,
    cpu: Cpu,
    *,
    opt_level: int = 3,
    extra: Sequence[str] = (),
    exports: Iterable[str] = ("stepwell_model",),
    better: Sequence[Cpu] = (),
    meanwhile: Callable[[], None] = lambda: None,
) -> list[bytes]:
    """As :func:`generate`, as objects that are to be linked with one another, made at the same time.

    Large modules are several objects; how many follows from the module alone.
    """
    texts = [translate(module, cpu), *(translate(module, cpu, level) for level in better)]
    return _interruptible(lambda: _compile_pieces(texts, cpu, opt_level, extra, frozenset(exports)), meanwhile)


def compile_text(text: str, cpu: Cpu, *, exports: Iterable[str]) -> bytes:
    """An object of LLVM IR that LLVM 22 parses."""
    return _compile([text], cpu, 3, (), frozenset(exports), ["o"])["o"]


def translate(module: ir.Module | ir.Operation, cpu: Cpu, level: Cpu | None = None) -> str:
    """LLVM IR text, as LLVM 22 parses it, of a module of the LLVM dialect; sets its triple and data layout.

    Args:
        level: a better CPU that its functions ask for, in a program that is for ``cpu`` as a whole.

    Raises:
        CodegenError: an operation that is not of the LLVM dialect.
    """
    from torch_mlir.dialects import llvm as llvm_dialect

    op = module.operation if isinstance(module, ir.Module) else module
    _check_dialect(op)
    machine = target_machine(cpu)
    with op.context, ir.Location.unknown():
        op.attributes["llvm.target_triple"] = ir.StringAttr.get(cpu.llvm_triple)
        op.attributes["llvm.data_layout"] = ir.StringAttr.get(str(machine.target_data))
        if "dlti.dl_spec" in op.attributes:  # LLVM's own layout takes its place
            del op.attributes["dlti.dl_spec"]
        if level is not None:
            _ask_for(op, level)
        try:
            text = llvm_dialect.translate_module_to_llvmir(op)
        except (RuntimeError, ValueError, ir.MLIRError) as failure:
            raise CodegenError(f"the LLVM dialect could not be translated: {_first_line(failure)}") from None
    return to_llvm22(text)


def target_machine(cpu: Cpu, opt_level: int = 3) -> llvm.TargetMachine:
    """LLVM's code generator for ``cpu``; position independent where an operating system loads the code.

    Raises:
        UsageError: LLVM has no such target.
    """
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        target = llvm.Target.from_triple(cpu.llvm_triple)
        machine = target.create_target_machine(
            cpu=cpu.name,
            features=cpu.feature_text,
            opt=opt_level,
            reloc="static" if cpu.bare else "pic",
            codemodel="default",
            abiname="lp64d" if cpu.arch == "riscv64" and cpu.has("d") else "",
        )
    except RuntimeError as failure:
        raise UsageError(f"no code can be made for triple '{cpu.triple}': {_first_line(failure)}") from None
    return machine


def _ask_for(module: ir.Operation, cpu: Cpu) -> None:
    features = ", ".join(f'"{feature}"' for feature in cpu.features)
    for view in module.regions[0].blocks[0].operations:
        if view.operation.name == "llvm.func" and list(view.operation.regions[0].blocks):
            view.operation.attributes["target_cpu"] = ir.StringAttr.get(cpu.name)
            view.operation.attributes["target_features"] = ir.Attribute.parse(f"#llvm.target_features<[{features}]>")


def _check_dialect(op: ir.Operation) -> None:
    foreign: dict[str, str] = {}
    for candidate in operations(op):
        if candidate.name.partition(".")[0] not in ("builtin", "llvm") or "unrealized" in candidate.name:
            foreign.setdefault(candidate.name, describe_location(candidate.location))
    if foreign:
        raise CodegenError(
            f"no machine code exists for {', '.join(sorted(foreign)[:5])}",
            where=next(iter(foreign.values())),
            hint="lower these operations to the LLVM dialect first",
        )


def _compile(
    texts: list[str], cpu: Cpu, opt_level: int, extra: Sequence[str], exports: frozenset[str], formats: list[str]
) -> dict[str, bytes]:
    # LLVM's code generator without optimisation dies of tile registers that a loop carries.
    tiles = any("llvm.x86.tile" in text for text in texts)
    machine = target_machine(cpu, max(opt_level, 1) if tiles else opt_level)
    with _refusals(), scope() as own:
        module = _assemble(own, texts, cpu, machine, extra, exports)
        optimise(module, machine, opt_level)
        result: dict[str, bytes] = {}
        # Emission changes the module, so each format gets its own copy.
        for name in formats:
            if name == "ll":
                result[name] = str(module).encode()
            elif name == "s":
                result[name] = machine.emit_assembly(own.own(module.clone())).encode()
            else:
                result[name] = emit_object(own.own(module.clone()), machine)
        return result


def _compile_pieces(
    texts: list[str], cpu: Cpu, opt_level: int, extra: Sequence[str], exports: frozenset[str]
) -> list[bytes]:
    count = min(_MOST_PIECES, sum(map(len, texts)) // _PIECE)
    if count < 2 or opt_level < 2:
        return [_compile(texts, cpu, opt_level, extra, exports, ["o"])["o"]]
    machine = target_machine(cpu, opt_level)
    with _refusals(), scope() as own:
        module = _assemble(own, texts, cpu, machine, extra, exports)
        settle(module, machine)  # ahead of the cut: a function alone knows nothing of its callers
        free = set_free(module)
        pieces = split(str(module), free, count)

    def compile_piece(text: str) -> bytes:
        machine = target_machine(cpu, opt_level)
        with scope() as own:
            module = own.parse(text)
            optimise(module, machine, opt_level)
            return emit_object(module, machine)

    with _refusals():
        return in_threads(compile_piece, pieces)


def _assemble(
    own: Scope, texts: list[str], cpu: Cpu, machine: llvm.TargetMachine, extra: Sequence[str], exports: frozenset[str]
) -> llvm.ModuleRef:
    """One module of all ``texts``, of ``extra``, and of the functions that they need."""
    layout = str(machine.target_data)

    def parse(text: str) -> llvm.ModuleRef:
        module = own.parse(text)
        module.triple, module.data_layout = cpu.llvm_triple, layout
        return module

    module = parse(texts[0])
    for part in support_modules(texts[0], bare=cpu.bare):
        module.link_in(parse(part))
    for level, text in enumerate(texts[1:], start=1):
        part = parse(text)
        _set_apart(part, level)
        module.link_in(part)
    for text in extra:
        module.link_in(parse(text))
    _internalize(module, exports)
    if cpu.bare:  # nobody unwinds there, and tables for it would ask for an unwinder
        for function in module.functions:
            function.add_function_attribute("nounwind")
    module.verify()
    return module


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except RuntimeError as failure:
        raise CodegenError(
            f"LLVM refused the generated code: {_first_line(failure)}",
            hint="this is a fault of the compiler: please report it with the model",
        ) from None


def _set_apart(module: llvm.ModuleRef, level: int) -> None:
    """Give what entries are called by a name of its own; all else of the module becomes internal."""
    for symbol in (*module.functions, *module.global_variables):
        if symbol.is_declaration:
            continue
        if symbol.name.startswith("_mlir_ciface_"):
            symbol.name = level_symbol(symbol.name, level)
        elif symbol.linkage.name == "external":
            symbol.linkage = "internal"


def _internalize(module: llvm.ModuleRef, exports: frozenset[str]) -> None:
    for symbol in (*module.functions, *module.global_variables):
        if not symbol.is_declaration and symbol.name not in exports and symbol.linkage.name == "external":
            symbol.linkage = "internal"


def _interruptible(work: Callable[[], T], meanwhile: Callable[[], None]) -> T:
    """The result of ``work``, which runs in a thread beside ``meanwhile``.

    Neither Ctrl-C nor an error of ``meanwhile`` waits for it to end (LLVM can't be stopped, so it ends unseen).
    """
    result: list[T] = []
    failure: list[BaseException] = []

    def body() -> None:
        try:
            result.append(work())
        except BaseException as error:
            failure.append(error)

    worker = threading.Thread(target=body, name="stepwell-codegen", daemon=True)
    worker.start()
    meanwhile()
    while worker.is_alive():
        worker.join(0.1)  # a wait without limit would not see the signal before the work ends
    if failure:
        raise failure[0]
    return result[0]


def _first_line(failure: BaseException) -> str:
    line = next((line.strip() for line in str(failure).splitlines() if line.strip()), type(failure).__name__)
    return line if len(line) <= 200 else line[:197] + "..."
