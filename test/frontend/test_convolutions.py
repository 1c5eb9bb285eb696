"""Convolutions that upstream does not lower: gradients with groups or dynamic batches, transposed depthwise ones."""

import pytest
import torch
from torch import nn

import stepwell

aten = torch.ops.aten


class Backward(nn.Module):
    """All three gradients of a convolution."""

    def __init__(self, *options):
        super().__init__()
        self.options = options

    def forward(self, gradient, x, weight):
        return aten.convolution_backward(gradient, x, weight, [weight.shape[0]], *self.options, [True] * 3)


def check(call, model, *args):
    results = call(*args)
    for result, right in zip(results, model(*(arg.double() for arg in args)), strict=True):
        torch.testing.assert_close(result.double(), right, atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize(
    ("sizes", "weights", "stride", "padding", "dilation", "groups"),
    [
        ((3, 4, 9, 9), (6, 4, 3, 3), 2, 1, 1, 1),  # the last windows reach the border
        ((3, 4, 10, 10), (6, 2, 3, 3), 2, 0, 2, 2),  # they leave a row out
        ((3, 4, 7, 7), (4, 1, 5, 5), 1, 2, 1, 4),
        ((3, 4, 8), (6, 4, 3), 3, 1, 1, 1),
        ((3, 2, 3, 1, 1), (5, 2, 1, 1, 1), 1, 0, 1, 1),
    ],
)
def test_gradients_with_a_batch_that_varies(sizes, weights, stride, padding, dilation, groups):
    axes = len(sizes) - 2
    options = ([stride] * axes, [padding] * axes, [dilation] * axes, False, [0] * axes, groups)
    x, weight = torch.randn(sizes), torch.randn(weights)
    gradient = torch.randn_like(aten.convolution(x, weight, None, *options))
    model, batch = Backward(*options), torch.export.Dim("batch")
    call = stepwell.compile(model, (gradient, x, weight), dynamic_shapes=({0: batch}, {0: batch}, None))
    for size in (3, 1, 0):
        check(call, model, gradient[:size], x[:size], weight)


def test_gradients_with_groups_and_static_sizes():
    options = ([2, 1], [1, 0], [1, 1], False, [0, 0], 2)
    x, weight = torch.randn(2, 4, 6, 5), torch.randn(4, 2, 3, 2)
    gradient = torch.randn_like(aten.convolution(x, weight, None, *options))
    model = Backward(*options)
    check(stepwell.compile(model, (gradient, x, weight)), model, gradient, x, weight)


@pytest.mark.parametrize(("stride", "padding", "dilation", "more"), [(1, 0, 1, 0), (2, 1, 2, 1), (3, 2, 1, 2)])
def test_transposed_depthwise(stride, padding, dilation, more):
    model = nn.ConvTranspose2d(
        3, 3, (3, 2), stride=stride, padding=padding, output_padding=more, dilation=dilation, groups=3
    )
    x = torch.randn(2, 3, 4, 5)
    result = stepwell.compile(model, (x,))(x)
    torch.testing.assert_close(result.double(), model.double()(x.double()).detach(), atol=1e-5, rtol=1e-5)
