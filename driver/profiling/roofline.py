"""The roofline: how fast kernels run against what their intensity allows. In characters, and as a picture.

S. Williams, A. Waterman, D. Patterson: Roofline: An Insightful Visual Performance Model for Multicore Architectures,
Communications of the ACM 52 (4), 2009.
"""

from __future__ import annotations

import math
from pathlib import Path

from stepwell.driver.profiling.profile import Kernel, Profile
from stepwell.support.errors import ToolError

_WIDTH, _HEIGHT = 64, 16
_LABELS = "abcdefghijklmnopqrstuvwxyz"


def roofline_text(profile: Profile, labelled: int = 8) -> str:
    """The roof over a plane of flops per byte and GFLOP/s, both logarithmic; the slowest kernels by letters."""
    shown = _placed(profile)
    if not shown:
        return "no kernel has floating-point operations of known number"
    low_x, high_x, low_y, high_y = _frame(profile, shown)
    grid = [[" "] * _WIDTH for _ in range(_HEIGHT)]

    def put(x: float, y: float, mark: str) -> None:
        column = round((math.log10(x) - low_x) / (high_x - low_x) * (_WIDTH - 1))
        row = round((high_y - math.log10(y)) / (high_y - low_y) * (_HEIGHT - 1))
        if 0 <= row < _HEIGHT and 0 <= column < _WIDTH:
            grid[row][column] = mark

    for column in range(_WIDTH):
        x = 10 ** (low_x + (high_x - low_x) * column / (_WIDTH - 1))
        put(x, min(profile.peaks.flops, x * profile.peaks.memory), "-")
    for kernel in reversed(shown[labelled:]):
        put(kernel.intensity or 1, kernel.flops_rate or 1, ".")
    for label, kernel in reversed(list(zip(_LABELS, shown[:labelled], strict=False))):
        put(kernel.intensity or 1, kernel.flops_rate or 1, label)
    lines = [f"{10 ** (high_y - (high_y - low_y) * i / (_HEIGHT - 1)) / 1e9:8.2f} |{''.join(row)}".rstrip()
             for i, row in enumerate(grid)]  # fmt: skip
    lines.append(f"{'GFLOP/s':>8} +{'-' * _WIDTH}")
    lines.append(f"{'':10}{10**low_x:<10.2g}{'flops per byte':^{_WIDTH - 20}}{10**high_x:>10.2g}")
    lines += [
        f"{label}: {kernel.title}, {(kernel.flops_rate or 0) / 1e9:.1f} GFLOP/s at {kernel.intensity:.2g} flops a byte"
        for label, kernel in zip(_LABELS, shown[:labelled], strict=False)
    ]
    return "\n".join(lines)


def save_roofline(profile: Profile, path: Path, labelled: int = 8) -> None:
    """Draw the roofline as a PNG; a mark's area is the kernel's share of the time.

    Raises:
        ToolError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ToolError("the roofline picture needs matplotlib", hint="pip install 'stepwell[plot]'") from None
    shown = _placed(profile)
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.add_subplot()
    if shown:
        low_x, high_x, low_y, high_y = _frame(profile, shown)
        xs = [10 ** (low_x + (high_x - low_x) * i / 200) for i in range(201)]
        for bandwidth, name, style in (
            (profile.peaks.memory, "memory", "-"),
            (profile.peaks.cache, "cache", "--"),
        ):
            label = f"{name}, {bandwidth / 1e9:.1f} GB/s"
            axes.plot(xs, [min(profile.peaks.flops, x * bandwidth) / 1e9 for x in xs], style, color="k", label=label)
        axes.scatter(
            [kernel.intensity or 1 for kernel in shown],
            [(kernel.flops_rate or 1) / 1e9 for kernel in shown],
            s=[10 + 1500 * kernel.seconds / (profile.inside or 1) for kernel in shown],
            alpha=0.5,
        )
        for kernel in shown[:labelled]:
            place = (kernel.intensity or 1, (kernel.flops_rate or 1) / 1e9)
            axes.annotate(kernel.title, place, fontsize=7, textcoords="offset points", xytext=(5, 5))
        axes.set(xscale="log", yscale="log", xlim=(10**low_x, 10**high_x), ylim=(10**low_y / 1e9, 10**high_y / 1e9))
        axes.legend(loc="lower right")
    axes.set(xlabel="floating-point operations per byte", ylabel="GFLOP/s")
    axes.set_title(f"{profile.inside * 1e3:.2f} ms in kernels, peak {profile.peaks.flops / 1e9:.0f} GFLOP/s")
    axes.grid(True, which="both", alpha=0.2)
    # No date inside: the same profile gives the same bytes.
    figure.savefig(path, format="png", dpi=120, metadata={"Software": None})


def _placed(profile: Profile) -> list[Kernel]:
    """The kernels that have a place on the plane, slowest first."""
    return [kernel for kernel in profile.by("nest") if kernel.intensity and kernel.flops_rate]


def _frame(profile: Profile, shown: list[Kernel]) -> tuple[float, float, float, float]:
    """Decades: lowest and highest intensity, lowest and highest rate."""
    ridge = profile.peaks.flops / profile.peaks.memory
    intensities = [ridge, *(kernel.intensity or 1 for kernel in shown)]
    rates = [profile.peaks.flops, *(kernel.flops_rate or 1 for kernel in shown)]
    return (
        math.log10(min(intensities)) - 0.2,
        math.log10(max(intensities)) + 0.3,
        math.log10(min(rates)) - 0.2,
        math.log10(max(rates)) + 0.2,
    )
