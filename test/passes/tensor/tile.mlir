// RUN: stepwell-opt %s --tile=sizes=4,8 --split-input-file | FileCheck %s
// RUN: stepwell-opt %s '--tile=sizes=4,8,2 interchange=2,1,0' --split-input-file | FileCheck %s --check-prefix=ORDER
// RUN: stepwell-opt %s '--tile=sizes=8,16/4,8 loop=forall/for' --split-input-file | FileCheck %s --check-prefix=LEVELS
// RUN: stepwell-opt %s '--tile=sizes=8,16/4,8 loop=forall/for interchange=/1,0,2' --split-input-file | FileCheck %s --check-prefix=INNER
// RUN: stepwell-opt %s '--tile=sizes=4,8 ops=linalg.generic' --split-input-file | FileCheck %s --check-prefix=FILTER
// RUN: stepwell-opt %s --tile=sizes=4,8 --tile=sizes=4,8 --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @matmul
// CHECK-DAG: %[[C4:.*]] = arith.constant 4 : index
// CHECK-DAG: %[[C8:.*]] = arith.constant 8 : index
// CHECK: scf.for %[[I:.*]] = %{{.*}} to %{{.*}} step %[[C4]]
// CHECK:   scf.for %[[J:.*]] = %{{.*}} to %{{.*}} step %[[C8]]
// CHECK-NOT: scf.for
// CHECK:     tensor.extract_slice %{{.*}}[%[[I]], 0] [4, 32] [1, 1]
// CHECK:     tensor.extract_slice %{{.*}}[0, %[[J]]] [32, 8] [1, 1]
// CHECK:     linalg.matmul ins(%{{.*}} : tensor<4x32xf32>, tensor<32x8xf32>) outs(%{{.*}} : tensor<4x8xf32>)
// CHECK:     tensor.insert_slice %{{.*}}[%[[I]], %[[J]]] [4, 8] [1, 1]
// ORDER-LABEL: func.func @matmul
// ORDER-DAG: %[[C2:.*]] = arith.constant 2 : index
// ORDER-DAG: %[[C4:.*]] = arith.constant 4 : index
// ORDER-DAG: %[[C8:.*]] = arith.constant 8 : index
// ORDER: scf.for {{.*}} step %[[C2]]
// ORDER: scf.for {{.*}} step %[[C8]]
// ORDER: scf.for {{.*}} step %[[C4]]
// LEVELS-LABEL: func.func @matmul
// LEVELS: scf.forall (%{{.*}}, %{{.*}}) in (2, 4)
// LEVELS:   scf.for
// LEVELS:     scf.for
// LEVELS:       linalg.matmul {{.*}} outs(%{{.*}} : tensor<4x8xf32>)
// INNER-LABEL: func.func @matmul
// INNER-DAG: %[[C4:.*]] = arith.constant 4 : index
// INNER-DAG: %[[C8:.*]] = arith.constant 8 : index
// INNER: scf.forall (%{{.*}}, %{{.*}}) in (2, 4)
// INNER:   scf.for {{.*}} step %[[C8]]
// INNER:     scf.for {{.*}} step %[[C4]]
// FILTER-LABEL: func.func @matmul
// FILTER-NOT: scf.for
// FILTER: return
func.func @matmul(%a: tensor<16x32xf32>, %b: tensor<32x64xf32>, %c: tensor<16x64xf32>) -> tensor<16x64xf32> {
  %0 = linalg.matmul ins(%a, %b : tensor<16x32xf32>, tensor<32x64xf32>) outs(%c : tensor<16x64xf32>) -> tensor<16x64xf32>
  return %0 : tensor<16x64xf32>
}

// -----

// Blocks that do not divide a size are bounded by what is left of it.
// CHECK-LABEL: func.func @ragged
// CHECK: %[[ROWS:.*]] = affine.min #{{.*}}(%{{.*}})[%{{.*}}]
// CHECK: %[[COLUMNS:.*]] = affine.min
// CHECK: linalg.exp ins(%{{.*}} : tensor<?x?xf32>)
// ORDER-LABEL: func.func @ragged
// ORDER-NOT: scf.for
// ORDER: return
func.func @ragged(%x: tensor<?x30xf32>, %y: tensor<?x30xf32>) -> tensor<?x30xf32> {
  %0 = linalg.exp ins(%x : tensor<?x30xf32>) outs(%y : tensor<?x30xf32>) -> tensor<?x30xf32>
  return %0 : tensor<?x30xf32>
}

// -----

// A block that covers everything needs no loop; fills, empty tensors and scalars are left alone.
// CHECK-LABEL: func.func @small
// CHECK-NOT: scf.for
// CHECK: return
func.func @small(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>, %big: tensor<64x64xf32>, %none: tensor<0x64xf32>, %s: tensor<f32>)
    -> (tensor<4x8xf32>, tensor<64x64xf32>, tensor<0x64xf32>, tensor<f32>) {
  %zero = arith.constant 0.0 : f32
  %0 = linalg.exp ins(%x : tensor<4x8xf32>) outs(%y : tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = linalg.fill ins(%zero : f32) outs(%big : tensor<64x64xf32>) -> tensor<64x64xf32>
  %2 = linalg.exp ins(%none : tensor<0x64xf32>) outs(%none : tensor<0x64xf32>) -> tensor<0x64xf32>
  %3 = linalg.exp ins(%s : tensor<f32>) outs(%s : tensor<f32>) -> tensor<f32>
  return %0, %1, %2, %3 : tensor<4x8xf32>, tensor<64x64xf32>, tensor<0x64xf32>, tensor<f32>
}

// -----

// A forall never splits a reduction.
// LEVELS-LABEL: func.func @reduction
// LEVELS: scf.forall (%{{.*}}) in (2)
// LEVELS: linalg.reduce
func.func @reduction(%x: tensor<16x64xf32>, %y: tensor<16xf32>) -> tensor<16xf32> {
  %0 = linalg.reduce {arith.addf} ins(%x : tensor<16x64xf32>) outs(%y : tensor<16xf32>) dimensions = [1]
  return %0 : tensor<16xf32>
}
