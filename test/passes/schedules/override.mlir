// RUN: stepwell-opt %s --schedules %S/Inputs/override.json --pack --vectorize-contractions --vectorize-convolutions --vectorize-rows --parallelize-loops --canonicalize --split-input-file --print-report 2>&1 | FileCheck %s
// RUN: stepwell-opt %s --pack --vectorize-contractions --vectorize-convolutions --vectorize-rows --parallelize-loops --canonicalize --split-input-file | FileCheck %s --check-prefix=OWN

// Entries of a database take the place of a pass's own schedule, for the operations that they name alone.
// CHECK: "used": 1
// CHECK: "rows f32 loops=9x9: no such operation"

// Two rows of four vectors, where six of two are its own; the next product has no entry.
// CHECK-LABEL: func.func @product
// CHECK: iter_args({{.*}}) -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>) {
// CHECK-COUNT-4: vector.load {{.*}} : memref<32x64xf32>
// CHECK: memref.load
// CHECK: iter_args
// CHECK-COUNT-2: vector.load {{.*}} : memref<33x64xf32>
// CHECK-NEXT: memref.load
// OWN-LABEL: func.func @product
// OWN: iter_args
// OWN-COUNT-2: vector.load {{.*}} : memref<32x64xf32>
// OWN-NEXT: memref.load
func.func @product(%a: memref<12x32xf32>, %b: memref<32x64xf32>, %c: memref<12x64xf32>, %d: memref<12x33xf32>, %e: memref<33x64xf32>) {
  linalg.matmul ins(%a, %b : memref<12x32xf32>, memref<32x64xf32>) outs(%c : memref<12x64xf32>)
  linalg.matmul ins(%d, %e : memref<12x33xf32>, memref<33x64xf32>) outs(%c : memref<12x64xf32>)
  return
}

// -----

// CHECK-LABEL: func.func @pooling
// CHECK-COUNT-2: vector.store
// CHECK-NOT: vector.store
// OWN-LABEL: func.func @pooling
// OWN-COUNT-5: vector.store
// OWN-NOT: vector.store
func.func @pooling(%image: memref<1x4x12x8xf32>, %window: memref<3x3xf32>, %out: memref<1x2x10x8xf32>) {
  %low = arith.constant 0xFF800000 : f32
  linalg.fill ins(%low : f32) outs(%out : memref<1x2x10x8xf32>)
  linalg.pooling_nhwc_max {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%image, %window : memref<1x4x12x8xf32>, memref<3x3xf32>) outs(%out : memref<1x2x10x8xf32>)
  return
}

// -----

// CHECK-LABEL: func.func @sum
// CHECK: scf.for {{.*}} -> (vector<4xf32>, vector<4xf32>) {
// OWN-LABEL: func.func @sum
// OWN: scf.for {{.*}} -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>) {
func.func @sum(%a: memref<8x64xf32>, %out: memref<8xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%a : memref<8x64xf32>) outs(%out : memref<8xf32>) {
  ^bb0(%x: f32, %total: f32):
    %next = arith.addf %total, %x : f32
    linalg.yield %next : f32
  }
  return
}

// -----

// Blocks of ten iterations, where all are one block.
// CHECK-LABEL: func.func @loop
// CHECK: scf.parallel
// OWN-LABEL: func.func @loop
// OWN-NOT: scf.parallel
func.func @loop(%a: memref<100xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c100 = arith.constant 100 : index
  scf.parallel (%i) = (%c0) to (%c100) step (%c1) {
    %x = memref.load %a[%i] : memref<100xf32>
    %y = arith.divf %x, %x : f32
    memref.store %y, %a[%i] : memref<100xf32>
    scf.reduce
  }
  return
}

// -----

// CHECK-LABEL: func.func @main
// CHECK: linalg.pack {{.*}} inner_tiles = [32]
// OWN-LABEL: func.func @main
// OWN: linalg.pack {{.*}} inner_tiles = [16]
func.func @main(%x: tensor<4x16xf32> {stepwell.input = "x"}, %w: tensor<16x64xf32> {stepwell.parameter = "w"},
                %init: tensor<4x64xf32> {stepwell.input = "init"}) -> tensor<4x64xf32> {
  %0 = linalg.matmul ins(%x, %w : tensor<4x16xf32>, tensor<16x64xf32>) outs(%init : tensor<4x64xf32>) -> tensor<4x64xf32>
  return %0 : tensor<4x64xf32>
}
