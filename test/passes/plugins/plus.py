"""An operator of the tests, which adds its number to every element."""

from typing import Any

from torch_mlir.dialects import arith, tensor

import stepwell


@stepwell.register_lowering("test_passes::plus", level="tensor")
def build(types: Any, x: Any, number: float, *others: Any) -> Any:
    """``x + number`` of a static shape."""
    return arith.addf(x, tensor.splat(types[0], arith.constant(types[0].element_type, number), []))
