// RUN: stepwell-opt %s --gpu-to-loops --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: memref<?xf32>, %[[BLOCKS:.*]]: index)
module attributes {gpu.container_module} {
  func.func @main(%x: memref<?xf32>, %blocks: index) {
    %c1 = arith.constant 1 : index
    // CHECK: %[[WIDTH:.*]] = arith.constant 32 : index
    %c32 = arith.constant 32 : index
    // CHECK: scf.for %[[BLOCK:.*]] = %{{.*}} to %[[BLOCKS]] step
    // CHECK-COUNT-2: scf.for
    // CHECK: scf.for %[[THREAD:.*]] = %{{.*}} to %[[WIDTH]] step
    // CHECK-COUNT-2: scf.for
    // CHECK: %[[FIRST:.*]] = arith.muli %[[BLOCK]], %[[WIDTH]] : index
    // CHECK: %[[I:.*]] = arith.addi %[[FIRST]], %[[THREAD]] : index
    // CHECK: memref.store %{{.*}}, %[[X]][%[[I]]]
    // CHECK-NOT: gpu.
    gpu.launch_func @kernels::@kernel blocks in (%blocks, %c1, %c1) threads in (%c32, %c1, %c1) args(%x : memref<?xf32>)
    return
  }
  gpu.module @kernels {
    gpu.func @kernel(%y: memref<?xf32>) kernel {
      %b = gpu.block_id x
      %t = gpu.thread_id x
      %w = gpu.block_dim x
      %f = arith.muli %b, %w : index
      %i = arith.addi %f, %t : index
      %one = arith.constant 1.0 : f32
      memref.store %one, %y[%i] : memref<?xf32>
      gpu.return
    }
  }
}

// -----

// CHECK-LABEL: func.func @nothing_to_do
func.func @nothing_to_do() {
  // CHECK-NEXT: return
  return
}

// -----

// A kernel that is launched twice runs twice.
// CHECK-LABEL: func.func @twice
// CHECK-COUNT-2: memref.store
// CHECK: return
module attributes {gpu.container_module} {
  func.func @twice(%x: memref<4xf32>, %y: memref<4xf32>) {
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    gpu.launch_func @kernels::@kernel blocks in (%c1, %c1, %c1) threads in (%c4, %c1, %c1) args(%x : memref<4xf32>)
    gpu.launch_func @kernels::@kernel blocks in (%c1, %c1, %c1) threads in (%c4, %c1, %c1) args(%y : memref<4xf32>)
    return
  }
  gpu.module @kernels {
    gpu.func @kernel(%y: memref<4xf32>) kernel {
      %t = gpu.thread_id x
      %one = arith.constant 1.0 : f32
      memref.store %one, %y[%t] : memref<4xf32>
      gpu.return
    }
  }
}
