"""Products of narrow numbers: summed in the wide type, whatever instruction multiplies."""

from __future__ import annotations

import numpy as np
import pytest
from numeric_check import TO_BUFFERS, check_pipeline, random_array

_PRODUCT = """
func.func @main(%a: tensor<{m}x{k}x{t}> {{stepwell.input = "a"}}, %b: tensor<{k}x{n}x{t}> {{stepwell.input = "b"}},
                %c: tensor<{m}x{n}x{o}> {{stepwell.input = "c"}}) -> tensor<{m}x{n}x{o}> {{
  %0 = linalg.matmul ins(%a, %b : tensor<{m}x{k}x{t}>, tensor<{k}x{n}x{t}>)
                     outs(%c : tensor<{m}x{n}x{o}>) -> tensor<{m}x{n}x{o}>
  return %0 : tensor<{m}x{n}x{o}>
}}
"""
_KERNELS = [
    "vectorize-contractions{l2=4096}",
    "vectorize-contractions{registers=32 vector-bits=512 dots=i8,i16}",
    "vectorize-contractions{l2=4096 dots=i16}",
    "vectorize-contractions{registers=32 vector-bits=512 dots=i8,i16 tiles=i8,bf16}",
]
_SIZES = [
    (1, 1, 1),
    (5, 3, 7),
    (1, 130, 37),
    (13, 67, 70),
    (8, 64, 32),
    (33, 150, 75),
    (48, 64, 64),
    (4, 0, 3),
    (0, 3, 4),
]


@pytest.mark.parametrize("kernel", _KERNELS)
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(("narrow", "wide"), [("bf16", "f32"), ("f16", "f32"), ("i8", "i32"), ("i16", "i32")])
def test_products(kernel: str, dynamic: bool, narrow: str, wide: str) -> None:
    rng = np.random.default_rng(1)
    first, rest = TO_BUFFERS.split(",", 1)
    for m, k, n in _SIZES:
        shape = dict.fromkeys("mkn", "?") if dynamic else {"m": m, "k": k, "n": n}
        inputs = [random_array(rng, size, narrow) for size in ((m, k), (k, n))]
        if narrow.startswith("i"):
            least = np.iinfo(inputs[0].dtype).min
            inputs = [
                rng.choice([least, -least - 1, least + 1, -1, 3], value.shape).astype(value.dtype) for value in inputs
            ]
        inputs.append(random_array(rng, (m, n), wide))
        check_pipeline(_PRODUCT.format(**shape, t=narrow, o=wide), f"{first},{kernel},{rest}", inputs)
