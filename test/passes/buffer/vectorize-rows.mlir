// RUN: stepwell-opt %s --pass-pipeline='builtin.module(vectorize-rows{vector-bits=128 unroll=2})' | FileCheck %s --check-prefixes=CHECK,ANY
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(vectorize-rows{vector-bits=128 reassociate=false})' | FileCheck %s --check-prefixes=CHECK,ORDER

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#column = affine_map<(i, j) -> (j)>
#swapped = affine_map<(i, j) -> (j, i)>

// Dimensions that all operands walk through together become one, which is cut into blocks.
// CHECK-LABEL: func @flat
// CHECK: memref.collapse_shape %arg0 {{.*}} into memref<50xf32>
// CHECK: scf.parallel
// CHECK: scf.for
// CHECK: vector.load {{.*}} : memref<50xf32>, vector<4xf32>
// CHECK: math.exp {{.*}} : vector<4xf32>
// CHECK: vector.create_mask
// CHECK: vector.maskedstore
func.func @flat(%a: memref<5x10xf32>, %b: memref<5x10xf32>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a : memref<5x10xf32>) outs(%b : memref<5x10xf32>) {
  ^bb0(%x: f32, %y: f32):
    %0 = math.exp %x : f32
    linalg.yield %0 : f32
  }
  return
}

// An operand whose sizes are known from others alone keeps its dimensions.
// CHECK-LABEL: func @partly_static
// CHECK-NOT: collapse_shape
// CHECK: vector.load {{.*}} : memref<5x?xf32>, vector<4xf32>
func.func @partly_static(%a: memref<5x?xf32>, %b: memref<5x8xf32>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a : memref<5x?xf32>) outs(%b : memref<5x8xf32>) {
  ^bb0(%x: f32, %y: f32):
    linalg.yield %x : f32
  }
  return
}

// What a row shares is computed once for it.
// CHECK-LABEL: func @scaled
// CHECK: scf.parallel (%[[I:.*]]) =
// CHECK: %[[S:.*]] = memref.load %arg1[%[[I]]]
// CHECK: math.rsqrt %[[S]] : f32
// CHECK: scf.for
// CHECK: vector.broadcast
// CHECK: arith.mulf {{.*}} : vector<4xf32>
func.func @scaled(%a: memref<5x?xf32>, %s: memref<5xf32>, %b: memref<5x?xf32>) {
  linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a, %s : memref<5x?xf32>, memref<5xf32>) outs(%b : memref<5x?xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %0 = math.rsqrt %y : f32
    %1 = arith.mulf %x, %0 : f32
    linalg.yield %1 : f32
  }
  return
}

// CHECK-LABEL: func @along
// ANY: scf.for {{.*}} iter_args({{.*}}, {{.*}}) -> (vector<4xf32>, vector<4xf32>)
// ANY: vector.reduction <add>
// ORDER: linalg.generic
func.func @along(%a: memref<5x10xf32>, %b: memref<5xf32>) {
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%a : memref<5x10xf32>) outs(%b : memref<5xf32>) {
  ^bb0(%x: f32, %y: f32):
    %0 = arith.addf %x, %y : f32
    linalg.yield %0 : f32
  }
  return
}

// Each column is added in order, whatever the policy.
// CHECK-LABEL: func @across
// CHECK: vector.load %arg1
// CHECK: scf.for
// CHECK: vector.load %arg0
// CHECK: arith.addf {{.*}} : vector<4xf32>
// CHECK: vector.store {{.*}} %arg1
func.func @across(%a: memref<5x10xf32>, %b: memref<10xf32>) {
  linalg.generic {indexing_maps = [#id, #column], iterator_types = ["reduction", "parallel"]}
      ins(%a : memref<5x10xf32>) outs(%b : memref<10xf32>) {
  ^bb0(%x: f32, %y: f32):
    %0 = arith.addf %x, %y : f32
    linalg.yield %0 : f32
  }
  return
}

// Left alone: bits in memory, a transposition, an index in the body, less than a vector.
// CHECK-LABEL: func @others
// CHECK-COUNT-4: linalg.generic
func.func @others(%a: memref<8x8xf32>, %m: memref<8x8xi1>, %b: memref<8x8xf32>, %s: memref<3xf32>, %n: memref<8x8xindex>) {
  linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a, %m : memref<8x8xf32>, memref<8x8xi1>) outs(%b : memref<8x8xf32>) {
  ^bb0(%x: f32, %y: i1, %z: f32):
    %0 = arith.select %y, %x, %z : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#swapped, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a : memref<8x8xf32>) outs(%b : memref<8x8xf32>) {
  ^bb0(%x: f32, %z: f32):
    linalg.yield %x : f32
  }
  linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel"]} outs(%n : memref<8x8xindex>) {
  ^bb0(%z: index):
    %0 = linalg.index 0 : index
    linalg.yield %0 : index
  }
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%s : memref<3xf32>) {
  ^bb0(%z: f32):
    %0 = arith.negf %z : f32
    linalg.yield %0 : f32
  }
  return
}
