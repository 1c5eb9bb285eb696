"""Linux's permission to use the tile registers of x86, which a process asks for once."""

from __future__ import annotations

import ctypes
import platform

# arch_prctl, ARCH_REQ_XCOMP_PERM, and the component of the extended state that holds tiles
# (Linux, Documentation/arch/x86/xstate.rst).
_CALL, _REQUEST, _TILE_DATA = 158, 0x1023, 18


def may_use_tiles() -> bool:
    """Whether this process may use them; it may from then on. The runtime asks likewise before it opens a model."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return False
    return bool(ctypes.CDLL(None).syscall(_CALL, _REQUEST, _TILE_DATA) == 0)
