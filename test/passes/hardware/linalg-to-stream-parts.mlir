// RUN: stepwell-opt %s --split-input-file --linalg-to-stream=rest=keep | FileCheck %s
// RUN: not stepwell-opt %s --split-input-file --linalg-to-stream 2>&1 | FileCheck %s --check-prefix=REFUSE

// A layer's result by itself: what is no layer is a function of its own, with the weight that it reads; the layer reads what it makes.
// REFUSE: no hardware for 'arith.maxsi': its second operand is not a constant
// CHECK: "stream.graph"
// CHECK: %[[X:.*]] = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 1 : i64, [5, 8], "row-major">
// CHECK: %[[C:.*]] = "stream.call"(%[[X]]) {callee = "main.loops0"{{.*}}} : (!stream.stream<i8, 1 : i64, [5, 8], "row-major">) -> !stream.stream<i8, 1 : i64, [5, 8], "row-major">
// CHECK: %[[F:.*]] = "stream.resize"(%[[C]])
// CHECK: "stream.linear"(%[[F]])
// CHECK: sym_name = "main"
// CHECK-LABEL: func.func @main.loops0(
// CHECK-SAME: %[[A:.*]]: tensor<5x8xi8> {stepwell.input = "in0"}, %[[B:.*]]: tensor<5x8xi8> {stepwell.parameter = "b"}) -> (tensor<5x8xi8> {stepwell.output = "0"})
// CHECK-NOT: linalg.matmul
// CHECK: %[[E:.*]] = tensor.empty
// CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%[[A]], %[[B]] : tensor<5x8xi8>, tensor<5x8xi8>) outs(%[[E]]
// CHECK: return %[[R]]
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @main(%x: tensor<5x8xi8> {stepwell.input = "x"}, %w: tensor<8x16xi8> {stepwell.parameter = "w"}, %b: tensor<5x8xi8> {stepwell.parameter = "b"})
    -> (tensor<5x16xi32> {stepwell.output = "0"}) {
  %zero = arith.constant 0 : i32
  %e0 = tensor.empty() : tensor<5x8xi8>
  %p = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %b : tensor<5x8xi8>, tensor<5x8xi8>) outs(%e0 : tensor<5x8xi8>) {
  ^bb0(%in: i8, %other: i8, %out: i8):
    %r = arith.maxsi %in, %other : i8
    linalg.yield %r : i8
  } -> tensor<5x8xi8>
  %e1 = tensor.empty() : tensor<5x8xi32>
  %x32 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<5x8xi8>) outs(%e1 : tensor<5x8xi32>) {
  ^bb0(%in: i8, %out: i32):
    %r = arith.extsi %in : i8 to i32
    linalg.yield %r : i32
  } -> tensor<5x8xi32>
  %e2 = tensor.empty() : tensor<8x16xi32>
  %w32 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%w : tensor<8x16xi8>) outs(%e2 : tensor<8x16xi32>) {
  ^bb0(%in: i8, %out: i32):
    %r = arith.extsi %in : i8 to i32
    linalg.yield %r : i32
  } -> tensor<8x16xi32>
  %e3 = tensor.empty() : tensor<5x16xi32>
  %f = linalg.fill ins(%zero : i32) outs(%e3 : tensor<5x16xi32>) -> tensor<5x16xi32>
  %y = linalg.matmul ins(%x32, %w32 : tensor<5x8xi32>, tensor<8x16xi32>) outs(%f : tensor<5x16xi32>) -> tensor<5x16xi32>
  return %y : tensor<5x16xi32>
}

// -----

// Without a layer a function stays whole.
// CHECK-LABEL: func.func @whole(
// CHECK-NOT: stream.
// CHECK: linalg.generic
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @whole(%x: tensor<5x8xi8> {stepwell.input = "x"}) -> (tensor<5x8xi8> {stepwell.output = "0"}) {
  %e0 = tensor.empty() : tensor<5x8xi8>
  %p = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %x : tensor<5x8xi8>, tensor<5x8xi8>) outs(%e0 : tensor<5x8xi8>) {
  ^bb0(%in: i8, %other: i8, %out: i8):
    %r = arith.muli %in, %other : i8
    linalg.yield %r : i8
  } -> tensor<5x8xi8>
  return %p : tensor<5x8xi8>
}

// -----

// So does one of which a part makes what is no stream of integers.
// CHECK-LABEL: func.func @booleans(
// CHECK-NOT: stream.
// CHECK: linalg.matmul
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @booleans(%x: tensor<5x8xi32> {stepwell.input = "x"}, %w: tensor<8x16xi32> {stepwell.parameter = "w"}) -> (tensor<5x16xi1> {stepwell.output = "0"}) {
  %zero = arith.constant 0 : i32
  %e3 = tensor.empty() : tensor<5x16xi32>
  %f = linalg.fill ins(%zero : i32) outs(%e3 : tensor<5x16xi32>) -> tensor<5x16xi32>
  %y = linalg.matmul ins(%x, %w : tensor<5x8xi32>, tensor<8x16xi32>) outs(%f : tensor<5x16xi32>) -> tensor<5x16xi32>
  %e0 = tensor.empty() : tensor<5x16xi1>
  %p = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<5x16xi32>) outs(%e0 : tensor<5x16xi1>) {
  ^bb0(%in: i32, %out: i1):
    %r = arith.cmpi slt, %in, %zero : i32
    linalg.yield %r : i1
  } -> tensor<5x16xi1>
  return %p : tensor<5x16xi1>
}
