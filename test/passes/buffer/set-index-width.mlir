// RUN: stepwell-opt %s --pass-pipeline='builtin.module(set-index-width)' | FileCheck %s
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(set-index-width{bits=64})' | FileCheck %s --check-prefix=WIDE
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(set-index-width,convert-to-llvm{dynamic=true filter-dialects=vector})' | FileCheck %s --check-prefix=LOAD
// RUN: not stepwell-opt %s --pass-pipeline='builtin.module(set-index-width{bits=16})' 2>&1 | FileCheck %s --check-prefix=ODD

// CHECK: module attributes {dlti.dl_spec = #dlti.dl_spec<index = 32 : i64, !llvm.ptr = dense<32> : vector<4xi64>>}
// WIDE: #dlti.dl_spec<index = 64 : i64, !llvm.ptr = dense<64> : vector<4xi64>>
// ODD: an index can't be 16 bits wide

// Addresses are reckoned in that width, and the code itself is as it was.
// CHECK: vector.load %{{.*}}[%{{.*}}] : memref<?xf32>, vector<4xf32>
// LOAD: llvm.getelementptr %{{.*}}[%{{.*}}] : (!llvm.ptr, i32) -> !llvm.ptr, f32
func.func @load(%x: memref<?xf32>, %i: index) -> vector<4xf32> {
  %v = vector.load %x[%i] : memref<?xf32>, vector<4xf32>
  return %v : vector<4xf32>
}
