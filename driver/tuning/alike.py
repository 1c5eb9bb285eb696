"""Whether two schedules computed the same."""

from __future__ import annotations

import torch

#: The most by which sums in another order differ, relative to the largest result.
_TOLERANCE = 1e-3
_COARSE = {
    torch.bfloat16: 2.0**-7, torch.float16: 2.0**-10, torch.float8_e4m3fn: 2.0**-3, torch.float8_e5m2: 2.0**-2,
}  # fmt: skip
"""What a result of narrower type may differ by: a unit in its last place, relative to the largest."""

Tensors = list[torch.Tensor]


def alike(one: Tensors, other: Tensors) -> bool:
    """Whether the results differ by no more than the order of sums explains; integers not at all."""
    for a, b in zip(one, other, strict=True):
        if not a.dtype.is_floating_point:
            if not torch.equal(a, b):
                return False
            continue
        wide = a.double()
        finite = wide[torch.isfinite(wide)].abs()
        scale = float(finite.max()) if len(finite) else 1.0
        atol = max(_TOLERANCE, _COARSE.get(a.dtype, 0.0)) * scale
        if not torch.allclose(wide, b.double(), rtol=0, atol=atol, equal_nan=True):
            return False
    return True
