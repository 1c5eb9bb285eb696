"""The short way from Python into an entry: what it takes, what it declines, and that declining changes nothing."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import stepwell
from stepwell.support.errors import ExecutionError, InputError


class Function(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: Tensor) -> Any:
        return self.function(*args)


def compiled(function: Callable[..., Any], *args: Tensor, **options: Any) -> stepwell.Executable:
    return stepwell.compile(Function(function), args, **options)


def direct(executable: stepwell.Executable, entry: str = "main") -> Callable[..., Any]:
    """The short way alone."""
    way = executable.runnable.direct(executable._session()._handle, entry)
    assert way is not None
    return way


@pytest.fixture(scope="module")
def double() -> stepwell.Executable:
    return compiled(lambda x: x * 2, torch.randn(3, 5))


def test_plain_tensors(double: stepwell.Executable) -> None:
    x = torch.randn(3, 5)
    (result,) = direct(double)(x)
    torch.testing.assert_close(result, x * 2, rtol=0, atol=0)
    torch.testing.assert_close(double(x), x * 2, rtol=0, atol=0)


def test_results_are_the_callers(double: stepwell.Executable) -> None:
    first, second = double(torch.ones(3, 5)), double(torch.zeros(3, 5))
    assert first.sum() == 30 and second.sum() == 0
    assert type(first) is Tensor and first.is_contiguous() and not first.requires_grad
    assert first.resize_(7).shape == (7,)


def test_gradients_are_not_followed(double: stepwell.Executable) -> None:
    result = double(torch.ones(3, 5, requires_grad=True))
    assert not result.requires_grad and result.sum() == 30


DECLINED: dict[str, Callable[[], Any]] = {
    "strided": lambda: torch.randn(5, 3).t(),
    "expanded": lambda: torch.randn(1, 5).expand(3, 5),
    "parameter": lambda: nn.Parameter(torch.randn(3, 5)),
    "negative": lambda: torch.randn(3, 5, dtype=torch.complex64).conj().imag,
}


@pytest.mark.parametrize("name", DECLINED)
def test_declined_and_right(double: stepwell.Executable, name: str) -> None:
    x = DECLINED[name]()
    assert direct(double)(x) is None
    torch.testing.assert_close(double(x), x.detach() * 2, rtol=0, atol=0)


def test_dense_negative_view() -> None:
    executable = compiled(lambda x: x + 1, torch.randn(1))
    x = torch.randn(1, dtype=torch.complex64).conj().imag
    assert x.is_neg() and x.is_contiguous()
    assert direct(executable)(x) is None
    torch.testing.assert_close(executable(x), x + 1, rtol=0, atol=0)


WRONG: dict[str, tuple[Callable[[], tuple[Any, ...]], str]] = {
    "shape": (lambda: (torch.randn(5, 3),), r"has shape \[5, 3\]"),
    "rank": (lambda: (torch.randn(15),), r"has shape \[15\]"),
    "dtype": (lambda: (torch.randn(3, 5).double(),), "has dtype f64"),
    "bool": (lambda: (torch.ones(3, 5, dtype=torch.bool),), "has dtype i1"),
    "device": (lambda: (torch.empty(3, 5, device="meta"),), "device meta"),
    "sparse": (lambda: (torch.randn(3, 5).to_sparse(),), "must be a dense tensor"),
    "none": (lambda: (), "0 arguments given|missing argument"),
    "surplus": (lambda: (torch.randn(3, 5), torch.randn(3, 5)), "2"),
    "list": (lambda: ([1.0],), "must be a tensor|structure"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input(double: stepwell.Executable, name: str) -> None:
    arguments, message = WRONG[name]
    with pytest.raises(InputError, match=message):
        double(*arguments())
    assert direct(double)(*arguments()) is None
    assert double(torch.ones(3, 5)).sum() == 30


def test_sizes() -> None:
    rows = torch.export.Dim("rows", min=0, max=9)
    executable = compiled(lambda x, y: (x + y, x.sum(1)), *(torch.randn(4, 3),) * 2, dynamic_shapes=[({0: rows},) * 2])
    for count in (0, 1, 5, 9, 2):
        x, y = torch.randn(count, 3), torch.randn(count, 3)
        assert direct(executable)(x, y) is not None
        total, sums = executable(x, y)
        torch.testing.assert_close(total, x + y, rtol=0, atol=0)
        torch.testing.assert_close(sums, x.sum(1))
    with pytest.raises(InputError, match="must lie between 0 and 9"):
        executable(torch.randn(10, 3), torch.randn(10, 3))
    with pytest.raises(InputError, match="must agree with"):
        executable(torch.randn(4, 3), torch.randn(5, 3))


def test_dtypes_and_empty() -> None:
    for dtype in (torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.int64, torch.uint8, torch.bool):
        x = torch.randint(0, 2, (2, 0, 3)).to(dtype)
        scalar = torch.ones((), dtype=dtype)
        executable = compiled(lambda x, y: (x.transpose(0, 1), y.reshape(1)), x, scalar)
        assert direct(executable)(x, scalar) is not None
        left, right = executable(x, scalar)
        assert left.shape == (0, 2, 3) and left.dtype is dtype
        assert right.dtype is dtype and right.item() == 1


def test_structured_result() -> None:
    executable = compiled(lambda x: {"twice": x * 2, "same": x, "three": 3}, torch.ones(2))
    x = torch.ones(2)
    assert direct(executable)(x) is not None
    result = executable(x)
    assert result["three"] == 3 and result["same"] is x
    torch.testing.assert_close(result["twice"], x * 2)


def test_failed_program() -> None:
    executable = compiled(lambda t, i: t[i], torch.randn(4), torch.tensor([1]))
    with pytest.raises(ExecutionError, match="index out of range"):
        direct(executable)(torch.randn(4), torch.tensor([4]))
    assert direct(executable)(torch.arange(4.0), torch.tensor([3]))[0] == 3


def test_no_memory_for_a_result() -> None:
    rows = torch.export.Dim("rows", max=2**40)
    executable = compiled(lambda x: x[:, None] + x[None], torch.randn(4), dynamic_shapes=[({0: rows},)])
    with pytest.raises(ExecutionError, match="out of memory"):
        executable(torch.empty(2**24))
    assert executable(torch.ones(3)).sum() == 18


def test_too_many_tensors() -> None:
    executable = compiled(lambda *x: sum(x), *(torch.ones(2) for _ in range(65)))
    assert executable.runnable.direct(executable._session()._handle, "main") is None
    assert executable(*(torch.ones(2) for _ in range(65))).sum() == 130


def test_nothing_is_kept(double: stepwell.Executable) -> None:
    x, wrong = torch.randn(3, 5), torch.randn(5, 3)
    double(x)
    before = sys.getrefcount(x), sys.getrefcount(wrong)
    for _ in range(100):
        result = double(x)
        direct(double)(wrong)
    assert (sys.getrefcount(x), sys.getrefcount(wrong)) == before
    assert sys.getrefcount(result) == 2


def test_session_is_released() -> None:
    executable = compiled(lambda x: x * 2, torch.randn(3))
    way = type(direct(executable))
    alive = sum(type(held) is way for held in gc.get_objects())
    native = executable._session()._handle
    count = sys.getrefcount(native)
    executable(torch.ones(3))
    assert sys.getrefcount(native) == count
    assert sum(type(held) is way for held in gc.get_objects()) == alive


def test_threads_of_one_session() -> None:
    """A session serves one thread at a time: the others are refused, and every result that comes is right."""
    executable = compiled(lambda x, y: x @ y, *(torch.randn(96, 96),) * 2)
    wrong: list[str] = []

    def work(seed: int) -> None:
        x, y = torch.randn(2, 96, 96, generator=torch.Generator().manual_seed(seed)).unbind()
        right = x @ y
        for _ in range(200):
            try:
                result = executable(x, y)
            except stepwell.Error as refused:
                if "another thread" not in str(refused):
                    wrong.append(str(refused))
                continue
            if not torch.allclose(result, right, atol=1e-3):
                wrong.append("a wrong result")

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
