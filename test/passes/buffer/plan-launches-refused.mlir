// RUN: not stepwell-opt %s --plan-launches 2>&1 | FileCheck %s

// CHECK: the host side of a GPU program can't hold memref.load
// CHECK: run lower-kernels first
func.func @main(%x: memref<f32>) -> memref<f32> {
  %v = memref.load %x[] : memref<f32>
  return %x : memref<f32>
}
