"""PTX from the NVVM dialect, through llvmlite; NVIDIA's libdevice gives the math functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack

import llvmlite.binding as llvm
from torch_mlir import ir
from torch_mlir.dialects import llvm as llvm_dialect

from stepwell.backends.cuda.toolkit import libdevice
from stepwell.backends.llvm.text import to_llvm22
from stepwell.support.errors import CodegenError

_TRIPLE = "nvptx64-nvidia-cuda"

#: An instruction as text that has effects, up to the end of its operands.
_EFFECTS = re.compile(r'(\basm sideeffect "[^"\n]*", "[^"\n]*"\(.*\))')

#: The oldest PTX version that each architecture can be written in; newer drivers read all older versions.
PTX_VERSIONS = {"sm_70": 60, "sm_75": 63, "sm_80": 70, "sm_86": 71, "sm_89": 78, "sm_90": 78, "sm_90a": 80}

#: Instructions that came later than their architecture, and the PTX version that has them.
_LATER = ((re.compile(r"mma\.sync\.\S*\.(e4m3|e5m2)\."), 84),)


def generate_ptx(module: ir.Module | ir.Operation, arch: str) -> str:
    """PTX text of all kernels in ``module``'s ``gpu.module`` operations, which must hold LLVM and NVVM only.

    The result is the same for the same input.

    Raises:
        CodegenError: LLVM refuses the code. ToolError: libdevice is needed and missing.
    """
    op = module.operation if isinstance(module, ir.Module) else module
    with ExitStack() as owned:
        context = llvm.create_context()
        owned.callback(context.close)  # modules first: the stack unwinds backwards
        try:
            texts = _kernel_texts(op)
            target = llvm_target(arch, _version(texts, arch))
            merged = llvm.parse_assembly(f'target triple = "{_TRIPLE}"', context)
            owned.callback(merged.close)
            merged.data_layout = str(target.target_data)
            for text in texts:
                part = llvm.parse_assembly(text, context)
                owned.callback(part.close)
                part.triple, part.data_layout = merged.triple, merged.data_layout
                merged.link_in(part)
            _link_libdevice(merged, context, owned)
            merged.verify()
            builder = llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options(speed_level=3))
            builder.getModulePassManager().run(merged, builder)
            return str(target.emit_assembly(merged))
        except RuntimeError as failure:
            line = next((line for line in str(failure).splitlines() if line.strip()), "no reason given")
            raise CodegenError(
                f"LLVM refused the generated kernel: {line[:200]}",
                hint="this is a fault of the compiler: please report it with the model",
            ) from None


def _version(texts: Sequence[str], arch: str) -> int:
    """The oldest PTX version that has all that the kernels use."""
    later = (version for pattern, version in _LATER for text in texts if pattern.search(text))
    return max(PTX_VERSIONS[arch], *later, 0)


def llvm_target(arch: str, version: int | None = None) -> llvm.TargetMachine:
    """LLVM's code generator for an NVIDIA architecture, in its oldest PTX version or another."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple(_TRIPLE).create_target_machine(
        cpu=arch, features=f"+ptx{version or PTX_VERSIONS[arch]}", opt=3, reloc="default", codemodel="default"
    )


def _kernel_texts(op: ir.Operation) -> list[str]:
    """LLVM 22's text of each ``gpu.module``'s content."""
    texts = []
    for child in op.regions[0].blocks[0].operations:
        if child.operation.name != "gpu.module":
            continue
        with op.context, ir.Location.unknown():
            alone = ir.Module.create()
            place = ir.InsertionPoint(alone.body)
            for inner in child.regions[0].blocks[0].operations:
                inner.operation.clone(place)
            text = to_llvm22(llvm_dialect.translate_module_to_llvmir(alone.operation))
            # Threads wait for each other in such instructions: LLVM must not copy one into two branches.
            texts.append(_EFFECTS.sub(r"\1 convergent", text))
    return texts


def _link_libdevice(module: llvm.ModuleRef, context: llvm.ContextRef, owned: ExitStack) -> None:
    """Define the ``__nv_*`` functions that ``module`` calls, for inlining."""
    wanted = [f.name for f in module.functions if f.is_declaration and re.match(r"__nv_\w+$", f.name)]
    if not wanted:
        return
    library = llvm.parse_bitcode(libdevice(wanted).read_bytes(), context)
    owned.callback(library.close)
    library.triple, library.data_layout = module.triple, module.data_layout
    kernels = {f.name for f in module.functions if not f.is_declaration}
    module.link_in(library)
    for function in module.functions:
        if not function.is_declaration and function.name not in kernels:
            function.linkage = "internal"
