import ml_dtypes
import numpy as np
import pytest

from stepwell.support.errors import ExecutionError


def binary(op: str, kind: str) -> str:
    return f"""func.func @main(%a: {kind}, %b: {kind}) -> {kind} {{
      %0 = {op} %a, %b : {kind}
      return %0 : {kind}
    }}"""


@pytest.mark.parametrize(
    ("op", "kind", "a", "b", "expected"),
    [
        ("arith.addi", "i8", 127, 1, -128),
        ("arith.muli", "i32", 65536, 65536, 0),
        ("arith.subi", "i8", -128, 1, 127),
        ("arith.addi", "i4", 7, 1, -8),
        ("arith.addi", "i1", True, True, False),
        ("arith.muli", "i1", True, True, True),
        ("arith.divsi", "i32", -7, 2, -3),
        ("arith.remsi", "i32", -7, 2, -1),
        ("arith.floordivsi", "i32", -7, 2, -4),
        ("arith.ceildivsi", "i32", 7, 2, 4),
        ("arith.ceildivsi", "i32", -7, 2, -3),
        ("arith.divui", "i8", -1, 2, 127),
        ("arith.remui", "i8", -1, 16, 15),
        ("arith.shli", "i8", 1, 7, -128),
        ("arith.shrsi", "i8", -128, 7, -1),
        ("arith.shrui", "i8", -128, 7, 1),
        ("arith.maxsi", "i8", -1, 1, 1),
        ("arith.maxui", "i8", -1, 1, -1),
        ("arith.maxsi", "i1", True, False, False),
        ("arith.maxui", "i1", True, False, True),
        ("arith.andi", "i8", 12, 10, 8),
        ("arith.xori", "i1", True, False, True),
    ],
)
def test_integer_arithmetic_wraps_as_the_type_does(run, op, kind, a, b, expected):
    assert run(binary(op, kind), a, b)[0] == expected


@pytest.mark.parametrize(
    ("op", "a", "b", "message"),
    [
        ("arith.divsi", 1, 0, "divides by zero"),
        ("arith.remui", 1, 0, "divides by zero"),
        ("arith.divsi", -(2**31), -1, "overflows"),
        ("arith.shli", 1, 32, "shifts by 32, the type has 32 bits"),
        ("arith.shrui", 1, -1, "shifts by 4294967295"),
    ],
)
def test_undefined_integer_operations_are_errors(run, op, a, b, message):
    with pytest.raises(ExecutionError, match=message) as caught:
        run(binary(op, "i32"), a, b)
    assert caught.value.where == "-:2:12"


def test_maximumf_propagates_nan_and_maxnumf_does_not(run):
    assert np.isnan(run(binary("arith.maximumf", "f32"), np.nan, 1.0)[0])
    assert run(binary("arith.maxnumf", "f32"), np.nan, 1.0)[0] == 1.0
    assert not np.signbit(run(binary("arith.maximumf", "f32"), -0.0, 0.0)[0])
    assert np.signbit(run(binary("arith.minimumf", "f32"), 0.0, -0.0)[0])


def test_bfloat16_rounds_after_each_operation(run):
    text = """func.func @main(%a: bf16, %b: bf16) -> bf16 {
      %0 = arith.addf %a, %b : bf16
      %1 = arith.subf %0, %a : bf16
      return %1 : bf16
    }"""
    result = run(text, 256.0, 1.0)[0]
    assert result.dtype == ml_dtypes.bfloat16
    assert result == 0.0


def test_float32_stays_float32(run):
    (result,) = run(binary("arith.mulf", "f32"), 1.1, 1.1)
    assert result.dtype == np.float32
    assert result == np.float32(1.1) * np.float32(1.1)


def test_operations_on_vectors_and_tensors_are_elementwise(run):
    a, b = np.arange(6, dtype=np.int8).reshape(2, 3), np.full((2, 3), 100, np.int8)
    assert (run(binary("arith.muli", "tensor<2x3xi8>"), a, b)[0] == a * b).all()
    assert (run(binary("arith.addi", "vector<2x3xi8>"), a, b)[0] == a + b).all()


@pytest.mark.parametrize(("predicate", "expected"), [("olt", False), ("ult", True), ("uno", True), ("ord", False)])
def test_comparison_with_nan(run, predicate, expected):
    text = f"""func.func @main(%a: f32, %b: f32) -> i1 {{
      %0 = arith.cmpf {predicate}, %a, %b : f32
      return %0 : i1
    }}"""
    assert run(text, 1.0, np.nan)[0] == expected


@pytest.mark.parametrize(("predicate", "expected"), [("slt", True), ("ult", False), ("sge", False), ("ugt", True)])
def test_signed_and_unsigned_comparison(run, predicate, expected):
    text = f"""func.func @main(%a: i8, %b: i8) -> i1 {{
      %0 = arith.cmpi {predicate}, %a, %b : i8
      return %0 : i1
    }}"""
    assert run(text, -1, 1)[0] == expected


@pytest.mark.parametrize(
    ("op", "source", "target", "value", "expected"),
    [
        ("extsi", "i8", "i32", -1, -1),
        ("extui", "i8", "i32", -1, 255),
        ("extsi", "i1", "i32", True, -1),
        ("extui", "i1", "i32", True, 1),
        ("trunci", "i32", "i8", 200, -56),
        ("trunci", "i32", "i1", 2, False),
        ("sitofp", "i8", "f32", -3, -3.0),
        ("uitofp", "i8", "f32", -1, 255.0),
        ("fptosi", "f32", "i32", -2.9, -2),
        ("fptoui", "f32", "i8", 200.5, -56),
        ("bitcast", "f32", "i32", 1.0, 0x3F800000),
        ("truncf", "f32", "bf16", 1.005, 1.0078125),
        ("extf", "f16", "f32", 0.5, 0.5),
        ("index_cast", "i32", "index", -5, -5),
        ("index_castui", "i8", "index", -1, 255),
    ],
)
def test_casts(run, op, source, target, value, expected):
    text = f"""func.func @main(%a: {source}) -> {target} {{
      %0 = arith.{op} %a : {source} to {target}
      return %0 : {target}
    }}"""
    assert run(text, value)[0] == expected


def test_float_to_integer_of_what_does_not_fit_is_the_smallest_integer(run):
    text = """func.func @main(%a: tensor<3xf32>) -> tensor<3xi32> {
      %0 = arith.fptosi %a : tensor<3xf32> to tensor<3xi32>
      return %0 : tensor<3xi32>
    }"""
    assert (run(text, np.array([np.nan, 1e20, 7.0], np.float32))[0] == [-(2**31), -(2**31), 7]).all()


@pytest.mark.parametrize(
    ("literal", "kind", "expected"),
    [
        ("dense<[1.0, 2.5]>", "tensor<2xbf16>", [1.0, 2.5]),
        ("dense<0x7F800000>", "tensor<2xf32>", [np.inf, np.inf]),
        ("dense<[1, -2, 7, -8]>", "vector<4xi4>", [1, -2, 7, -8]),
        ("dense<[true, false]>", "tensor<2xi1>", [True, False]),
        ("dense<[(1.0, 2.0), (3.0, -4.0)]>", "tensor<2xcomplex<f32>>", [1 + 2j, 3 - 4j]),
        ("dense<[[1], [2]]>", "tensor<2x1xindex>", [[1], [2]]),
        ("dense<[1.0, -448.0]>", "tensor<2xf8E4M3FN>", [1.0, -448.0]),
        ("dense<-1>", "tensor<3xi64>", [-1, -1, -1]),
    ],
)
def test_constants(run, literal, kind, expected):
    text = f"""func.func @main() -> {kind} {{
      %0 = arith.constant {literal} : {kind}
      return %0 : {kind}
    }}"""
    assert (run(text)[0] == np.array(expected)).all()


def test_select_by_one_condition_and_by_many(run):
    text = """func.func @main(%c: i1, %m: tensor<2xi1>, %a: tensor<2xf32>, %b: tensor<2xf32>)
        -> (tensor<2xf32>, tensor<2xf32>) {
      %0 = arith.select %c, %a, %b : tensor<2xf32>
      %1 = arith.select %m, %a, %b : tensor<2xi1>, tensor<2xf32>
      return %0, %1 : tensor<2xf32>, tensor<2xf32>
    }"""
    a, b = np.array([1, 2], np.float32), np.array([3, 4], np.float32)
    whole, mixed = run(text, False, np.array([True, False]), a, b)
    assert (whole == b).all()
    assert (mixed == [1, 4]).all()


def test_extended_multiplication(run):
    text = """func.func @main(%a: i64, %b: i64) -> (i64, i64) {
      %low, %high = arith.mulsi_extended %a, %b : i64
      return %low, %high : i64, i64
    }"""
    low, high = run(text, 2**62, -6)
    assert (int(high) << 64) + (int(low) & (2**64 - 1)) == 2**62 * -6
