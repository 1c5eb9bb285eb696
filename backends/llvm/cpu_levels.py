"""Several CPUs in one library: ``cpu=x86-64-v2+v3+v4``, the best of which is chosen when the library is loaded."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

from stepwell.backends.llvm.cpu import Cpu, CpuModel, cpu_model, resolve_cpu
from stepwell.backends.target import Target
from stepwell.support.errors import UsageError

_SHORT = re.compile(r"v\d+")


def resolve_levels(target: Target) -> list[Cpu]:
    """The CPUs that option ``cpu`` of ``target`` lists, the plainest first; one where it lists none.

    After the first, ``v3`` stands for ``x86-64-v3``.

    Raises:
        UsageError: as :func:`resolve_cpu`, or a CPU that lacks a feature of the one before it.
    """
    first, *others = target.get("cpu").split("+")
    if not others:
        return [resolve_cpu(target)]
    prefix = re.sub(r"v\d+$", "", first)
    names = [first, *(prefix + name if _SHORT.fullmatch(name) else name for name in others)]
    if "host" in names:
        raise UsageError("cpu=host can't be one of several", hint="name the CPUs, for example cpu=x86-64-v2+v3")
    levels = [resolve_cpu(Target(target.name, **{**target.options, "cpu": name})) for name in names]
    for plain, better in pairwise(levels):
        missing = set(plain.needed) - set(better.needed)
        if missing or plain.needed == better.needed:
            detail = f"lacks {', '.join(sorted(missing))}" if missing else "has no feature more"
            raise UsageError(
                f"'{better.name}' can't come after '{plain.name}': it {detail}", hint="list the plainest CPU first"
            )
    return levels


def schedule_model(levels: list[Cpu]) -> CpuModel:
    """What schedules are made for, see :func:`schedule_cpu`."""
    model, plain = cpu_model(schedule_cpu(levels)), cpu_model(levels[0])
    # One module serves all: an instruction that the plainest lacks would not even compile for it.
    if model.vector_bits != plain.vector_bits:
        return replace(model, dots=(), tiles=())
    dots = tuple(dot for dot in model.dots if dot in plain.dots)
    return replace(model, dots=dots, tiles=tuple(kind for kind in model.tiles if kind in plain.tiles))


def schedule_cpu(levels: list[Cpu]) -> Cpu:
    """The best CPU whose vectors all of today's machines of its kind have."""
    common = [cpu for cpu in levels if not cpu.has("avx512f")]
    return common[-1] if common else levels[0]


def schedule_cpu_text(levels: list[Cpu]) -> str:
    """What a schedule database calls a CPU: its name, and the registers that code for it may use."""
    cpu = schedule_cpu(levels)
    model = cpu_model(cpu)
    return f"{cpu.name}, {model.registers} vectors of {model.vector_bits} bits"
