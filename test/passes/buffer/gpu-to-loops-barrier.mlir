// RUN: not stepwell-opt %s --gpu-to-loops 2>&1 | FileCheck %s

// CHECK: gpu.barrier can't be emulated thread by thread
module attributes {gpu.container_module} {
  func.func @main() {
    %c1 = arith.constant 1 : index
    gpu.launch_func @kernels::@kernel blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1)
    return
  }
  gpu.module @kernels {
    gpu.func @kernel() kernel {
      gpu.barrier
      gpu.return
    }
  }
}
