"""Convolution and pooling of fixed-point numbers in the interpreter, against PyTorch on doubles that hold integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numeric_operation import run, tensor
from torch.nn import functional as F

# Batch, channels, height, width, channels out, kernel, strides, padding, dilation, groups.
CASES = {
    "3x3": (2, 4, 8, 8, 6, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    "1x1": (1, 3, 5, 7, 2, (1, 1), (1, 1), (0, 0), (1, 1), 1),
    "strided": (1, 2, 9, 7, 4, (3, 5), (2, 3), (1, 2), (1, 1), 2),
    "depthwise": (1, 5, 6, 6, 5, (3, 3), (2, 2), (1, 1), (1, 1), 5),
    "dilated": (1, 2, 9, 9, 3, (3, 2), (1, 2), (2, 1), (2, 3), 1),
}


def listed(values: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, values))}]"


@pytest.mark.parametrize("name", CASES)
def test_convolution(name: str) -> None:
    batch, channels, height, width, outer, kernel, strides, padding, dilation, groups = CASES[name]
    random = np.random.default_rng(1)
    image = random.integers(-128, 128, (batch, channels, height, width), dtype=np.int8)
    weight = random.integers(-8, 8, (outer, channels // groups, *kernel), dtype=np.int8)
    wanted = F.conv2d(
        torch.from_numpy(image).double(), torch.from_numpy(weight).double(), None, strides, padding, dilation, groups
    ).numpy()
    words = {"strides": strides, "padding": padding, "dilation": dilation}
    types = [tensor("x".join(map(str, a.shape)), bits) for a, bits in ((image, 8), (weight, 4))]
    got = run(
        "convolution",
        types,
        tensor("x".join(map(str, wanted.shape)), 20),
        [image, weight],
        groups=str(groups),
        **{key: listed(value) for key, value in words.items()},
    )
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, wanted)


def test_convolution_beyond_64_bits() -> None:
    image = np.array([[[(1 << 39) - 1, -(1 << 39), 5]]], np.int64)
    weight = np.array([[[-(1 << 39), 3]]], np.int64)
    words = {"strides": "[1]", "padding": "[0]", "dilation": "[1]", "groups": "1"}
    got = run("convolution", [tensor("1x1x3", 40), tensor("1x1x2", 40)], tensor("1x1x2", 81), [image, weight], **words)
    values = [int(v) for v in image.ravel()]
    assert got.tolist() == [[[values[0] * -(1 << 39) + values[1] * 3, values[1] * -(1 << 39) + values[2] * 3]]]


@pytest.mark.parametrize(("kernel", "strides", "padding"), [((2, 2), (2, 2), (0, 0)), ((3, 2), (1, 2), (1, 1))])
def test_pooling(kernel: tuple[int, ...], strides: tuple[int, ...], padding: tuple[int, ...]) -> None:
    image = np.random.default_rng(2).integers(-128, 0, (2, 3, 6, 5), dtype=np.int8)  # padding is larger than all
    real: Any = torch.from_numpy(image).double()
    largest = F.max_pool2d(real, kernel, strides, padding).numpy()
    sums = F.avg_pool2d(real, kernel, strides, padding, divisor_override=1).numpy()
    words = {"kernel": listed(kernel), "strides": listed(strides), "padding": listed(padding)}
    shape = "x".join(map(str, sums.shape))
    source = tensor("2x3x6x5", 8)
    np.testing.assert_array_equal(run("max_pool", [source], tensor(shape, 8), [image], **words), largest)
    np.testing.assert_array_equal(run("sum_pool", [source], tensor(shape, 11, 1), [image], **words), sums)
