// RUN: stepwell-opt %s --sink-assertions | FileCheck %s

// CHECK-LABEL: func.func @number(
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>, %[[INFO:.*]]: tensor<i32>
// CHECK: linalg.generic {{.*}} ins(%[[X]], %[[INFO]] : tensor<4xf32>, tensor<i32>)
// CHECK: ^bb0(%[[E:.*]]: f32, %[[N:.*]]: i32, %{{.*}}: f32):
// CHECK: %[[ZERO:.*]] = arith.constant 0 : i32
// CHECK: %[[SOUND:.*]] = arith.cmpi eq, %[[N]], %[[ZERO]] : i32
// CHECK: cf.assert %[[SOUND]], "singular"
// CHECK: linalg.yield %[[E]] : f32
func.func @number(%x: tensor<4xf32>, %info: tensor<i32>) -> tensor<4xf32> {
  %zero = arith.constant 0 : i32
  %n = tensor.extract %info[] : tensor<i32>
  %sound = arith.cmpi eq, %n, %zero : i32
  cf.assert %sound, "singular"
  return %x : tensor<4xf32>
}

// Sizes of the result may vary.
// CHECK-LABEL: func.func @sizes(
// CHECK-NOT: tensor.extract
// CHECK: cf.assert
// CHECK: } -> tensor<2x?xf32>
func.func @sizes(%x: tensor<2x?xf32>, %good: tensor<i1>) -> tensor<2x?xf32> {
  %sound = tensor.extract %good[] : tensor<i1>
  cf.assert %sound, "bad"
  return %x : tensor<2x?xf32>
}

// A check of sizes is the host's.
// CHECK-LABEL: func.func @host(
// CHECK-NOT: linalg.generic
// CHECK: cf.assert
func.func @host(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %sound = arith.cmpi ule, %n, %c4 : index
  cf.assert %sound, "too many"
  return %x : tensor<?xf32>
}

// No result that could carry it.
// CHECK-LABEL: func.func @nothing(
// CHECK-NOT: linalg.generic
// CHECK: cf.assert
func.func @nothing(%good: tensor<i1>) {
  %sound = tensor.extract %good[] : tensor<i1>
  cf.assert %sound, "bad"
  return
}
