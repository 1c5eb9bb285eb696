// RUN: stepwell-opt %s --exact-positions | FileCheck %s

#row = affine_map<(d0, d1) -> (d0)>
#window = affine_map<(d0, d1) -> (d1)>

// A NaN wins, and an equal element that is none of the padding.
// CHECK-LABEL: func.func @padded(
// CHECK-SAME: %[[X:.*]]: tensor<6xf32>
// CHECK: %[[TERM:.*]] = tensor.extract %{{.*}}[%[[I:.*]]]
// CHECK: %[[EQ:.*]] = arith.cmpf oeq, %[[TERM]]
// CHECK: %[[UNSET:.*]] = arith.cmpi eq
// CHECK: %[[NAN:.*]] = arith.cmpf uno, %[[TERM]], %[[TERM]]
// CHECK: %[[AT:.*]] = arith.subi %[[I]], %c1
// CHECK: %[[IN:.*]] = arith.cmpi ult, %[[AT]], %c6
// CHECK: %[[A:.*]] = arith.andi %[[EQ]], %[[UNSET]]
// CHECK: %[[B:.*]] = arith.andi %[[A]], %[[IN]]
// CHECK: %[[WINS:.*]] = arith.ori %[[NAN]], %[[B]]
// CHECK: %[[R:.*]] = arith.select %[[WINS]]
// CHECK-NEXT: linalg.yield %[[R]]
func.func @padded(%x: tensor<6xf32>, %largest: tensor<4xf32>, %w: tensor<2xi64>, %start: tensor<4xi64>) -> tensor<4xi64> {
  %lowest = arith.constant 0xFF800000 : f32
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %none = arith.constant -1 : i64
  %p = tensor.pad %x low[1] high[1] {
  ^bb0(%i: index):
    tensor.yield %lowest : f32
  } : tensor<6xf32> to tensor<8xf32>
  %0 = linalg.generic {indexing_maps = [#row, #window, #row], iterator_types = ["parallel", "reduction"]}
      ins(%largest, %w : tensor<4xf32>, tensor<2xi64>) outs(%start : tensor<4xi64>) {
  ^bb0(%in: f32, %unused: i64, %out: i64):
    %o = linalg.index 0 : index
    %k = linalg.index 1 : index
    %s = arith.muli %o, %c2 : index
    %i = arith.addi %s, %k : index
    %term = tensor.extract %p[%i] : tensor<8xf32>
    %eq = arith.cmpf oeq, %term, %in : f32
    %at = arith.subi %i, %c1 : index
    %here = arith.index_cast %at : index to i64
    %c = arith.select %eq, %here, %out : i64
    %unset = arith.cmpi eq, %out, %none : i64
    %r = arith.select %unset, %c, %out : i64
    linalg.yield %r : i64
  } -> tensor<4xi64>
  return %0 : tensor<4xi64>
}

// Whatever compares otherwise is another search.
// CHECK-LABEL: func.func @other(
// CHECK-NOT: uno
func.func @other(%x: tensor<8xf32>, %largest: tensor<4xf32>, %w: tensor<2xi64>, %start: tensor<4xi64>) -> tensor<4xi64> {
  %none = arith.constant -1 : i64
  %0 = linalg.generic {indexing_maps = [#row, #window, #row], iterator_types = ["parallel", "reduction"]}
      ins(%largest, %w : tensor<4xf32>, tensor<2xi64>) outs(%start : tensor<4xi64>) {
  ^bb0(%in: f32, %unused: i64, %out: i64):
    %o = linalg.index 0 : index
    %term = tensor.extract %x[%o] : tensor<8xf32>
    %ge = arith.cmpf oge, %term, %in : f32
    %here = arith.index_cast %o : index to i64
    %c = arith.select %ge, %here, %out : i64
    %unset = arith.cmpi eq, %out, %none : i64
    %r = arith.select %unset, %c, %out : i64
    linalg.yield %r : i64
  } -> tensor<4xi64>
  return %0 : tensor<4xi64>
}
