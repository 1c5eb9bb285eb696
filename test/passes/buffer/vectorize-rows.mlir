// RUN: stepwell-opt %s --pass-pipeline='builtin.module(vectorize-rows{vector-bits=128 unroll=2})' | FileCheck %s --check-prefixes=CHECK,ANY
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(vectorize-rows{vector-bits=128 reassociate=false})' | FileCheck %s --check-prefixes=CHECK,ORDER
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(vectorize-rows{vector-bits=128 unroll=2 compare=true})' | FileCheck %s --check-prefix=COMPARED

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

// A gather of rows: where a row lies is looked up and checked once for it.
// CHECK-LABEL: func @gather
// CHECK: scf.parallel (%[[I:.*]]) =
// CHECK: %[[ROW:.*]] = memref.load %arg0[%[[I]]]
// CHECK: cf.assert
// CHECK: scf.for %[[J:.*]] =
// CHECK: vector.load %arg1[%{{.*}}, %[[J]]] : memref<9x32xf32>, vector<4xf32>
// CHECK-NOT: memref.load
// CHECK: return
func.func @gather(%i: memref<6xi64>, %w: memref<9x32xf32>, %o: memref<6x32xf32>) {
  %c9 = arith.constant 9 : index
  linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%i : memref<6xi64>) outs(%o : memref<6x32xf32>) {
  ^bb0(%x: i64, %y: f32):
    %0 = arith.index_cast %x : i64 to index
    %1 = linalg.index 1 : index
    %2 = arith.cmpi slt, %0, %c9 : index
    cf.assert %2, "too large"
    %3 = memref.load %w[%0, %1] : memref<9x32xf32>
    linalg.yield %3 : f32
  }
  return
}

// Single elements from anywhere, and rows of the result itself, are not loaded as vectors.
// CHECK-LABEL: func @scattered
// CHECK-COUNT-2: linalg.generic
func.func @scattered(%i: memref<6x32xi64>, %w: memref<32xf32>, %o: memref<6x32xf32>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%i : memref<6x32xi64>) outs(%o : memref<6x32xf32>) {
  ^bb0(%x: i64, %y: f32):
    %0 = arith.index_cast %x : i64 to index
    %1 = memref.load %w[%0] : memref<32xf32>
    linalg.yield %1 : f32
  }
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%i : memref<6x32xi64>) outs(%o : memref<6x32xf32>) {
  ^bb0(%x: i64, %y: f32):
    %c0 = arith.constant 0 : index
    %0 = linalg.index 1 : index
    %1 = memref.load %o[%c0, %0] : memref<6x32xf32>
    linalg.yield %1 : f32
  }
  return
}

// The index along a vector counts up in it.
// CHECK-LABEL: func @index
// CHECK: vector.step : vector<4xindex>
// CHECK: arith.index_cast {{.*}} : vector<4xindex> to vector<4xi32>
func.func @index(%o: memref<6x32xi32>) {
  linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel"]} outs(%o : memref<6x32xi32>) {
  ^bb0(%y: i32):
    %0 = linalg.index 1 : index
    %1 = arith.index_cast %0 : index to i32
    linalg.yield %1 : i32
  }
  return
}

// A copy into a part of a larger buffer; what is contiguous of it is one row.
// CHECK-LABEL: func @strided_copy
// CHECK: memref.collapse_shape {{.*}} : memref<4x8x8xf32, strided<[128, 8, 1]>> into memref<4x64xf32, strided<[128, 1]>>
// CHECK: vector.store
// CHECK-NOT: memref.copy
func.func @strided_copy(%a: memref<4x8x8xf32>, %b: memref<4x8x8xf32, strided<[128, 8, 1]>>) {
  memref.copy %a, %b : memref<4x8x8xf32> to memref<4x8x8xf32, strided<[128, 8, 1]>>
  return
}

// CHECK-LABEL: func @whole_copy
// CHECK: memref.copy
func.func @whole_copy(%a: memref<4x8xf32>, %b: memref<4x8xf32>) {
  memref.copy %a, %b : memref<4x8xf32> to memref<4x8xf32>
  return
}

// Each lane keeps its best element and the index of it; the lowest index of equal ones wins.
// CHECK-LABEL: func @argmax
// CHECK: scf.for
// CHECK: arith.cmpf ugt, {{.*}} : vector<4xf32>
// CHECK: arith.cmpf ord, {{.*}} : vector<4xf32>
// CHECK: arith.select {{.*}} : vector<4xi1>, vector<4xf32>
// CHECK: arith.select {{.*}} : vector<4xi1>, vector<4xi32>
// CHECK: vector.reduction <maximumf>
// CHECK: %[[FIRST:.*]] = vector.reduction <minui>
// CHECK: %[[SPREAD:.*]] = vector.broadcast %[[FIRST]]
// CHECK: arith.cmpi eq, %{{.*}}, %[[SPREAD]]
// CHECK: vector.reduction <maximumf>
func.func @argmax(%x: memref<4x50xf32>, %v: memref<4xf32>, %p: memref<4xi64>) {
  linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<4x50xf32>) outs(%v, %p : memref<4xf32>, memref<4xi64>) {
  ^bb0(%a: f32, %best: f32, %at: i64):
    %i = linalg.index 1 : index
    %here = arith.index_cast %i : index to i64
    %beyond = arith.cmpf ugt, %a, %best : f32
    %number = arith.cmpf ord, %best, %best : f32
    %wins = arith.andi %beyond, %number : i1
    %max = arith.select %wins, %a, %best : f32
    %position = arith.select %wins, %here, %at : i64
    linalg.yield %max, %position : f32, i64
  }
  return
}

// The larger zero need not be the first.
// CHECK-LABEL: func @largest_zero
// CHECK: linalg.generic
func.func @largest_zero(%x: memref<4x50xf32>, %v: memref<4xf32>, %p: memref<4xi64>) {
  linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<4x50xf32>) outs(%v, %p : memref<4xf32>, memref<4xi64>) {
  ^bb0(%a: f32, %best: f32, %at: i64):
    %i = linalg.index 1 : index
    %here = arith.index_cast %i : index to i64
    %max = arith.maximumf %a, %best : f32
    %beyond = arith.cmpf ugt, %a, %best : f32
    %number = arith.cmpf ord, %best, %best : f32
    %wins = arith.andi %beyond, %number : i1
    %position = arith.select %wins, %here, %at : i64
    linalg.yield %max, %position : f32, i64
  }
  return
}

// Without the test for NaN it is another reduction.
// CHECK-LABEL: func @other_search
// CHECK: linalg.generic
func.func @other_search(%x: memref<4x50xf32>, %v: memref<4xf32>, %p: memref<4xi64>) {
  linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<4x50xf32>) outs(%v, %p : memref<4xf32>, memref<4xi64>) {
  ^bb0(%a: f32, %best: f32, %at: i64):
    %i = linalg.index 1 : index
    %here = arith.index_cast %i : index to i64
    %wins = arith.cmpf ogt, %a, %best : f32
    %max = arith.select %wins, %a, %best : f32
    %position = arith.select %wins, %here, %at : i64
    linalg.yield %max, %position : f32, i64
  }
  return
}

// A sum of everything in parts of at least 16384, as many as the size says; the parts are added in order.
// ORDER-LABEL: func @everything
// ANY-LABEL: func @everything
// ANY: memref.alloca() : memref<64xf32>
// ANY: scf.parallel
// ANY: vector.reduction <add>
// ANY: memref.store {{.*}} : memref<64xf32>
// ANY: scf.for
// ANY: memref.load {{.*}} : memref<64xf32>
func.func @everything(%a: memref<100000xf32>, %s: memref<f32>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%a : memref<100000xf32>) outs(%s : memref<f32>) {
  ^bb0(%x: f32, %y: f32):
    %0 = arith.addf %x, %y : f32
    linalg.yield %0 : f32
  }
  return
}

// CHECK-LABEL: func @little
// CHECK-NOT: alloca
// CHECK: return
func.func @little(%a: memref<16384xf32>, %s: memref<f32>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%a : memref<16384xf32>) outs(%s : memref<f32>) {
  ^bb0(%x: f32, %y: f32):
    %0 = arith.addf %x, %y : f32
    linalg.yield %0 : f32
  }
  return
}

// By comparisons: one vector of the best, a test for NaN and a sign for each two vectors.
// COMPARED-LABEL: func @largest
// COMPARED: scf.for {{.*}} -> (vector<4xf32>, vector<4xf32>, vector<4xi32>, vector<4xi32>)
// COMPARED-COUNT-2: arith.cmpf ogt
// COMPARED: arith.cmpf uno
// COMPARED-COUNT-2: arith.andi
// COMPARED: math.copysign
// COMPARED-NOT: vector.reduction <maximumf>
// COMPARED: return
// ANY-LABEL: func @largest
// ANY: arith.maximumf {{.*}} : vector<4xf32>
// ANY: vector.reduction <maximumf>
func.func @largest(%a: memref<3x40xf32>, %b: memref<3xf32>) {
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%a : memref<3x40xf32>) outs(%b : memref<3xf32>) {
  ^bb0(%x: f32, %y: f32):
    %0 = arith.maximumf %x, %y : f32
    linalg.yield %0 : f32
  }
  return
}
