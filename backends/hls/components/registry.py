"""All components. A new one is a file, its operation in ``stream``, and its line here."""

from __future__ import annotations

from stepwell.backends.hls.components.base import Component
from stepwell.backends.hls.components.concat import Concat
from stepwell.backends.hls.components.elementwise import Add, Multiply
from stepwell.backends.hls.components.fifo import Fifo
from stepwell.backends.hls.components.fork import Fork
from stepwell.backends.hls.components.linear import Linear
from stepwell.backends.hls.components.loops import Loops
from stepwell.backends.hls.components.matmul import Matmul
from stepwell.backends.hls.components.normalize import Normalize
from stepwell.backends.hls.components.pool import Pool
from stepwell.backends.hls.components.reorder import Reorder
from stepwell.backends.hls.components.requantize import Requantize
from stepwell.backends.hls.components.resize import Resize
from stepwell.backends.hls.components.scaled_softmax import ScaledSoftmax
from stepwell.backends.hls.components.sign import Sign
from stepwell.backends.hls.components.slice import Slice
from stepwell.backends.hls.components.softmax import Softmax
from stepwell.backends.hls.components.table import Table
from stepwell.backends.hls.components.weight import Weight
from stepwell.backends.hls.components.window import Window

_CLASSES: tuple[type[Component], ...] = (
    Add,
    Concat,
    Fifo,
    Fork,
    Linear,
    Loops,
    Matmul,
    Multiply,
    Normalize,
    Pool,
    Reorder,
    Requantize,
    Resize,
    ScaledSoftmax,
    Sign,
    Slice,
    Softmax,
    Table,
    Weight,
    Window,
)

COMPONENTS: dict[str, type[Component]] = {cls.kind: cls for cls in _CLASSES}
"""By kind: the component of the operation ``stream.KIND``."""
