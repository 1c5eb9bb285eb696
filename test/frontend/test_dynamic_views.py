"""Shapes of models whose sizes vary: views by strides, several index tensors, guards and ranges of sizes."""

import pytest
import torch
from torch import nn

import stepwell
from stepwell.frontend.guards import check_new_guards

BATCH = torch.export.Dim("batch", max=64)


def compiled(model, *args, dynamic_shapes):
    return stepwell.compile(model, args, dynamic_shapes=dynamic_shapes)


@pytest.mark.parametrize("model", [nn.GroupNorm(2, 4), nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())])
def test_reshapes_that_torch_makes_by_strides(model):
    x = torch.randn(3, 4, 5, 2)
    call = compiled(model, x, dynamic_shapes=({0: BATCH},))
    for size in (3, 1, 0):
        torch.testing.assert_close(call(x[:size]), model(x[:size]).detach())


def test_a_view_that_skips_elements_is_refused():
    class Skips(nn.Module):
        def forward(self, x):
            return x.as_strided((x.shape[0], 2), (4, 2))

    with pytest.raises(stepwell.Error, match="as_strided"):
        compiled(Skips(), torch.randn(3, 4), dynamic_shapes=({0: BATCH},))


class Pick(nn.Module):
    """One row of each matrix."""

    def forward(self, x, index):
        return x[torch.arange(x.shape[0]), index]


def test_several_index_tensors():
    x, index = torch.randn(4, 5, 3), torch.tensor([0, 4, -5, -1])
    call = compiled(Pick(), x, index, dynamic_shapes=({0: BATCH, 1: torch.export.Dim("rows")}, {0: BATCH}))
    for size in (4, 1):
        assert torch.equal(call(x[:size], index[:size]), Pick()(x[:size], index[:size]))


@pytest.mark.parametrize("wrong", [5, -6])
def test_an_index_outside_of_its_axis_alone(wrong):
    x, index = torch.randn(4, 5, 3), torch.tensor([0, 1, 2, 3])
    call = compiled(Pick(), x, index, dynamic_shapes=({0: BATCH}, {0: BATCH}))
    with pytest.raises(stepwell.Error, match="index"):
        call(x, torch.tensor([wrong, 1, 2, 3]))


class Joined(nn.Module):
    """A view of one argument by the batch of another."""

    def forward(self, x, y):
        return x.view(y.shape[0], -1, 2) + y[:, None]


def test_a_guard_that_the_arguments_fulfil_by_their_sizes():
    x, y = torch.randn(3, 4, 2), torch.randn(3, 2)
    call = compiled(Joined(), x, y, dynamic_shapes=({0: BATCH}, {0: BATCH}))
    torch.testing.assert_close(call(x[:2], y[:2]), Joined()(x[:2], y[:2]))


def test_a_guard_that_sizes_can_break():
    class Halves(nn.Module):
        def forward(self, x):
            return x.view(-1, 2, 3)

    with pytest.raises(stepwell.Error, match=r"only works for sizes with"):
        compiled(Halves(), torch.randn(4, 3), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))


class Gather(nn.Module):
    def forward(self, x, places):
        return x.new_zeros(x.shape).index_add(0, places[1], x[places[0]])


def test_sizes_that_integers_index():
    x, places = torch.randn(9, 2), torch.tensor([[8, 0, 3], [0, 7, 2]])
    dims = {0: torch.export.Dim("nodes")}, {1: torch.export.Dim("edges")}
    call = compiled(Gather(), x, places, dynamic_shapes=dims)
    for nodes in (9, 2, 1):
        torch.testing.assert_close(call(x[:nodes], places % nodes), Gather()(x[:nodes], places % nodes))


class Folded(nn.Module):
    """Torch looks whether one row is left: a branch on a size that is no input's."""

    def forward(self, x):
        return torch.conv2d(x, torch.ones(2, 1, 3, 1), None, 2, 0, 2).cumsum(3)


def test_a_guard_that_the_example_alone_fulfils():
    rows = {2: torch.export.Dim.DYNAMIC}
    with pytest.raises(stepwell.Error, match=r"only works for sizes with .* == 1\n.*larger sizes"):
        compiled(Folded(), torch.randn(2, 1, 5, 4), dynamic_shapes=(rows,))
    call = compiled(Folded(), torch.randn(2, 1, 9, 4), dynamic_shapes=(rows,))
    for size in (9, 8, 11):
        x = torch.randn(2, 1, size, 4)
        torch.testing.assert_close(call(x), Folded()(x))


class Thirds(nn.Module):
    def forward(self, x):
        return torch.nn.functional.adaptive_avg_pool2d(x, 3)


def test_a_decomposition_that_asks_for_sizes():
    exported = torch.export.export(Thirds(), (torch.randn(2, 6, 6),), dynamic_shapes=({2: torch.export.Dim.DYNAMIC},))
    check_new_guards(exported)
    operator = torch.ops.aten._adaptive_avg_pool2d.default
    table = torch.export.default_decompositions()
    table[operator] = torch._decomp.decomposition_table[operator]
    exported.run_decompositions(table)
    with pytest.raises(stepwell.Error, match=r"taken apart for Mod\(.*, 3\) == 0 alone"):
        check_new_guards(exported)
