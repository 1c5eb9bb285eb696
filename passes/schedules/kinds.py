"""Kinds of schedules and where their classes live; a class is imported when it is first used."""

from __future__ import annotations

import importlib
from functools import cache

from stepwell.passes.schedules.base import Schedule

_OWN, _CUDA = "stepwell.passes.schedules", "stepwell.backends.cuda.kernels"

KINDS: dict[str, str] = {
    "contraction": f"{_OWN}.contraction:ContractionSchedule",
    "convolution": f"{_OWN}.convolution:ConvolutionSchedule",
    "channelwise": f"{_OWN}.convolution:ChannelwiseSchedule",
    "rows": f"{_OWN}.rows:RowsSchedule",
    "parallel": f"{_OWN}.parallel:ParallelSchedule",
    "panel": f"{_OWN}.packing:PanelSchedule",
    "filter": f"{_OWN}.packing:FilterSchedule",
    "cuda-wgmma": f"{_CUDA}.wgmma_schedule:WgmmaSchedule",
    "cuda-mma": f"{_CUDA}.gemm_mma:MmaSchedule",
    "cuda-simt": f"{_CUDA}.gemm_simt:SimtSchedule",
    "cuda-rows": f"{_CUDA}.rows.schedule:RowSchedule",
    "cuda-attention": f"{_CUDA}.attention_schedule:AttentionSchedule",
    "cuda-attention-mma": f"{_CUDA}.attention_mma_schedule:MmaSchedule",
}


@cache
def schedule_kind(name: str) -> type[Schedule]:
    """The class of the kind called ``name``, one of :data:`KINDS`."""
    module, _, attribute = KINDS[name].partition(":")
    found: type[Schedule] = getattr(importlib.import_module(module), attribute)
    return found
