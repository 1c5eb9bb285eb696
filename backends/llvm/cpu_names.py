"""The CPUs and features that LLVM knows; it ignores others with a warning, or aborts."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache

from stepwell.support.errors import UsageError

# LLVM prints the lists to standard error of the process, so another one is asked.
_ASK = """
import sys
import llvmlite.binding as llvm
llvm.initialize_all_targets()
llvm.Target.from_triple(sys.argv[1]).create_target_machine(cpu="help")
"""
_CPU = re.compile(r"^\s+(\S+)\s+- Select the \S+ processor\.$", re.MULTILINE)
_FEATURE = re.compile(r"^\s+(\S+)\s+- (?!Select the \S+ processor\.$)", re.MULTILINE)


@dataclass(frozen=True)
class Names:
    """What can stand in the options ``cpu`` and ``features``."""

    cpus: frozenset[str]
    features: frozenset[str]


@cache
def known_names(triple: str) -> Names:
    """The names for an architecture."""
    done = subprocess.run([sys.executable, "-c", _ASK, triple], capture_output=True, text=True)
    return Names(frozenset(_CPU.findall(done.stderr)), frozenset(_FEATURE.findall(done.stderr)))


def check_names(triple: str, cpu: str, features: list[str]) -> None:
    """Check a CPU name and feature names (without sign).

    Raises:
        UsageError: LLVM has none of this name for the architecture.
    """
    names = known_names(triple)
    if cpu not in names.cpus | {"generic"}:
        near = sorted(name for name in names.cpus if name[:4] == cpu[:4])
        hint = f"there are {', '.join(near)}" if near else "cpu=host and cpu=generic always work"
        raise UsageError(f"there is no CPU '{cpu}' for triple '{triple}'", hint=hint)
    for feature in features:
        if feature not in names.features:
            raise UsageError(
                f"there is no CPU feature '{feature}' for triple '{triple}'", hint="write features as LLVM does: avx2"
            )
