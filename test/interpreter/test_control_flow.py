import numpy as np
import pytest

from stepwell.support.errors import ExecutionError, InputError, UsageError


def test_for_carries_values(run):
    text = """func.func @main(%n: index) -> (index, tensor<4xf32>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %one = arith.constant 1.0 : f32
      %t = arith.constant dense<0.0> : tensor<4xf32>
      %r:2 = scf.for %i = %c0 to %n step %c1 iter_args(%s = %c0, %a = %t) -> (index, tensor<4xf32>) {
        %next = arith.addi %s, %i : index
        %b = tensor.insert %one into %a[%i] : tensor<4xf32>
        scf.yield %next, %b : index, tensor<4xf32>
      }
      return %r#0, %r#1 : index, tensor<4xf32>
    }"""
    total, ones = run(text, 3)
    assert total == 3
    assert (ones == [1, 1, 1, 0]).all()
    assert run(text, 0)[0] == 0


def test_loop_without_progress_is_an_error(run):
    text = """func.func @main(%by: index) {
      %c0 = arith.constant 0 : index
      scf.for %i = %c0 to %by step %c0 {
      }
      return
    }"""
    with pytest.raises(ExecutionError, match=r"'scf.for' has the step 0"):
        run(text, 1)


def test_while_if_and_index_switch(run):
    text = """func.func @main(%n: i32) -> (i32, i32) {
      %zero = arith.constant 0 : i32
      %one = arith.constant 1 : i32
      %two = arith.constant 2 : i32
      %r:2 = scf.while (%x = %n, %steps = %zero) : (i32, i32) -> (i32, i32) {
        %go = arith.cmpi ne, %x, %one : i32
        scf.condition(%go) %x, %steps : i32, i32
      } do {
      ^bb0(%x: i32, %steps: i32):
        %rest = arith.remsi %x, %two : i32
        %even = arith.cmpi eq, %rest, %zero : i32
        %next = scf.if %even -> i32 {
          %half = arith.divsi %x, %two : i32
          scf.yield %half : i32
        } else {
          %c3 = arith.constant 3 : i32
          %triple = arith.muli %x, %c3 : i32
          %more = arith.addi %triple, %one : i32
          scf.yield %more : i32
        }
        %count = arith.addi %steps, %one : i32
        scf.yield %next, %count : i32, i32
      }
      %k = arith.index_cast %r#1 : i32 to index
      %s = scf.index_switch %k -> i32
      case 8 {
        scf.yield %n : i32
      }
      default {
        scf.yield %zero : i32
      }
      return %r#1, %s : i32, i32
    }"""
    assert [int(v) for v in run(text, 6)] == [8, 6]
    assert [int(v) for v in run(text, 1)] == [0, 0]


def test_parallel_reduces(run):
    text = """func.func @main(%m: memref<2x3xf32>) -> f32 {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %c3 = arith.constant 3 : index
      %z = arith.constant 0.0 : f32
      %r = scf.parallel (%i, %j) = (%c0, %c0) to (%c2, %c3) step (%c1, %c1) init (%z) -> f32 {
        %v = memref.load %m[%i, %j] : memref<2x3xf32>
        scf.reduce(%v : f32) {
        ^bb0(%a: f32, %b: f32):
          %s = arith.addf %a, %b : f32
          scf.reduce.return %s : f32
        }
      }
      return %r : f32
    }"""
    assert run(text, np.ones((2, 3), np.float32))[0] == 6


def test_forall_inserts_in_parallel(run):
    text = """func.func @main(%a: tensor<5xf32>, %o: tensor<5xf32>) -> (tensor<5xf32>, tensor<5xf32>) {
      %r = scf.forall (%i) = (0) to (5) step (2) shared_outs(%out = %o) -> (tensor<5xf32>) {
        %n = affine.min affine_map<(d0) -> (2, 5 - d0)>(%i)
        %s = tensor.extract_slice %a[%i] [%n] [1] : tensor<5xf32> to tensor<?xf32>
        %d = arith.addf %s, %s : tensor<?xf32>
        scf.forall.in_parallel {
          tensor.parallel_insert_slice %d into %out[%i] [%n] [1] : tensor<?xf32> into tensor<5xf32>
        }
      }
      return %r, %o : tensor<5xf32>, tensor<5xf32>
    }"""
    a = np.arange(5, dtype=np.float32)
    doubled, untouched = run(text, a, np.zeros(5, np.float32))
    assert (doubled == 2 * a).all()
    assert (untouched == 0).all()


def test_forall_shares_one_value_twice(run):
    text = """func.func @main(%n: index) -> (tensor<?xf32>, tensor<?xf32>) {
      %f = arith.constant 3.0 : f32
      %o = tensor.splat %f[%n] : tensor<?xf32>
      %r:2 = scf.forall (%i) in (%n) shared_outs(%a = %o, %b = %o) -> (tensor<?xf32>, tensor<?xf32>) {
        %s = tensor.splat %f : tensor<1xf32>
        %d = arith.addf %s, %s : tensor<1xf32>
        scf.forall.in_parallel {
          tensor.parallel_insert_slice %d into %b[%i] [1] [1] : tensor<1xf32> into tensor<?xf32>
        }
      }
      return %r#0, %r#1 : tensor<?xf32>, tensor<?xf32>
    }"""
    first, second = run(text, 2)
    assert first.tolist() == [3, 3] and second.tolist() == [6, 6]


def test_calls_and_branches(run):
    text = """func.func private @factorial(%n: i64) -> i64 {
      %one = arith.constant 1 : i64
      %end = arith.cmpi sle, %n, %one : i64
      cf.cond_br %end, ^last(%one : i64), ^more
    ^more:
      %less = arith.subi %n, %one : i64
      %rest = func.call @factorial(%less) : (i64) -> i64
      %product = arith.muli %n, %rest : i64
      cf.br ^last(%product : i64)
    ^last(%result: i64):
      return %result : i64
    }
    func.func @main(%n: i64) -> i64 {
      %r = call @factorial(%n) : (i64) -> i64
      return %r : i64
    }"""
    assert run(text, 10)[0] == 3628800


def test_switch(run):
    text = """func.func @main(%n: i32) -> i32 {
      %a = arith.constant 10 : i32
      %b = arith.constant 20 : i32
      cf.switch %n : i32, [default: ^end(%n : i32), 3: ^end(%a : i32), 4: ^end(%b : i32)]
    ^end(%r: i32):
      return %r : i32
    }"""
    assert [int(run(text, n)[0]) for n in (3, 4, 5)] == [10, 20, 5]


def test_assertion(run):
    text = """func.func @main(%c: i1) {
      cf.assert %c, "sizes must agree"
      return
    }"""
    run(text, True)
    with pytest.raises(ExecutionError, match="assertion failed: sizes must agree"):
        run(text, False)


def test_observer_sees_every_operation_and_its_results(run):
    seen = []
    text = """func.func @main(%a: tensor<2xf32>) -> tensor<2xf32> {
      %0 = arith.addf %a, %a : tensor<2xf32>
      %1 = linalg.map { math.absf } ins(%0 : tensor<2xf32>) outs(%a : tensor<2xf32>)
      return %1 : tensor<2xf32>
    }"""
    run(text, np.array([1, -2], np.float32), observer=lambda op, values: seen.append((op.name, values[0].tolist())))
    assert seen == [("arith.addf", [2, -4]), ("linalg.map", [2, 4])]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (np.zeros(3, np.float32), r"argument 0 is float32\[3\], expected tensor<2xf32>"),
        (np.zeros(2, np.float64), r"argument 0 is float64\[2\], expected tensor<2xf32>"),
    ],
)
def test_arguments_that_do_not_fit(run, argument, message):
    text = "func.func @main(%a: tensor<2xf32>) { return }"
    with pytest.raises(InputError, match=message):
        run(text, argument)
    with pytest.raises(InputError, match="takes 1 arguments, 0 were given"):
        run(text)


def test_missing_function_and_missing_body(run):
    with pytest.raises(UsageError, match="there is no function '@main'"):
        run("func.func @other() { return }")
    with pytest.raises(ExecutionError, match="'@outside' has no body"):
        run("func.func private @outside()\nfunc.func @main() { call @outside() : () -> ()\n return }")
