import numpy as np
import pytest

from stepwell.support.errors import ExecutionError

PRODUCT = """func.func @main(%a: memref<4x8xi8>, %b: memref<2x12xi8>, %c: memref<5x4xi32>, %row: index) {{
  %zero = arith.constant 0 : index
  %x = x86.amx.tile_load %a[%zero, %zero] : memref<4x8xi8> into !x86.amx.tile<4x8xi8>
  %y = x86.amx.tile_load %b[%zero, %zero] : memref<2x12xi8> into !x86.amx.tile<2x12xi8>
  %sum = x86.amx.tile_load %c[%row, %zero] : memref<5x4xi32> into !x86.amx.tile<4x3xi32>
  %z = x86.amx.tile_muli %x{left}, %y{right}, %sum
      : !x86.amx.tile<4x8xi8>, !x86.amx.tile<2x12xi8>, !x86.amx.tile<4x3xi32>
  x86.amx.tile_store %c[%row, %zero], %z : memref<5x4xi32>, !x86.amx.tile<4x3xi32>
  return
}}"""


@pytest.mark.parametrize("unsigned", [False, True])
def test_products_of_groups(run, unsigned):
    rng = np.random.default_rng(0)
    a = rng.integers(-128, 128, (4, 8)).astype(np.int8)
    steps = rng.integers(-128, 128, (8, 3)).astype(np.int8)
    grouped = np.ascontiguousarray(steps.reshape(2, 4, 3).transpose(0, 2, 1).reshape(2, 12))
    c = rng.integers(-9, 9, (5, 4)).astype(np.int32)
    want = c.copy()
    left = (a.view(np.uint8) if unsigned else a).astype(np.int32)
    want[1:, :3] += left @ steps.astype(np.int32)
    run(PRODUCT.format(left=" zext" if unsigned else "", right=""), a, grouped, c, 1)
    assert (c == want).all()


def test_tile_that_leaves_memory_is_an_error(run):
    values = np.zeros((4, 8), np.int8), np.zeros((2, 12), np.int8), np.zeros((5, 4), np.int32)
    with pytest.raises(ExecutionError, match=r"'x86\.amx\.tile_load' of \[4, 3\] at \[2, 0\] leaves \[5, 4\]"):
        run(PRODUCT.format(left="", right=""), *values, 2)
