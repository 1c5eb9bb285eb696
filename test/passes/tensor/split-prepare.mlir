// RUN: stepwell-opt %s --split-input-file --split-prepare | FileCheck %s
// RUN: stepwell-opt %s --split-input-file --split-prepare --split-prepare | FileCheck %s
// RUN: stepwell-opt %s --split-input-file --split-prepare=max-growth=4 | FileCheck %s --check-prefix=GROW
// RUN: stepwell-opt %s --split-input-file --split-prepare=small=64 | FileCheck %s --check-prefix=GROW
// RUN: stepwell-opt %s --split-input-file --split-prepare --print-report -o %t.out 2>&1 | FileCheck %s --check-prefix=REPORT

// A transposed weight becomes a parameter of its own; the original is dropped. A constant captured by the body
// of the work goes along.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: tensor<2x3xf32> {stepwell.input = "x"}, %[[W:.*]]: tensor<3x4xf32> {stepwell.parameter = "prepared.0.w"})
// CHECK-NOT: transpose
// CHECK: linalg.matmul ins(%[[X]], %[[W]]
// CHECK-LABEL: func.func private @prepare_0(
// CHECK-SAME: %[[OLD:.*]]: tensor<4x3xf32> {stepwell.parameter = "w"}) -> tensor<3x4xf32> attributes {stepwell.prepare = "prepared.0.w"}
// CHECK: %[[TWO:.*]] = arith.constant 2.0
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[OLD]]
// CHECK: %[[D:.*]] = linalg.generic {{.*}} ins(%[[T]]
// CHECK: arith.mulf %{{.*}}, %[[TWO]]
// CHECK: return %[[D]] : tensor<3x4xf32>
// REPORT: "prepared.0.w": 48
// REPORT: "dropped": [
// REPORT-NEXT: "w"
// REPORT: "growth": 0
func.func @main(%x: tensor<2x3xf32> {stepwell.input = "x"}, %w: tensor<4x3xf32> {stepwell.parameter = "w"}) -> tensor<2x4xf32> {
  %two = arith.constant 2.0 : f32
  %e = tensor.empty() : tensor<3x4xf32>
  %t = linalg.transpose ins(%w : tensor<4x3xf32>) outs(%e : tensor<3x4xf32>) permutation = [1, 0]
  %d = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%t : tensor<3x4xf32>) outs(%e : tensor<3x4xf32>) {
  ^bb0(%a: f32, %b: f32):
    %m = arith.mulf %a, %two : f32
    linalg.yield %m : f32
  } -> tensor<3x4xf32>
  %zero = arith.constant 0.0 : f32
  %o = tensor.empty() : tensor<2x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<2x4xf32>) -> tensor<2x4xf32>
  %y = linalg.matmul ins(%x, %d : tensor<2x3xf32>, tensor<3x4xf32>) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// Work on a weight that is needed as it is as well: the parameters grow.
// CHECK-LABEL: func.func @kept(
// CHECK-SAME: {stepwell.parameter = "w"}, %{{.*}}: tensor<4xf32> {stepwell.parameter = "prepared.0.w"})
// REPORT: "dropped": [],
// REPORT: "growth": 16
func.func @kept(%w: tensor<4xf32> {stepwell.parameter = "w"}) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = math.sqrt %w : tensor<4xf32>
  return %0, %w : tensor<4xf32>, tensor<4xf32>
}

// -----

// Not work: a view of a parameter, a view of a view, a slice.
// CHECK-LABEL: func.func @views(
// CHECK-SAME: {stepwell.parameter = "w"}) ->
// CHECK: tensor.expand_shape
// CHECK: tensor.collapse_shape
// CHECK: tensor.extract_slice
// CHECK-NOT: @prepare
func.func @views(%w: tensor<12xf32> {stepwell.parameter = "w"}) -> (tensor<6x2xf32>, tensor<2xf32>) {
  %0 = tensor.expand_shape %w [[0, 1, 2]] output_shape [3, 2, 2] : tensor<12xf32> into tensor<3x2x2xf32>
  %1 = tensor.collapse_shape %0 [[0, 1], [2]] : tensor<3x2x2xf32> into tensor<6x2xf32>
  %2 = tensor.extract_slice %w[4] [2] [1] : tensor<12xf32> to tensor<2xf32>
  return %1, %2 : tensor<6x2xf32>, tensor<2xf32>
}

// -----

// A view of work: the work is prepared, the view stays.
// CHECK-LABEL: func.func @view_of_work(
// CHECK-SAME: %[[P:.*]]: tensor<4xf32> {stepwell.parameter = "prepared.0.w"}
// CHECK: tensor.expand_shape %[[P]]
// CHECK-LABEL: func.func private @prepare_0(
// CHECK-NOT: tensor.expand_shape
// CHECK: math.sqrt
func.func @view_of_work(%w: tensor<4xf32> {stepwell.parameter = "w"}) -> tensor<4x1xf32> {
  %0 = math.sqrt %w : tensor<4xf32>
  %1 = tensor.expand_shape %0 [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
  return %1 : tensor<4x1xf32>
}

// -----

// A broadcast and a cast to a wider type would grow the file: they stay, and only what is above them is prepared.
// CHECK-LABEL: func.func @growth(
// CHECK-SAME: {stepwell.parameter = "half"}, %[[P:.*]]: tensor<4xf32> {stepwell.parameter = "prepared.0.bias"})
// CHECK-DAG: linalg.broadcast ins(%[[P]]
// CHECK-DAG: arith.extf
// CHECK-LABEL: func.func private @prepare_0(
// CHECK: math.sqrt
// GROW-LABEL: func.func @growth(
// GROW-NOT: linalg.broadcast
// GROW-NOT: arith.extf
// GROW: return
func.func @growth(%bias: tensor<4xf32> {stepwell.parameter = "bias"}, %half: tensor<4xf16> {stepwell.parameter = "half"}) -> (tensor<4x4xf32>, tensor<4xf32>) {
  %0 = math.sqrt %bias : tensor<4xf32>
  %e = tensor.empty() : tensor<4x4xf32>
  %1 = linalg.broadcast ins(%0 : tensor<4xf32>) outs(%e : tensor<4x4xf32>) dimensions = [0]
  %2 = arith.extf %half : tensor<4xf16> to tensor<4xf32>
  return %1, %2 : tensor<4x4xf32>, tensor<4xf32>
}

// -----

// Neither inputs nor states are weights; constants alone are no work on weights either.
// CHECK-LABEL: func.func @not_weights(
// CHECK-SAME: {stepwell.input = "x"}, %{{.*}}: tensor<4xf32> {stepwell.state = "s"}, %{{.*}}: tensor<4xf32> {stepwell.parameter = "w"})
// CHECK: math.sqrt
// CHECK: math.exp
// CHECK: arith.addf
// CHECK: math.sin
// CHECK-NOT: @prepare
func.func @not_weights(%x: tensor<4xf32> {stepwell.input = "x"}, %s: tensor<4xf32> {stepwell.state = "s"}, %w: tensor<4xf32> {stepwell.parameter = "w"}) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %0 = math.sqrt %x : tensor<4xf32>
  %1 = math.exp %s : tensor<4xf32>
  %2 = arith.addf %x, %w : tensor<4xf32>
  %c = arith.constant dense<1.0> : tensor<4xf32>
  %3 = math.sin %c : tensor<4xf32>
  return %0, %1, %2, %3 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// -----

// Calls and side effects stay where they are, and what they need is prepared as far as it is a tensor.
// CHECK-LABEL: func.func @effects(
// CHECK-SAME: %[[W:.*]]: tensor<4xf32> {stepwell.parameter = "w"}, %[[P:.*]]: tensor<4xf32> {stepwell.parameter = "prepared.0.w"})
// CHECK: call @other(%[[W]])
// CHECK: tensor.extract %[[P]]
// CHECK: cf.assert
func.func @effects(%w: tensor<4xf32> {stepwell.parameter = "w"}) -> tensor<4xf32> {
  %i = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %0 = func.call @other(%w) : (tensor<4xf32>) -> tensor<4xf32>
  %1 = math.sqrt %w : tensor<4xf32>
  %2 = tensor.extract %1[%i] : tensor<4xf32>
  %3 = arith.cmpf ogt, %2, %zero : f32
  cf.assert %3, "not positive"
  return %0 : tensor<4xf32>
}
func.func private @other(tensor<4xf32>) -> tensor<4xf32>

// -----

// Two entries that do the same work share its result; a parameter in use elsewhere in its entry is kept.
// CHECK-LABEL: func.func @prefill(
// CHECK-SAME: {stepwell.parameter = "w"}, %{{.*}}: tensor<4xf32> {stepwell.parameter = "prepared.0.w"})
// CHECK-LABEL: func.func @decode(
// CHECK-SAME: %{{.*}}: tensor<4xf32> {stepwell.parameter = "prepared.0.w"})
// CHECK-COUNT-1: stepwell.prepare
// CHECK-NOT: stepwell.prepare
func.func @prefill(%w: tensor<4xf32> {stepwell.parameter = "w"}) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = math.sqrt %w : tensor<4xf32>
  return %0, %w : tensor<4xf32>, tensor<4xf32>
}
func.func @decode(%w: tensor<4xf32> {stepwell.parameter = "w"}) -> tensor<4xf32> {
  %0 = math.sqrt %w : tensor<4xf32>
  return %0 : tensor<4xf32>
}
