// RUN: stepwell-opt %s --check-divisors | FileCheck %s

#id = affine_map<(i) -> (i)>

// One check for both divisions by the same number.
// CHECK-LABEL: func.func @data(
// CHECK: ^bb0(%[[A:.*]]: i64, %[[B:.*]]: i64, %{{.*}}: i64):
// CHECK: %[[ZERO:.*]] = arith.constant 0 : i64
// CHECK: %[[SOUND:.*]] = arith.cmpi ne, %[[B]], %[[ZERO]] : i64
// CHECK: cf.assert %[[SOUND]], "integer division by zero at {{.*}}:[[@LINE+8]]:
// CHECK-NEXT: arith.divsi %[[A]], %[[B]]
// CHECK-NEXT: arith.remsi %[[A]], %[[B]]
// CHECK-NOT: cf.assert
func.func @data(%a: tensor<4xi64>, %b: tensor<4xi64>, %c: tensor<4xi64>) -> tensor<4xi64> {
  %0 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%a, %b : tensor<4xi64>, tensor<4xi64>) outs(%c : tensor<4xi64>) {
  ^bb0(%x: i64, %y: i64, %o: i64):
    %q = arith.divsi %x, %y : i64
    %r = arith.remsi %x, %y : i64
    %s = arith.addi %q, %r : i64
    linalg.yield %s : i64
  } -> tensor<4xi64>
  return %0 : tensor<4xi64>
}

// Constants, floats and sizes are left alone.
// CHECK-LABEL: func.func @known(
// CHECK-NOT: cf.assert
func.func @known(%x: i64, %f: f32, %g: f32, %i: index, %j: index) -> (i64, f32, index) {
  %c = arith.constant 3 : i64
  %0 = arith.divsi %x, %c : i64
  %1 = arith.divf %f, %g : f32
  %2 = arith.remui %i, %j : index
  return %0, %1, %2 : i64, f32, index
}
