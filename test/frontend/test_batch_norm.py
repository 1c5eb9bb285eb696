"""Batch normalisation outside of training, decomposed in fewer operations than torch takes."""

import pytest
import torch

from stepwell.frontend.decompositions.table import decomposition_table
from stepwell.frontend.export import decompose

OPERATOR = torch.ops.aten._native_batch_norm_legit_no_training.default


def _layer(kind: type, dtype: torch.dtype, *, affine: bool, train: bool = False) -> torch.nn.Module:
    torch.manual_seed(0)
    layer = kind(3, affine=affine, eps=0.01)
    for value in (*layer.parameters(), layer.running_mean, layer.running_var):
        torch.nn.init.uniform_(value, 0.5, 2.0)
    return layer.to(dtype).train(train)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        (torch.nn.BatchNorm1d, (4, 3)),
        (torch.nn.BatchNorm1d, (1, 3, 5)),
        (torch.nn.BatchNorm2d, (2, 3, 4, 1)),
        (torch.nn.BatchNorm3d, (0, 3, 2, 2, 2)),
    ],
)
def test_the_result_is_that_of_torchs_own_decomposition(kind, sizes, dtype, affine):
    x = torch.randn(sizes).to(dtype)
    if x.numel():
        x.view(-1)[:2] = torch.tensor([float("nan"), float("inf")])
    exported = torch.export.export(_layer(kind, dtype, affine=affine), (x,), strict=False)
    own = decompose(exported)
    torchs = exported.run_decompositions(
        decomposition_table() | {OPERATOR: torch._decomp.decomposition_table[OPERATOR]}
    )
    assert sum(node.op == "call_function" for node in own.graph.nodes) < 18
    result, expected = own.module()(x), torchs.module()(x)
    assert result.dtype == dtype
    assert torch.equal(result.nan_to_num(7.0), expected.nan_to_num(7.0))
    assert torch.equal(result.isnan(), expected.isnan())


def test_statistics_of_the_batch_are_left_to_torch():
    x = torch.randn(4, 3, 5)
    exported = torch.export.export(_layer(torch.nn.BatchNorm1d, torch.float32, affine=True, train=True), (x,))
    updated = decompose(exported).graph_signature.buffers_to_mutate.values()
    assert {"running_mean", "running_var"} <= set(updated)
    assert OPERATOR in decomposition_table()
