import ml_dtypes
import numpy as np
import pytest
from torch_mlir import ir

from stepwell.backends.interpreter.entry import bind_arguments, run_entry
from stepwell.support.errors import InputError

TENSORS = """
func.func @main(%x: tensor<2xf32> {stepwell.input = "x"}, %n: tensor<2xf32> {stepwell.state = "count"},
    %w: tensor<2xf32> {stepwell.parameter = "w.doubled"})
    -> (tensor<2xf32> {stepwell.output = "0"}, tensor<2xf32> {stepwell.state = "count"}) {
  %0 = arith.mulf %x, %w : tensor<2xf32>
  %1 = arith.addf %n, %x : tensor<2xf32>
  return %0, %1 : tensor<2xf32>, tensor<2xf32>
}
func.func private @prepare_0(%w: tensor<2xf32> {stepwell.parameter = "w"}) -> tensor<2xf32>
    attributes {stepwell.prepare = "w.doubled"} {
  %0 = arith.addf %w, %w : tensor<2xf32>
  return %0 : tensor<2xf32>
}
"""

BUFFERS = """
module attributes {stepwell.layout = {scale = 64 : i64, w = 0 : i64}} {
  func.func private @stepwell_output(memref<?xi8>, i64, memref<?xindex>) -> memref<?xi8>
  func.func @main(%x: memref<?xf32> {stepwell.input = "x"}, %n: memref<1xi64> {stepwell.state = "count"},
      %params: memref<128xi8> {stepwell.parameters}, %arena: memref<64xi8> {stepwell.arena},
      %context: memref<?xi8> {stepwell.context}) {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %first = arith.constant 0 : i64
    %one = arith.constant 1 : i64
    %s = memref.view %params[%c64][] : memref<128xi8> to memref<1xbf16>
    %size = memref.dim %x, %c0 : memref<?xf32>
    %w = memref.view %params[%c0][%size] : memref<128xi8> to memref<?xf32>
    %dims = memref.alloca() : memref<1xindex>
    memref.store %size, %dims[%c0] : memref<1xindex>
    %sizes = memref.cast %dims : memref<1xindex> to memref<?xindex>
    %bytes = call @stepwell_output(%context, %first, %sizes) : (memref<?xi8>, i64, memref<?xindex>) -> memref<?xi8>
    %out = memref.view %bytes[%c0][%size] : memref<?xi8> to memref<?xf32>
    %narrow = memref.load %s[%c0] : memref<1xbf16>
    %scale = arith.extf %narrow : bf16 to f32
    linalg.map ins(%x, %w : memref<?xf32>, memref<?xf32>) outs(%out : memref<?xf32>) (%a: f32, %b: f32, %z: f32) {
      %p = arith.mulf %a, %b : f32
      %q = arith.mulf %p, %scale : f32
      linalg.yield %q : f32
    }
    %old = memref.load %n[%c0] : memref<1xi64>
    %new = arith.addi %old, %one : i64
    memref.store %new, %n[%c0] : memref<1xi64>
    return
  }
}
"""


def parse(context: ir.Context, text: str) -> ir.Module:
    return ir.Module.parse(text, context)


def test_prepared_parameters_and_states_at_the_tensor_level(context):
    module = parse(context, TENSORS)
    x, count = np.array([1, 2], np.float32), np.array([5, 5], np.float32)
    outputs, states = run_entry(module, [x], {"w": np.array([3, 4], np.float32)}, {"count": count})
    assert [output.tolist() for output in outputs] == [[6, 16]]
    assert states["count"].tolist() == [6, 7]
    assert count.tolist() == [5, 5]


def test_a_prepared_parameter_that_is_given_is_not_computed(context):
    module = parse(context, TENSORS)
    x = np.ones(2, np.float32)
    outputs, _ = run_entry(module, [x], {"w.doubled": np.array([7, 8], np.float32)}, {"count": x})
    assert outputs[0].tolist() == [7, 8]


def test_one_parameter_buffer_context_and_state_in_place(context):
    module = parse(context, BUFFERS)
    parameters = {"w": np.array([3, 4], np.float32), "scale": np.array([0.5], ml_dtypes.bfloat16)}
    outputs, states = run_entry(module, [np.array([2, 2], np.float32)], parameters, {"count": np.array([41])})
    assert [output.tolist() for output in outputs] == [[3, 4]]
    assert outputs[0].dtype == np.float32
    assert states["count"].tolist() == [42]


def test_bound_arguments_alias_the_states(context):
    module = parse(context, BUFFERS)
    state = np.array([1])
    parameters = {"w": np.zeros(2, np.float32), "scale": np.zeros(1, ml_dtypes.bfloat16)}
    arguments = bind_arguments(module, "main", [np.zeros(2, np.float32)], parameters, {"count": state})
    assert [argument.size for argument in arguments] == [2, 1, 128, 64, 0]
    assert arguments[1] is state


@pytest.mark.parametrize(
    ("inputs", "parameters", "states", "message"),
    [
        (1, {}, {"count": np.zeros(2, np.float32)}, "the parameter 'w', which was not given"),
        (1, {"w": np.zeros(2, np.float32)}, {}, "the state 'count', which was not given"),
        (0, {"w": np.zeros(2, np.float32)}, {"count": np.zeros(2, np.float32)}, "more inputs than the 0"),
        (2, {"w": np.zeros(2, np.float32)}, {"count": np.zeros(2, np.float32)}, "takes 1 inputs, 2 were given"),
    ],
)
def test_what_is_missing_is_named(context, inputs, parameters, states, message):
    with pytest.raises(InputError, match=message):
        run_entry(parse(context, TENSORS), [np.zeros(2, np.float32)] * inputs, parameters, states)
