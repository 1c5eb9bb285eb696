// RUN: stepwell-opt %s --plan-launches --split-input-file | FileCheck %s

// CHECK: stepwell.launches = "
// CHECK-SAME: {\22kind\22: \22input\22, \22index\22: 0}
// CHECK-SAME: {\22kind\22: \22parameter\22, \22name\22: \22layer.bias\22}
// CHECK-SAME: {\22kind\22: \22temporary\22, \22dtype\22: \22f32\22, \22sizes\22: {{\[\[}}\22dim\22, 0, 0], 8]}
// CHECK-SAME: {\22kind\22: \22view\22, \22of\22: 2, \22sizes\22: {{\[\[}}\22mul\22, [\22dim\22, 2, 0], 8]]}
// CHECK-SAME: \22kernel\22: \22kernel\22, \22grid\22: {{\[\[}}\22ceildiv\22, [\22mul\22, [\22dim\22, 0, 0], 8], 256], 1, 1], \22block\22: [256, 1, 1]
// CHECK-SAME: \22arguments\22: [{\22index\22: [\22mul\22, [\22dim\22, 0, 0], 8]}, {\22buffer\22: 1}, {\22buffer\22: 2}]
// CHECK-SAME: \22results\22: [3]
// CHECK-NOT: func.func
// CHECK: gpu.func @kernel(
module attributes {gpu.container_module} {
  func.func @main(%x: memref<?x8xf32> {stepwell.input = "x"}, %b: memref<8xf32> {stepwell.parameter = "layer.bias"}) -> memref<?xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %c256 = arith.constant 256 : index
    %n = memref.dim %x, %c0 : memref<?x8xf32>
    %t = memref.alloc(%n) : memref<?x8xf32>
    %count = arith.muli %n, %c8 : index
    %blocks = arith.ceildivui %count, %c256 : index
    gpu.launch_func @kernels::@kernel blocks in (%blocks, %c1, %c1) threads in (%c256, %c1, %c1)
      args(%count : index, %b : memref<8xf32>, %t : memref<?x8xf32>)
    %flat = memref.collapse_shape %t [[0, 1]] : memref<?x8xf32> into memref<?xf32>
    return %flat : memref<?xf32>
  }
  gpu.module @kernels {
    gpu.func @kernel(%n: index, %b: memref<8xf32>, %t: memref<?x8xf32>) kernel {
      gpu.return
    }
  }
}

// -----

// Comparisons, choices and checks of sizes stay arithmetic; the width of a number makes no difference.
// CHECK: \22sizes\22: {{\[\[}}\22select\22, [\22and\22, [\22lt\22, [\22dim\22, 0, 0], 8], 1], [\22rem\22, [\22dim\22, 0, 0], 8], [\22min\22, [\22dim\22, 0, 0], 8]]]}
// CHECK-SAME: \22checks\22: [{\22holds\22: [\22ne\22, [\22dim\22, 0, 0], 8], \22message\22: \22eight rows\22}]
module attributes {gpu.container_module} {
  func.func @main(%x: memref<?xf32> {stepwell.input = "x"}) -> memref<?xf32> {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    %true = arith.constant true
    %wide = arith.constant 8 : i64
    %n = memref.dim %x, %c0 : memref<?xf32>
    %m = arith.index_cast %n : index to i64
    %other = arith.cmpi ne, %m, %wide : i64
    cf.assert %other, "eight rows"
    %few = arith.cmpi ult, %n, %c8 : index
    %both = arith.andi %few, %true : i1
    %rest = arith.remsi %n, %c8 : index
    %least = arith.minsi %n, %c8 : index
    %size = arith.select %both, %rest, %least : index
    %t = memref.alloc(%size) : memref<?xf32>
    return %t : memref<?xf32>
  }
}

// -----

// Memory that begins as zeros is no temporary: kernels leave it so for the next run.
// CHECK: {\22kind\22: \22zeros\22, \22dtype\22: \22i32\22, \22sizes\22: [6]}
// CHECK-SAME: {\22kind\22: \22temporary\22, \22dtype\22: \22i32\22, \22sizes\22: [6]}
module attributes {gpu.container_module} {
  func.func @main(%x: memref<6xi32> {stepwell.input = "x"}) -> memref<6xi32> {
    %flags = memref.alloc() {stepwell.constant = dense<0> : tensor<6xi32>} : memref<6xi32>
    %t = memref.alloc() : memref<6xi32>
    return %t : memref<6xi32>
  }
}
