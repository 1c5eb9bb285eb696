"""The features that a CPU's name implies: what a machine must have to run code made for it."""

from __future__ import annotations

from functools import cache

import llvmlite.binding as llvm


@cache
def implied_features(triple: str, cpu: str, features: str, candidates: tuple[str, ...]) -> tuple[str, ...]:
    """Those of ``candidates`` that LLVM enables for ``cpu`` with ``features`` (``+avx2,-avx512f``).

    LLVM tells nobody what a CPU's name means, but its inliner acts on it: a function that asks for one more feature
    than its caller is inlined only if the caller has that feature already.
    """
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(triple).create_target_machine()
    lines = [f'target triple = "{triple}"', f'target datalayout = "{machine.target_data}"']
    calls = "".join(f"  call void @probe{index}(ptr %p)\n" for index in range(len(candidates)))
    lines.append(f"define void @caller(ptr %p) #0 {{\n{calls}  ret void\n}}")
    lines.append(f'attributes #0 = {{ "target-cpu"="{cpu}" "target-features"="{features}" }}')
    for index, feature in enumerate(candidates):
        more = f"{features},+{feature}" if features else f"+{feature}"
        lines.append(f"define void @probe{index}(ptr %p) #{index + 1} {{\n  store i32 {index}, ptr %p\n  ret void\n}}")
        lines.append(f'attributes #{index + 1} = {{ "target-cpu"="{cpu}" "target-features"="{more}" }}')
    context = llvm.create_context()
    try:
        module = llvm.parse_assembly("\n".join(lines), context)
        builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1))
        builder.getModulePassManager().run(module, builder)
        body = str(module.get_function("caller")).partition("\n")[2]
        module.close()
    finally:
        context.close()
    return tuple(feature for index, feature in enumerate(candidates) if f"@probe{index}(" not in body)
