// RUN: stepwell-opt %s --hoist --split-input-file | FileCheck %s
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(hoist{what=pads loops=2})' --split-input-file | FileCheck %s --check-prefix=PADS
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(hoist{what=allocations})' --split-input-file | FileCheck %s --check-prefix=ALLOCATIONS

// What does not change leaves the loop; a slice that every iteration reads and writes back is carried.
// CHECK-LABEL: func.func @invariant(
// CHECK: arith.mulf
// CHECK: tensor.extract_slice
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}) -> (tensor<8xf32>, tensor<1xf32>)
// CHECK: tensor.insert_slice
func.func @invariant(%x: f32, %t: tensor<8xf32>, %n: index) -> tensor<8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %t) -> tensor<8xf32> {
    %y = arith.mulf %x, %x : f32
    %s = tensor.extract_slice %a[3] [1] [1] : tensor<8xf32> to tensor<1xf32>
    %v = tensor.extract %s[%c0] : tensor<1xf32>
    %w = arith.addf %v, %y : f32
    %u = tensor.insert %w into %s[%c0] : tensor<1xf32>
    %b = tensor.insert_slice %u into %a[3] [1] [1] : tensor<1xf32> into tensor<8xf32>
    scf.yield %b : tensor<8xf32>
  }
  return %r : tensor<8xf32>
}

// -----

// A padded slice becomes one of a packed copy, made once for all rows.
// PADS-LABEL: func.func @packed(
// PADS: %[[P:.*]] = scf.for {{.*}} -> (tensor<{{.*}}x16xf32>)
// PADS: tensor.pad
// PADS: scf.for
// PADS: tensor.extract_slice %[[P]]
// PADS-NOT: tensor.pad
// PADS: return
func.func @packed(%a: tensor<32x50xf32>, %into: tensor<32x64xf32>) -> tensor<32x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %c32 = arith.constant 32 : index
  %c50 = arith.constant 50 : index
  %zero = arith.constant 0.0 : f32
  %r = scf.for %i = %c0 to %c32 step %c1 iter_args(%o = %into) -> tensor<32x64xf32> {
    %q = scf.for %j = %c0 to %c50 step %c16 iter_args(%p = %o) -> tensor<32x64xf32> {
      %size = affine.min affine_map<(d0) -> (-d0 + 50, 16)>(%j)
      %s = tensor.extract_slice %a[%i, %j] [1, %size] [1, 1] : tensor<32x50xf32> to tensor<1x?xf32>
      %high = affine.apply affine_map<(d0) -> (-d0 + 16)>(%size)
      %t = tensor.pad %s nofold low[0, 0] high[0, %high] {
      ^bb0(%y: index, %x: index):
        tensor.yield %zero : f32
      } : tensor<1x?xf32> to tensor<1x16xf32>
      %u = tensor.insert_slice %t into %p[%i, %j] [1, 16] [1, 1] : tensor<1x16xf32> into tensor<32x64xf32>
      scf.yield %u : tensor<32x64xf32>
    }
    scf.yield %q : tensor<32x64xf32>
  }
  return %r : tensor<32x64xf32>
}

// -----

// A buffer of the same size in every iteration is one.
// ALLOCATIONS-LABEL: func.func @allocation(
// ALLOCATIONS: memref.alloc
// ALLOCATIONS: scf.for
// ALLOCATIONS-NOT: memref.alloc
func.func @allocation(%x: memref<8xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    %b = memref.alloc() : memref<8xf32>
    memref.copy %x, %b : memref<8xf32> to memref<8xf32>
    memref.copy %b, %x : memref<8xf32> to memref<8xf32>
  }
  return
}

// -----

// Left alone: what depends on the loop, and a pad outside of loops.
// CHECK-LABEL: func.func @left_alone(
// CHECK: tensor.pad
// CHECK: scf.for
// CHECK: arith.addi
// PADS-LABEL: func.func @left_alone(
// PADS: tensor.pad
// PADS: scf.for
func.func @left_alone(%t: tensor<3xf32>, %m: memref<?xindex>, %n: index) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %t low[0] high[1] {
  ^bb0(%x: index):
    tensor.yield %zero : f32
  } : tensor<3xf32> to tensor<4xf32>
  scf.for %i = %c0 to %n step %c1 {
    %j = arith.addi %i, %c1 : index
    memref.store %j, %m[%i] : memref<?xindex>
  }
  return %p : tensor<4xf32>
}
