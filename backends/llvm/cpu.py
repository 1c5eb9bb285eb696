"""The CPU that code is made for: its name, features and triple, and what schedules need to know of it."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import llvmlite.binding as llvm

from stepwell.backends.llvm.cpu_features import implied_features
from stepwell.backends.llvm.cpu_names import check_names
from stepwell.backends.llvm.tile_permission import may_use_tiles
from stepwell.backends.target import Target
from stepwell.support.errors import ArtifactError, UsageError

#: Features that the code generator makes use of by itself, by architecture: what a machine must have to run code made
#: with them.
_USED_BY_ARCH = {
    "x86_64": (
        "sse3", "ssse3", "sse4.1", "sse4.2", "avx", "avx2", "fma", "f16c", "bmi", "bmi2", "lzcnt", "popcnt",
        "movbe", "adx", "avxvnni", "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx512vnni",
        "avx512bf16", "avx512fp16", "avx512vbmi", "avx512vbmi2", "avx512bitalg", "avx512vpopcntdq", "avx512ifma",
        "amx-tile", "amx-int8", "amx-bf16",
    ),
    "aarch64": ("neon", "fullfp16", "bf16", "dotprod", "i8mm", "lse", "sve", "sve2"),
    "riscv64": ("m", "a", "f", "d", "c", "v"),
    "arm": ("vfp2sp", "vfp4d16sp", "fp64", "fp-armv8d16sp", "neon", "dsp"),
}  # fmt: skip
_USED = frozenset(feature for features in _USED_BY_ARCH.values() for feature in features)

#: What Linux distributions take for granted where LLVM's ``generic`` is less: no floating point at all on RISC-V.
_GENERIC = {"riscv64": ("generic-rv64", ("+m", "+a", "+f", "+d", "+c"))}

_LEVEL_2 = ("sse3", "ssse3", "sse4.1", "sse4.2", "popcnt")
_LEVEL_3 = (*_LEVEL_2, "avx", "avx2", "fma", "f16c", "bmi", "bmi2", "lzcnt", "movbe")
_LEVEL_4 = (*_LEVEL_3, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")

#: CPU names that stand for a feature level rather than one product.
_LEVELS = {"generic": (), "x86-64": (), "x86-64-v2": _LEVEL_2, "x86-64-v3": _LEVEL_3, "x86-64-v4": _LEVEL_4}


@dataclass(frozen=True)
class Cpu:
    """A CPU as LLVM names it.

    Attributes:
        triple: ``x86_64-unknown-linux-gnu``.
        name: ``znver3``; never ``host``.
        features: ``+avx2`` or ``-avx512f``, sorted by name.
    """

    triple: str
    name: str
    features: tuple[str, ...] = ()

    @property
    def arch(self) -> str:
        """First part of the triple, with the spellings of one architecture made equal."""
        return {"amd64": "x86_64", "arm64": "aarch64"}.get(first := self.triple.split("-")[0], first)

    @property
    def feature_text(self) -> str:
        """Features as LLVM takes them."""
        return ",".join(self.features)

    @property
    def is_arm(self) -> bool:
        """Whether it is a 32-bit Arm."""
        return self.arch.startswith(("arm", "thumb"))

    @property
    def bare(self) -> bool:
        """Whether there is no operating system (``thumbv7em-none-eabi``): no heap, no threads, no runtime."""
        return "none" in self.triple.split("-")[1:3] and "linux" not in self.triple

    @property
    def llvm_triple(self) -> str:
        """The triple as LLVM is to read it.

        With three parts it takes ``eabi`` for the name of a system; and GNU's environment is the same interface but
        with ``memcpy`` and ``memset``, which every program has, in place of Arm's variants of them.
        """
        parts = self.triple.split("-")
        if not self.bare or len(parts) != 3:
            return self.triple
        environment = f"gnu{parts[2]}" if self.is_arm and parts[2].startswith("eabi") else parts[2]
        return "-".join([*parts[:2], "unknown", environment])

    @property
    def index_bits(self) -> int:
        """The width of sizes and addresses."""
        return 64 if re.search(r"64|s390x", self.arch) else 32

    def has(self, feature: str) -> bool:
        """Whether code for this CPU may use ``feature`` (named, or implied by a feature level)."""
        if f"-{feature}" in self.features:
            return False
        return f"+{feature}" in self.features or feature in _LEVELS.get(self.name, ())

    @property
    def needed(self) -> tuple[str, ...]:
        """The features that a machine must have to run code made for this CPU, as far as they are known by name."""
        named = {word[1:] for word in self.features if word.startswith("+") and word[1:] in _USED}
        implied = {feature for feature in _LEVELS.get(self.name, ()) if f"-{feature}" not in self.features}
        return tuple(sorted(named | implied))


@cache
def host() -> Cpu:
    """The CPU of this machine."""
    llvm.initialize_all_targets()
    features = dict(llvm.get_host_cpu_features())
    if features.get("amx-tile") and not may_use_tiles():
        features |= {name: False for name in features if name.startswith("amx-")}
    words = tuple(f"{'+' if features[name] else '-'}{name}" for name in sorted(features))
    return Cpu(llvm.get_process_triple(), llvm.get_host_cpu_name(), words)


def resolve_cpu(target: Target) -> Cpu:
    """The CPU that the options ``triple``, ``cpu`` and ``features`` of ``target`` describe; the host by default.

    Raises:
        UsageError: an unknown triple, CPU or feature, or ``cpu=host`` with the triple of another architecture.
    """
    here = host()
    triple, name = target.get("triple", here.triple), target.get("cpu", "")
    same = Cpu(triple, "").arch == here.arch
    if not name:
        name = "host" if same else "generic"
    arch = Cpu(triple, "").arch
    implied: tuple[str, ...] = here.features if name == "host" else ()
    if name == "generic" and arch in _GENERIC:
        name, implied = _GENERIC[arch]
    features = {word[1:]: word for word in implied}
    if name == "host":
        if not same:
            raise UsageError(
                f"cpu=host does not fit triple '{triple}': this machine is {here.arch}",
                hint="name the CPU, for example cpu=cortex-a72, or cpu=generic",
            )
        name = here.name
    asked = [word for word in re.split(r"[,\s]+", target.get("features")) if word]
    for word in asked:
        sign, feature = (word[0], word[1:]) if word[0] in "+-" else ("+", word)
        features[feature] = sign + feature
    try:
        llvm.Target.from_triple(triple)
    except RuntimeError:
        raise UsageError(
            f"there is no code generator for triple '{triple}'", hint="write it as arch-vendor-os, aarch64-linux-gnu"
        ) from None
    unknown = [word.lstrip("+-") for word in asked if word not in here.features]
    if unknown or name not in (here.name, "generic"):
        check_names(triple, name, unknown)
    without = [word for word in features.values() if word.startswith("-") and word in asked]
    if without:
        features |= {feature: f"-{feature}" for feature in _gone_with(without, triple, name, features)}
    cpu = Cpu(triple, name, tuple(features[feature] for feature in sorted(features)))
    if cpu.name == here.name and cpu.features == here.features:
        return cpu
    # Spelled out, so that whoever loads the code can tell whether a machine has them.
    used = _USED_BY_ARCH.get("arm" if cpu.is_arm else arch, ())
    for feature in implied_features(triple, name, cpu.feature_text, used):
        features.setdefault(feature, f"+{feature}")
    return Cpu(triple, name, tuple(features[feature] for feature in sorted(features)))


def _gone_with(without: list[str], triple: str, name: str, features: Mapping[str, str]) -> list[str]:
    """The features that need those taken away (``-avx``); left in, they would bring these back."""
    named = [feature for feature, word in features.items() if word.startswith("+")]
    had = tuple(sorted({*named, *_LEVELS.get(name, ())} - {word[1:] for word in without}))
    text = ",".join([*(f"+{feature}" for feature in sorted(named)), *without])
    left = implied_features(triple, name, text, had)
    return [feature for feature in had if feature not in left]


def check_machine(cpu: Cpu, machine: Cpu | None = None) -> None:
    """Check that ``machine`` (this one by default) can run code made for ``cpu``.

    Raises:
        ArtifactError: another architecture, or missing features, which the message names.
    """
    machine = machine or host()
    hint = "compile again with a target that this machine has, for example cpu=host"
    if cpu.arch != machine.arch:
        raise ArtifactError(f"the code is for {cpu.arch}, this machine is {machine.arch}", hint=hint)
    missing = [feature for feature in cpu.needed if not machine.has(feature)]
    if missing:
        raise ArtifactError(
            f"the code needs CPU features that this machine lacks: {', '.join(missing)}",
            where=f"made for {cpu.name}, this is {machine.name}",
            hint=hint,
        )


@dataclass(frozen=True)
class CpuModel:
    """What schedules need to know of a CPU.

    Attributes:
        vector_bits: width of the widest vector register worth using.
        fma: whether multiply-add is one instruction.
        registers: number of vector registers.
        maximum: whether the maximum of floats that keeps NaN is one instruction.
        l1_bytes, l2_bytes, l3_bytes: cache sizes of one core (the last one shared).
        dots, tiles: instructions for products of narrow numbers, as ``vectorize-contractions`` names them.
    """

    vector_bits: int
    fma: bool
    registers: int
    maximum: bool = True
    l1_bytes: int = 32 << 10
    l2_bytes: int = 512 << 10
    l3_bytes: int = 8 << 20
    dots: tuple[str, ...] = ()
    tiles: tuple[str, ...] = ()


def cpu_model(cpu: Cpu) -> CpuModel:
    """The model of ``cpu``: cache sizes of this machine where it is the host, usual ones otherwise."""
    if cpu.arch == "x86_64":
        # AVX-512 has twice the registers; its width pays only where clocks do not drop, which bf16 CPUs promise.
        wide = cpu.has("avx512bf16") and cpu.has("avx512vl")
        bits = 512 if wide else 256 if cpu.has("avx") or cpu.has("avx2") else 128
        registers = 32 if cpu.has("avx512vl") else 16
        dots, tiles = _dots(cpu, bits), _tiles(cpu, bits)
        model = CpuModel(bits, fma=cpu.has("fma"), registers=registers, maximum=False, dots=dots, tiles=tiles)
    elif cpu.arch == "aarch64":
        model = CpuModel(128, fma=True, registers=32)
    elif cpu.is_arm:  # in registers of one number each, but for NEON
        model = CpuModel(128 if cpu.has("neon") else 64, fma=cpu.has("vfp4d16sp"), registers=16)
    else:
        model = CpuModel(128 if cpu.has("v") else 64, fma=cpu.has("f"), registers=32)
    if cpu.name != host().name:
        return model
    sizes = _cache_sizes(Path("/sys/devices/system/cpu/cpu0/cache"))
    return replace(
        model,
        l1_bytes=sizes.get(1, model.l1_bytes),
        l2_bytes=sizes.get(2, model.l2_bytes),
        l3_bytes=sizes.get(3, model.l3_bytes),
    )


def _dots(cpu: Cpu, bits: int) -> tuple[str, ...]:
    """The instructions of an x86 CPU that sum products of narrow numbers in vectors of ``bits``."""
    found = []
    if cpu.has("avx512vnni") and cpu.has("avx512vl"):
        found.append("i8")
    if bits == 128 or (bits == 256 and cpu.has("avx2")) or (bits == 512 and cpu.has("avx512bw")):
        found.append("i16")
    return tuple(found)


def _tiles(cpu: Cpu, bits: int) -> tuple[str, ...]:
    """The types that an x86 CPU multiplies in tile registers, beside vectors as wide as a row of them."""
    if bits != 512 or not cpu.has("amx-tile"):
        return ()
    return tuple(kind for kind, feature in (("i8", "amx-int8"), ("bf16", "amx-bf16")) if cpu.has(feature))


def _cache_sizes(folder: Path) -> dict[int, int]:
    """Bytes of the data caches by level, as Linux tells them; empty where it does not."""
    if platform.system() != "Linux" or not folder.is_dir():
        return {}
    sizes: dict[int, int] = {}
    units = {"": 1, "K": 1 << 10, "M": 1 << 20}
    for index in sorted(folder.glob("index*")):
        try:
            kind, level = (index / "type").read_text().strip(), int((index / "level").read_text())
            size = re.fullmatch(r"(\d+)([KM]?)", (index / "size").read_text().strip())
        except (OSError, ValueError):
            continue
        if kind != "Instruction" and size and level in (1, 2, 3):
            sizes[level] = int(size[1]) * units[size[2]]
    return sizes
