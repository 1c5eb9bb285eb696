"""lower-tm-tensor against PyTorch, with the IR that torch-mlir emits, at static, dynamic, unit and empty sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numeric_check import TO_BUFFERS, Array, apply, run

from stepwell.support.errors import Error, ExecutionError

LOWERINGS = ["lower-tm-tensor,check-level{level=tensor}", f"lower-tm-tensor,canonicalize,cse,{TO_BUFFERS}"]
BY_ROWS = [lowering.replace("lower-tm-tensor", "lower-tm-tensor{rows=true}") for lowering in LOWERINGS]


def evaluate(text: str, inputs: list[Array], lowering: str) -> list[Array]:
    return run(apply(text, lowering), inputs)[0]


def tensor_type(shape: tuple[int, ...], element: str, *, dynamic: bool) -> str:
    sizes = ["?" if dynamic else str(size) for size in shape]
    return f"tensor<{'x'.join([*sizes, element])}>"


def scan_text(shape: tuple[int, ...], dim: int, combine: str, *, dynamic: bool, inclusive: bool, element: str) -> str:
    whole = tensor_type(shape, element, dynamic=dynamic)
    rest = tensor_type(shape[:dim] + shape[dim + 1 :], element, dynamic=dynamic)
    return f"""
func.func @main(%x: {whole}, %out: {whole}, %acc: {rest}) -> ({whole}, {rest}) {{
  %0:2 = tm_tensor.scan dimension({dim}) inclusive({str(inclusive).lower()}) ins(%x : {whole})
         outs(%out, %acc : {whole}, {rest}) {{
  ^bb0(%a: {element}, %b: {element}):
    %c = {combine} %a, %b : {element}
    tm_tensor.yield %c : {element}
  }} -> {whole}, {rest}
  return %0#0, %0#1 : {whole}, {rest}
}}"""


@pytest.mark.parametrize("lowering", [*LOWERINGS, *BY_ROWS])
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(
    ("shape", "dim"), [((7,), 0), ((3, 5), 1), ((3, 5), 0), ((2, 1, 4), 1), ((2, 3, 4), 2), ((3, 0), 1), ((0, 3), 1)]
)
def test_scan(shape: tuple[int, ...], dim: int, dynamic: bool, lowering: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-4, 5, shape)
    zero = np.zeros(shape[:dim] + shape[dim + 1 :], np.int64)
    text = scan_text(shape, dim, "arith.addi", dynamic=dynamic, inclusive=True, element="i64")
    got, last = evaluate(text, [x, np.zeros_like(x), zero], lowering)
    np.testing.assert_array_equal(got, torch.cumsum(torch.from_numpy(x), dim).numpy())
    np.testing.assert_array_equal(last, x.sum(axis=dim))


@pytest.mark.parametrize("lowering", [LOWERINGS[0], *BY_ROWS])
def test_exclusive_scan_starts_from_its_accumulator(lowering: str) -> None:
    x = np.array([1, 2, 3, 4])
    text = scan_text((4,), 0, "arith.addi", dynamic=False, inclusive=False, element="i64")
    got, _ = evaluate(text, [x, np.zeros_like(x), np.array(10)], lowering)
    np.testing.assert_array_equal(got, [10, 11, 13, 16])


@pytest.mark.parametrize("lowering", [LOWERINGS[0], *BY_ROWS])
def test_inclusive_scan_keeps_the_first_element_as_it_is(lowering: str) -> None:
    x = np.array([-0.0, -0.0], np.float32)
    text = scan_text((2,), 0, "arith.addf", dynamic=False, inclusive=True, element="f32")
    got, _ = evaluate(text, [x, x, np.zeros((), np.float32)], lowering)
    assert np.signbit(got).all()


def sort_text(shape: tuple[int, ...], dim: int, predicate: str, *, dynamic: bool, element: str = "f32") -> str:
    whole, numbers = (tensor_type(shape, e, dynamic=dynamic) for e in (element, "i64"))
    return f"""
func.func @main(%x: {whole}, %i: {numbers}) -> ({whole}, {numbers}) {{
  %0:2 = tm_tensor.sort dimension({dim}) outs(%x, %i : {whole}, {numbers}) {{
  ^bb0(%a: {element}, %b: {element}, %c: i64, %d: i64):
    %e = arith.cmp{element[0]} {predicate}, %a, %b : {element}
    tm_tensor.yield %e : i1
  }} -> {whole}, {numbers}
  return %0#0, %0#1 : {whole}, {numbers}
}}"""


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(("shape", "dim"), [((9,), 0), ((2, 7, 2), 1), ((1, 1), 0), ((2, 0), 1), ((0, 2), 1)])
@pytest.mark.parametrize("descending", [False, True])
def test_sort_is_stable(shape: tuple[int, ...], dim: int, descending: bool, dynamic: bool, lowering: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 4, shape).astype(np.float32)
    if x.size > 3:
        x.reshape(-1)[[1, -1]] = np.nan
    position = np.broadcast_to(np.expand_dims(np.arange(shape[dim]), [d for d in range(len(shape)) if d != dim]), shape)
    text = sort_text(shape, dim, "oge" if descending else "ole", dynamic=dynamic)
    values, order = evaluate(text, [x, position.copy()], lowering)
    want = torch.sort(torch.from_numpy(x), dim=dim, descending=descending, stable=True)
    np.testing.assert_array_equal(values, want.values.numpy())
    np.testing.assert_array_equal(order, want.indices.numpy())


def test_sort_of_integers() -> None:
    x = np.array([3, -1, 2, -1])
    values, order = evaluate(sort_text((4,), 0, "sle", dynamic=False, element="i64"), [x, np.arange(4)], LOWERINGS[0])
    np.testing.assert_array_equal(values, [-1, -1, 2, 3])
    np.testing.assert_array_equal(order, [1, 3, 2, 0])


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(("predicate", "largest", "start"), [("ogt", True, -np.inf), ("olt", False, np.inf)])
def test_topk(predicate: str, largest: bool, start: float, dynamic: bool, lowering: str) -> None:
    n = "?" if dynamic else "6"
    text = f"""
func.func @main(%x: tensor<2x{n}xf32>, %v: tensor<2x3xf32>,
                %i: tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<2x3xi32>) {{
  %0:2 = tm_tensor.topk dimension(1) ins(%x : tensor<2x{n}xf32>) outs(%v, %i : tensor<2x3xf32>, tensor<2x3xi32>) {{
  ^bb0(%a: f32, %b: f32):
    %c = arith.cmpf {predicate}, %a, %b : f32
    tm_tensor.yield %c : i1
  }} -> tensor<2x3xf32>, tensor<2x3xi32>
  return %0#0, %0#1 : tensor<2x3xf32>, tensor<2x3xi32>
}}"""
    x = np.array([[4, 1, 7, 0, 7, 3], [5, 9, -2, 8, 6, 1]], np.float32)
    none = np.full((2, 3), np.iinfo(np.int32).max, np.int32)
    values, order = evaluate(text, [x, np.full((2, 3), start, np.float32), none], lowering)
    np.testing.assert_array_equal(values, torch.topk(torch.from_numpy(x), 3, largest=largest).values.numpy())
    np.testing.assert_array_equal(np.take_along_axis(x, order.astype(np.int64), 1), values)
    assert not largest or order[0].tolist() == [2, 4, 0], "of equal elements the first comes first"


def scatter_text(combine: str, *, dynamic: bool, unique: bool = False) -> str:
    n, m = ("?", "?") if dynamic else ("4", "5")
    return f"""
func.func @main(%u: tensor<{n}x1x3xf32>, %i: tensor<{n}x1xi64>, %x: tensor<{m}x3xf32>) -> tensor<{m}x3xf32> {{
  %0 = tm_tensor.scatter {{dimension_map = array<i64: 0>}} unique_indices({str(unique).lower()})
       ins(%u, %i : tensor<{n}x1x3xf32>, tensor<{n}x1xi64>) outs(%x : tensor<{m}x3xf32>) {{
  ^bb0(%new: f32, %old: f32):
    {combine}
    tm_tensor.yield %r : f32
  }} -> tensor<{m}x3xf32>
  return %0 : tensor<{m}x3xf32>
}}"""


ADD = "%r = arith.addf %old, %new : f32"
SET = "%z = arith.constant 0.0 : f32\n%r = arith.addf %new, %z : f32"


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("accumulate", [False, True])
def test_scatter_of_slices(accumulate: bool, dynamic: bool, lowering: str) -> None:
    rng = np.random.default_rng(0)
    x, updates = rng.standard_normal((5, 3)).astype(np.float32), rng.standard_normal((4, 1, 3)).astype(np.float32)
    places = np.array([[1], [-1], [1], [0]]) if accumulate else np.array([[1], [-1], [3], [0]])
    text = scatter_text(ADD if accumulate else SET, dynamic=dynamic, unique=not accumulate)
    (got,) = evaluate(text, [updates, places, x], lowering)
    want = torch.from_numpy(x.copy()).index_put(
        (torch.from_numpy(places[:, 0]),), torch.from_numpy(updates[:, 0]), accumulate=accumulate
    )
    np.testing.assert_allclose(got, want.numpy(), rtol=1e-6)


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_scatter_of_elements(lowering: str) -> None:
    text = """
func.func @main(%u: tensor<4xf32>, %i: tensor<4x2xi64>, %x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = tm_tensor.scatter {dimension_map = array<i64: 0, 1>} unique_indices(false)
       ins(%u, %i : tensor<4xf32>, tensor<4x2xi64>) outs(%x : tensor<2x3xf32>) {
  ^bb0(%new: f32, %old: f32):
    tm_tensor.yield %new : f32
  } -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}"""
    updates, places = np.arange(1, 5, dtype=np.float32), np.array([[0, 1], [1, 2], [0, 1], [1, 0]])
    (got,) = evaluate(text, [updates, places, np.zeros((2, 3), np.float32)], lowering)
    np.testing.assert_array_equal(got, [[0, 3, 0], [4, 0, 2]], "the last of equal places wins")


def test_scatter_outside_is_an_error() -> None:
    text = scatter_text(ADD, dynamic=False)
    x, updates = np.zeros((5, 3), np.float32), np.ones((4, 1, 3), np.float32)
    for bad in (5, -6):
        with pytest.raises(ExecutionError, match="scatter: index out of range"):
            evaluate(text, [updates, np.array([[0], [1], [bad], [2]]), x], LOWERINGS[0])


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("mask", ["", "f32", "i1"])
def test_attention(mask: str, dynamic: bool, lowering: str) -> None:
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal(s).astype(np.float32) for s in ((6, 5, 4), (6, 7, 4), (6, 7, 4)))
    b, s, t = ("?", "?", "?") if dynamic else ("6", "5", "7")
    query, key, mask_type = f"tensor<{b}x{s}x4xf32>", f"tensor<{b}x{t}x4xf32>", f"tensor<{b}x{s}x{t}x{mask}>"
    extra = (", %m", f", {mask_type}", f", %m: {mask_type}") if mask else ("", "", "")
    text = f"""
func.func @main(%q: {query}, %k: {key}, %v: {key}, %o: {query}{extra[2]}) -> {query} {{
  %0 = tm_tensor.attention ins(%q, %k, %v{extra[0]} : {query}, {key}, {key}{extra[1]}) outs(%o : {query}) -> {query}
  return %0 : {query}
}}"""
    bias = {"f32": rng.standard_normal((6, 5, 7)).astype(np.float32), "i1": rng.random((6, 5, 7)) < 0.5, "": None}[mask]
    inputs = [q, k, v, np.zeros_like(q)] + ([bias] if bias is not None else [])
    if mask == "i1" and bias is not None:
        bias[0, 0] = False  # a row that attends to nothing gives zeros
    (got,) = evaluate(text, inputs, lowering)
    wide_q, wide_k, wide_v = (torch.from_numpy(a).double() for a in (q, k, v))
    given = None if bias is None else torch.from_numpy(bias)
    given = given.double() if mask == "f32" and given is not None else given
    want = torch.nn.functional.scaled_dot_product_attention(wide_q, wide_k, wide_v, attn_mask=given)
    np.testing.assert_allclose(got, want.numpy(), rtol=1e-4, atol=1e-5)


def test_attention_takes_a_scale_and_computes_halves_in_single_precision() -> None:
    rng = np.random.default_rng(0)
    q = rng.standard_normal((2, 5, 4)).astype(np.float16)
    type_ = "tensor<2x5x4xf16>"
    text = f"""
func.func @main(%q: {type_}, %o: {type_}) -> {type_} {{
  %0 = tm_tensor.attention {{scale = 3.0e-01 : f64}} ins(%q, %q, %q : {type_}, {type_}, {type_})
       outs(%o : {type_}) -> {type_}
  return %0 : {type_}
}}"""
    (got,) = evaluate(text, [q, np.zeros_like(q)], LOWERINGS[0])
    wide = torch.from_numpy(q).double()
    want = torch.nn.functional.scaled_dot_product_attention(wide, wide, wide, scale=0.3)
    np.testing.assert_allclose(got, want.numpy(), rtol=1e-3, atol=1e-3)


def test_attention_on_integers_is_refused() -> None:
    type_ = "tensor<2x5x4xi32>"
    text = f"""
func.func @main(%q: {type_}) -> {type_} {{
  %0 = tm_tensor.attention ins(%q, %q, %q : {type_}, {type_}, {type_}) outs(%q : {type_}) -> {type_}
  return %0 : {type_}
}}"""
    with pytest.raises(Error, match="attention on i32 elements is not defined"):
        apply(text, LOWERINGS[0])
