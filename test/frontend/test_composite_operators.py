"""The list of composite operators that is kept between decompositions."""

import torch
from torch._export import utils
from torch.export import exported_program

from stepwell.frontend.composite_operators import _OURS, composite_operators, composite_operators_kept


def test_it_is_torchs_own_and_kept() -> None:
    assert composite_operators() == utils._collect_all_valid_cia_ops()
    assert composite_operators() is composite_operators()


def test_an_operator_that_comes_later_is_in_it() -> None:
    composite_operators()
    with torch.library._scoped_library("stepwell_composite", "FRAGMENT") as library:
        library.define("twice(Tensor x) -> Tensor")
        library.impl("twice", lambda x: x + x, "CompositeImplicitAutograd")
        assert torch.ops.stepwell_composite.twice.default in composite_operators()


def test_torch_has_its_own_again_behind_the_block() -> None:
    def state() -> list[object]:
        return [getattr(exported_program, name) for name in _OURS]

    before = state()
    with composite_operators_kept():
        assert all(one is not other for one, other in zip(state(), before, strict=True))
    assert all(one is other for one, other in zip(state(), before, strict=True))
