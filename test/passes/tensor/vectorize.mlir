// RUN: stepwell-opt %s --vectorize --split-input-file | FileCheck %s
// RUN: stepwell-opt %s --tile=sizes=4,8,2 --vectorize --split-input-file | FileCheck %s --check-prefix=TILED
// RUN: stepwell-opt %s --vectorize=sizes=8,16 --split-input-file | FileCheck %s --check-prefix=SIZES
// RUN: stepwell-opt %s --vectorize=ops=linalg.matmul --split-input-file | FileCheck %s --check-prefix=FILTER

// A static shape that fits becomes plain vectors; given sizes beyond it, masked ones.
// CHECK-LABEL: func.func @static
// CHECK: vector.transfer_read {{.*}} : tensor<4x8xf32>, vector<4x8xf32>
// CHECK-NOT: vector.mask
// CHECK: math.exp %{{.*}} : vector<4x8xf32>
// CHECK-NOT: linalg.exp
// CHECK: return
// SIZES-LABEL: func.func @static
// SIZES: vector.constant_mask [4, 8] : vector<8x16xi1>
// SIZES: math.exp %{{.*}} : vector<8x16xf32>
// FILTER-LABEL: func.func @static
// FILTER: linalg.exp
func.func @static(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = linalg.exp ins(%x : tensor<4x8xf32>) outs(%y : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// -----

// The tiles of a ragged matrix product are masked; its sums become a contraction.
// TILED-LABEL: func.func @ragged
// TILED: scf.for
// TILED: vector.create_mask
// TILED: vector.mask %{{.*}} { vector.transfer_read
// TILED: vector.mask %{{.*}} { vector.contract {{.*}} : vector<4x8x2xf32>, vector<4x8x2xf32> into vector<4x8xf32>
// TILED-NOT: linalg.matmul
// CHECK-LABEL: func.func @ragged
// CHECK: linalg.matmul
// CHECK-NOT: vector.
// CHECK: return
func.func @ragged(%a: tensor<?x?xf32>, %b: tensor<?x?xf32>, %c: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = linalg.matmul ins(%a, %b : tensor<?x?xf32>, tensor<?x?xf32>) outs(%c : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// Too large, of unknown size, or empty: left alone.
// CHECK-LABEL: func.func @left_alone
// CHECK-COUNT-3: linalg.exp
// CHECK: return
// SIZES-LABEL: func.func @left_alone
// SIZES-COUNT-3: linalg.exp
// SIZES: return
func.func @left_alone(%x: tensor<64x64xf32>, %y: tensor<?x8xf32>, %z: tensor<0x8xf32>)
    -> (tensor<64x64xf32>, tensor<?x8xf32>, tensor<0x8xf32>) {
  %0 = linalg.exp ins(%x : tensor<64x64xf32>) outs(%x : tensor<64x64xf32>) -> tensor<64x64xf32>
  %1 = linalg.exp ins(%y : tensor<?x8xf32>) outs(%y : tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = linalg.exp ins(%z : tensor<0x8xf32>) outs(%z : tensor<0x8xf32>) -> tensor<0x8xf32>
  return %0, %1, %2 : tensor<64x64xf32>, tensor<?x8xf32>, tensor<0x8xf32>
}
