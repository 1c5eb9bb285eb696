"""Buffer-level modules compute the right values as machine code; MLIR's own JIT agrees."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from stepwell.backends.llvm.cpu import Cpu, host

Compile = Callable[..., Callable[..., None]]

BASELINE = Cpu(host().triple, "x86-64" if host().arch == "x86_64" else "generic")


def elementwise(body: str, source: str, target: str) -> str:
    """@main(in: memref<?xSOURCE>, out: memref<?xTARGET>) that computes %r of %x for every element."""
    return f"""
    func.func @main(%in: memref<?x{source}>, %out: memref<?x{target}>) {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %n = memref.dim %in, %c0 : memref<?x{source}>
      scf.for %i = %c0 to %n step %c1 {{
        %x = memref.load %in[%i] : memref<?x{source}>
        {body}
        memref.store %r, %out[%i] : memref<?x{target}>
      }}
      return
    }}"""


MATMUL = """
func.func @main(%a: memref<?x?xf32>, %b: memref<?x?xf32>, %c: memref<?x?xf32>) {
  linalg.matmul ins(%a, %b : memref<?x?xf32>, memref<?x?xf32>) outs(%c : memref<?x?xf32>)
  return
}"""


@pytest.mark.parametrize("fp", ["strict", "contract", "fast"])
def test_matmul(compiled: Compile, fp: str) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((7, 33), np.float32), rng.standard_normal((33, 5), np.float32)
    c = np.zeros((7, 5), np.float32)
    compiled(MATMUL, fp)(a, b, c)
    np.testing.assert_allclose(c, a @ b, rtol=1e-5, atol=1e-5)


def test_strict_is_the_order_of_the_program(compiled: Compile) -> None:
    text = """
    func.func @main(%a: memref<?xf32>, %r: memref<f32>) {
      %zero = arith.constant 0.0 : f32
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %n = memref.dim %a, %c0 : memref<?xf32>
      %s = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %zero) -> f32 {
        %x = memref.load %a[%i] : memref<?xf32>
        %y = arith.mulf %x, %x : f32
        %z = arith.addf %acc, %y : f32
        scf.yield %z : f32
      }
      memref.store %s, %r[] : memref<f32>
      return
    }"""
    values = np.random.default_rng(1).standard_normal(1001, np.float32)
    expected = np.float32(0)
    for value in values:
        expected = expected + value * value
    result = np.zeros((), np.float32)
    compiled(text, "strict")(values, result)
    assert result == expected


@pytest.mark.parametrize(
    ("op", "reference"),
    [("exp", np.exp), ("tanh", np.tanh), ("log", np.log), ("sqrt", np.sqrt), ("rsqrt", lambda x: 1 / np.sqrt(x)),
     ("erf", np.vectorize(math.erf)), ("sin", np.sin), ("floor", np.floor), ("roundeven", np.round),
     ("log1p", np.log1p), ("expm1", np.expm1), ("atan", np.arctan), ("cbrt", np.cbrt), ("exp2", np.exp2)],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["f32", "f64"])
def test_math(compiled: Compile, op: str, reference: Callable[[Any], Any], kind: str) -> None:
    dtype = {"f32": np.float32, "f64": np.float64}[kind]
    x = np.linspace(0.1, 5, 37, dtype=dtype)
    y = np.zeros_like(x)
    compiled(elementwise(f"%r = math.{op} %x : {kind}", kind, kind))(x, y)
    np.testing.assert_allclose(y, reference(x.astype(np.float64)), rtol=4 * np.finfo(dtype).eps)


def test_vectors_of_math_and_reductions(compiled: Compile) -> None:
    text = """
    func.func @main(%in: memref<4x8xf32>, %out: memref<4xf32>) {
      %c0 = arith.constant 0 : index
      %pad = arith.constant 0.0 : f32
      %v = vector.transfer_read %in[%c0, %c0], %pad {in_bounds = [true, true]} : memref<4x8xf32>, vector<4x8xf32>
      %e = math.exp %v : vector<4x8xf32>
      %acc = arith.constant dense<0.0> : vector<4xf32>
      %s = vector.multi_reduction <add>, %e, %acc [1] : vector<4x8xf32> to vector<4xf32>
      %f = vector.fma %s, %s, %s : vector<4xf32>
      vector.transfer_write %f, %out[%c0] {in_bounds = [true]} : vector<4xf32>, memref<4xf32>
      return
    }"""
    x = np.random.default_rng(2).standard_normal((4, 8), np.float32)
    y = np.zeros(4, np.float32)
    compiled(text)(x, y)
    s = np.exp(x).sum(axis=1)
    np.testing.assert_allclose(y, s * s + s, rtol=1e-5)


EVERY_16 = np.arange(1 << 16, dtype=np.uint16)


@pytest.mark.parametrize("cpu", [host(), BASELINE], ids=["host", "baseline"])
@pytest.mark.parametrize("kind", ["f16", "bf16"])
def test_widening_is_exact(compiled: Compile, bf16: Any, cpu: Cpu, kind: str) -> None:
    x = EVERY_16.view({"f16": np.float16, "bf16": bf16}[kind])
    y = np.zeros(x.shape, np.float64)
    compiled(elementwise(f"%r = arith.extf %x : {kind} to f64", kind, "f64"), cpu=cpu)(x.view(np.uint16), y)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(y, x.astype(np.float64))


def hard_to_round(dtype: Any) -> Any:
    """Doubles around every second midpoint of neighbouring values of ``dtype``, and random ones."""
    with np.errstate(invalid="ignore"):
        values = EVERY_16.view(dtype).astype(np.float64)
    values = np.sort(values[np.isfinite(values)])
    middles = (values[1:] + values[:-1]) / 2
    around = [middles, np.nextafter(middles, np.inf), np.nextafter(middles, -np.inf)]
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e300, -1e300, 1e-300, 5e-324, 65519.99, 65520.0, 3.4e38, 3.39e38]
    return np.concatenate([*around, special, np.random.default_rng(3).standard_normal(1000)])


def correctly_rounded(x: Any, dtype: Any) -> Any:
    """``x`` to nearest, ties to even, by searching among all values of ``dtype``."""
    bits = EVERY_16[:0x8000]
    with np.errstate(invalid="ignore"):
        table = bits.view(dtype).astype(np.float64)
    finite = np.isfinite(table)
    bits, table = bits[finite], table[finite]
    size = np.abs(x)
    high = np.clip(np.searchsorted(table, size), 1, len(table) - 1)
    low = high - 1
    up, down = table[high] - size, size - table[low]
    chosen = np.where((up < down) | ((up == down) & (bits[high] % 2 == 0)), high, low)
    result = bits[chosen]
    # Half a step beyond the largest value lies infinity.
    result = np.where(size >= table[-1] + (table[-1] - table[-2]) / 2, bits[-1] + 1, result).astype(np.uint16)
    return result | np.where(np.signbit(x), 0x8000, 0).astype(np.uint16)


@pytest.mark.parametrize("cpu", [host(), BASELINE], ids=["host", "baseline"])
@pytest.mark.parametrize("kind", ["f16", "bf16"])
@pytest.mark.parametrize("source", ["f32", "f64"])
def test_narrowing_rounds_once(compiled: Compile, bf16: Any, cpu: Cpu, kind: str, source: str) -> None:
    dtype = {"f16": np.float16, "bf16": bf16}[kind]
    with np.errstate(over="ignore"):
        x = hard_to_round(dtype).astype({"f32": np.float32, "f64": np.float64}[source])
    y = np.zeros(x.shape, np.uint16)
    compiled(elementwise(f"%r = arith.truncf %x : {source} to {kind}", source, kind), cpu=cpu)(x, y)
    nan = np.isnan(x)
    np.testing.assert_array_equal(y[~nan], correctly_rounded(x[~nan].astype(np.float64), dtype))
    assert np.isnan(y[nan].view(dtype).astype(np.float32)).all()


@pytest.mark.parametrize("cpu", [host(), BASELINE], ids=["host", "baseline"])
@pytest.mark.parametrize("kind", ["f16", "bf16"])
def test_narrow_arithmetic(compiled: Compile, bf16: Any, cpu: Cpu, kind: str) -> None:
    dtype = {"f16": np.float16, "bf16": bf16}[kind]
    body = f"""
      %a = arith.addf %x, %x : {kind}
      %b = arith.mulf %a, %x : {kind}
      %int = arith.fptosi %b : {kind} to i32
      %c = arith.sitofp %int : i32 to {kind}
      %d = math.sqrt %c : {kind}
      %m = arith.maximumf %d, %x : {kind}
      %t = arith.cmpf ogt, %m, %x : {kind}
      %r = arith.select %t, %m, %b : {kind}"""
    x = np.linspace(0, 9, 91).astype(dtype)
    y = np.zeros(x.shape, np.uint16)
    compiled(elementwise(body, kind, kind), "strict", cpu)(x.view(np.uint16), y)
    b = (x + x) * x
    m = np.maximum(np.sqrt(b.astype(np.int32).astype(dtype).astype(np.float32)).astype(dtype), x)
    np.testing.assert_array_equal(y.view(dtype), np.where(m > x, m, b))


def test_casts_that_the_program_states_are_kept(compiled: Compile, bf16: Any) -> None:
    body = """
      %h = arith.truncf %x : f32 to bf16
      %r = arith.extf %h : bf16 to f32"""
    x = np.linspace(0, 1, 50, dtype=np.float32)
    y = np.zeros_like(x)
    compiled(elementwise(body, "f32", "f32"), "fast")(x, y)
    np.testing.assert_array_equal(y, x.astype(bf16).astype(np.float32))


def test_temporaries_come_from_the_runtime(compiled: Compile, leaked: Callable[[], int]) -> None:
    text = """
    func.func @main(%x: memref<?xf32>) {
      %c0 = arith.constant 0 : index
      %n = memref.dim %x, %c0 : memref<?xf32>
      %t = memref.alloc(%n) : memref<?xf32>
      linalg.exp ins(%x : memref<?xf32>) outs(%t : memref<?xf32>)
      memref.copy %t, %x : memref<?xf32> to memref<?xf32>
      memref.dealloc %t : memref<?xf32>
      return
    }"""
    x = np.linspace(0, 1, 100, dtype=np.float32)
    expected = np.exp(x)
    for opt_level in (0, 3):
        y = x.copy()
        compiled(text, opt_level=opt_level)(y)
        np.testing.assert_allclose(y, expected, rtol=1e-6)
    assert leaked() == 0


def test_copies_of_strided_buffers(compiled: Compile) -> None:
    kind = "memref<3x4xf32, strided<[8, 2], offset: 1>>"
    text = f"""
    func.func @main(%x: memref<3x8xf32>, %y: memref<3x4xf32>) {{
      %v = memref.subview %x[0, 1][3, 4][1, 2] : memref<3x8xf32> to {kind}
      memref.copy %v, %y : {kind} to memref<3x4xf32>
      return
    }}"""
    x, y = np.arange(24, dtype=np.float32).reshape(3, 8), np.zeros((3, 4), np.float32)
    compiled(text)(x, y)
    np.testing.assert_array_equal(y, x[:, 1::2])


def test_assert_calls_the_runtime(compiled: Compile, failures: list[str]) -> None:
    text = """
    func.func @main(%x: memref<?xf32>) {
      %c0 = arith.constant 0 : index
      %c4 = arith.constant 4 : index
      %n = memref.dim %x, %c0 : memref<?xf32>
      %ok = arith.cmpi eq, %n, %c4 : index
      cf.assert %ok, "the size must be 4"
      return
    }"""
    # Without optimisation the code goes on behind a handler that returns, as the one of this test does.
    run = compiled(text, opt_level=0)
    run(np.zeros(4, np.float32))
    assert failures == []


def test_integers_and_bools(compiled: Compile) -> None:
    body = """
      %c3 = arith.constant 3 : i32
      %q = arith.divsi %x, %c3 : i32
      %m = arith.remsi %x, %c3 : i32
      %s = arith.shli %q, %c3 : i32
      %a = arith.addi %s, %m : i32
      %w = arith.extsi %a : i32 to i64
      %r = arith.muli %w, %w : i64"""
    x = np.arange(-20, 20, dtype=np.int32)
    y = np.zeros(x.shape, np.int64)
    compiled(elementwise(body, "i32", "i64"))(x, y)
    q = np.trunc(x / 3).astype(np.int64)
    np.testing.assert_array_equal(y, (q * 8 + np.fmod(x, 3)) ** 2)


def test_complex(compiled: Compile) -> None:
    body = """
      %a = complex.mul %x, %x : complex<f32>
      %r = complex.abs %a : complex<f32>"""
    x = (np.linspace(-1, 1, 9) + 2j).astype(np.complex64)
    y = np.zeros(x.shape, np.float32)
    compiled(elementwise(body, "complex<f32>", "f32"))(x, y)
    np.testing.assert_allclose(y, np.abs(x * x), rtol=1e-5)


ROWS = """
func.func @main(%a: memref<?x?xf32>, %r: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = memref.dim %a, %c0 : memref<?x?xf32>
  %n = memref.dim %a, %c1 : memref<?x?xf32>
  scf.parallel (%i, %j) = (%c0, %c0) to (%m, %n) step (%c1, %c1) {
    %own = memref.alloca() : memref<2xf32>
    %heap = memref.alloc() : memref<2xf32>
    %x = memref.load %a[%i, %j] : memref<?x?xf32>
    memref.store %x, %own[%c1] : memref<2xf32>
    memref.store %x, %heap[%c0] : memref<2xf32>
    %y = memref.load %own[%c1] : memref<2xf32>
    %z = memref.load %heap[%c0] : memref<2xf32>
    %w = arith.mulf %y, %z : f32
    memref.store %w, %r[%i, %j] : memref<?x?xf32>
    memref.dealloc %heap : memref<2xf32>
    scf.reduce
  }
  return
}"""


@pytest.mark.parametrize("shape", [(0, 5), (1, 1), (3, 7), (2, 30011), (30011, 2), (211, 509)])
def test_parallel_loops_of_any_size(compiled: Compile, leaked: Callable[[], int], shape: tuple[int, int]) -> None:
    before, a = leaked(), np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    result = np.full_like(a, np.nan)
    compiled(ROWS)(a, result)
    np.testing.assert_array_equal(result, a * a)
    assert leaked() == before


@pytest.mark.parametrize("size", [1, 20001, 80000])
def test_parallel_loop_of_several_types(compiled: Compile, size: int) -> None:
    """What a loop uses from above reaches it through memory: every kind of scalar, memrefs of ranks 0 to 2."""
    text = """
    func.func @main(%a: memref<?xf64>, %s: memref<f32>, %m: memref<1x1xi8>, %t: memref<1xi64>, %out: memref<?xf64>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %n = memref.dim %a, %c0 : memref<?xf64>
      %x = memref.load %s[] : memref<f32>
      %y = memref.load %m[%c0, %c0] : memref<1x1xi8>
      %z = memref.load %t[%c0] : memref<1xi64>
      %h = arith.truncf %x : f32 to f16
      %p = arith.cmpi sgt, %z, %z : i64
      %i = arith.index_cast %z : i64 to index
      %v = vector.broadcast %x : f32 to vector<4xf32>
      scf.parallel (%k) = (%c0) to (%n) step (%c1) {
        %e = memref.load %a[%k] : memref<?xf64>
        %w = vector.extract %v[2] : f32 from vector<4xf32>
        %again = memref.load %s[] : memref<f32>
        %hw = arith.extf %h : f16 to f32
        %f0 = arith.addf %w, %again : f32
        %f1 = arith.addf %f0, %hw : f32
        %y64 = arith.extsi %y : i8 to i64
        %i64 = arith.index_cast %i : index to i64
        %n0 = arith.addi %y64, %z : i64
        %n1 = arith.addi %n0, %i64 : i64
        %n2 = arith.select %p, %z, %n1 : i64
        %nf = arith.sitofp %n2 : i64 to f64
        %ff = arith.extf %f1 : f32 to f64
        %r0 = arith.addf %e, %ff : f64
        %r1 = arith.addf %r0, %nf : f64
        memref.store %r1, %out[%k] : memref<?xf64>
        scf.reduce
      }
      return
    }"""
    a = np.random.default_rng(0).standard_normal(size)
    result = np.zeros_like(a)
    compiled(text)(a, np.array(0.5, np.float32), np.array([[-3]], np.int8), np.array([1 << 40]), result)
    np.testing.assert_allclose(result, a + 1.5 - 3 + 2 * (1 << 40), rtol=1e-15)
