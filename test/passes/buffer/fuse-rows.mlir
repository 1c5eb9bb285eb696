// RUN: stepwell-opt %s --pass-pipeline='builtin.module(fuse-rows)' | FileCheck %s
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(fuse-rows{row-bytes=16})' | FileCheck %s --check-prefix=SMALL
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(fuse-rows{private-bytes=3})' | FileCheck %s --check-prefix=WHOLE

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#unit = affine_map<(i, u, j) -> (i, u, j)>
#unit_row = affine_map<(i, u, j) -> (i, u)>

// A fill, a reduction over a view with a unit dimension, and their user; of the sums nobody else reads, one at a time.
// CHECK-LABEL: func @chain
// CHECK-NOT: memref<8xf32>
// CHECK: scf.parallel (%[[I:.*]]) = {{.*}} {
// CHECK: %[[SUM:.*]] = memref.alloc() {{.*}} : memref<f32>
// CHECK: linalg.generic {{.*}} iterator_types = []} outs(%[[SUM]] : memref<f32>)
// CHECK: %[[ROW:.*]] = memref.subview %{{.*}}[%[[I]], 0, 0] [1, 1, 16] [1, 1, 1]
// CHECK: linalg.generic {{.*}} iterator_types = ["reduction"]} ins(%[[ROW]] : {{.*}}) outs(%[[SUM]] : memref<f32>)
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel"]}
// CHECK: scf.reduce
// CHECK-NOT: linalg
// CHECK: return
// WHOLE-LABEL: func @chain
// WHOLE: memref.alloc() : memref<8xf32>
// WHOLE: scf.parallel
// WHOLE-NOT: memref.alloc
// SMALL-LABEL: func @chain
// SMALL-NOT: scf.parallel
// SMALL: return
func.func @chain(%a: memref<8x16xf32>, %b: memref<8x16xf32>) {
  %zero = arith.constant 0.0 : f32
  %sum = memref.alloc() : memref<8xf32>
  linalg.fill ins(%zero : f32) outs(%sum : memref<8xf32>)
  %view = memref.expand_shape %sum [[0, 1]] output_shape [8, 1] : memref<8xf32> into memref<8x1xf32>
  %wide = memref.expand_shape %a [[0, 1], [2]] output_shape [8, 1, 16] : memref<8x16xf32> into memref<8x1x16xf32>
  linalg.generic {indexing_maps = [#unit, #unit_row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%wide : memref<8x1x16xf32>) outs(%view : memref<8x1xf32>) {
  ^bb0(%x: f32, %s: f32):
    %0 = arith.addf %x, %s : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a, %sum : memref<8x16xf32>, memref<8xf32>) outs(%b : memref<8x16xf32>) {
  ^bb0(%x: f32, %s: f32, %y: f32):
    %0 = arith.divf %x, %s : f32
    linalg.yield %0 : f32
  }
  return
}

// Somebody else reads the sums: they keep their buffer.
// WHOLE-LABEL: func @kept
// CHECK-LABEL: func @kept
// CHECK: memref.alloc() : memref<8xf32>
// CHECK: scf.parallel (%[[I:.*]]) = {{.*}} {
// CHECK-NOT: memref.alloc
// CHECK: memref.subview %{{.*}}[%[[I]]] [1] [1] : memref<8xf32> to memref<f32, strided<[], offset: ?>>
// CHECK: linalg.generic {{.*}} iterator_types = []
// CHECK: linalg.generic {{.*}} iterator_types = ["reduction"]
// CHECK: scf.reduce
func.func @kept(%a: memref<8x16xf32>) -> memref<8xf32> {
  %zero = arith.constant 0.0 : f32
  %sum = memref.alloc() : memref<8xf32>
  linalg.fill ins(%zero : f32) outs(%sum : memref<8xf32>)
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%a : memref<8x16xf32>) outs(%sum : memref<8xf32>) {
  ^bb0(%x: f32, %s: f32):
    %0 = arith.addf %x, %s : f32
    linalg.yield %0 : f32
  }
  return %sum : memref<8xf32>
}

// A later operation reads other rows of what is written; another has other rows: the reduction and its user stay apart.
// CHECK-LABEL: func @other_rows
// CHECK-NOT: scf.parallel
// CHECK: return
func.func @other_rows(%a: memref<8x8xf32>, %sum: memref<8xf32>, %b: memref<8x8xf32>, %c: memref<4x8xf32>) {
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%a : memref<8x8xf32>) outs(%sum : memref<8xf32>) {
  ^bb0(%x: f32, %s: f32):
    %0 = arith.addf %x, %s : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (j)>, #id], iterator_types = ["parallel", "parallel"]}
      ins(%sum : memref<8xf32>) outs(%b : memref<8x8xf32>) {
  ^bb0(%s: f32, %y: f32):
    linalg.yield %s : f32
  }
  linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel"]} outs(%c : memref<4x8xf32>) {
  ^bb0(%y: f32):
    %0 = arith.negf %y : f32
    linalg.yield %0 : f32
  }
  return
}

// A body that loads from a buffer may read other rows of it, the reduction's sums here.
// CHECK-LABEL: func @gathers
// CHECK-NOT: scf.parallel
// CHECK: return
func.func @gathers(%a: memref<8x8xf32>, %index: memref<8xindex>, %b: memref<8x8xf32>) {
  %sum = memref.alloc() : memref<8xf32>
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%a : memref<8x8xf32>) outs(%sum : memref<8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %in, %out : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a, %index : memref<8x8xf32>, memref<8xindex>) outs(%b : memref<8x8xf32>) {
  ^bb0(%in: f32, %at: index, %out: f32):
    %0 = memref.load %sum[%at] : memref<8xf32>
    %1 = arith.subf %in, %0 : f32
    linalg.yield %1 : f32
  }
  return
}

// Contractions have schedules of their own; a call may touch any buffer.
// CHECK-LABEL: func @barriers
// CHECK-NOT: scf.parallel
// CHECK: return
func.func private @touch()
func.func @barriers(%a: memref<8x8xf32>, %b: memref<8x8xf32>, %c: memref<8x8xf32>, %sum: memref<8xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>,
      affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<8x8xf32>, memref<8x8xf32>) outs(%c : memref<8x8xf32>) {
  ^bb0(%x: f32, %y: f32, %s: f32):
    %0 = arith.mulf %x, %y : f32
    %1 = arith.addf %0, %s : f32
    linalg.yield %1 : f32
  }
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%c : memref<8x8xf32>) outs(%sum : memref<8xf32>) {
  ^bb0(%x: f32, %s: f32):
    %0 = arith.addf %x, %s : f32
    linalg.yield %0 : f32
  }
  call @touch() : () -> ()
  linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%sum : memref<8xf32>) outs(%b : memref<8x8xf32>) {
  ^bb0(%s: f32, %y: f32):
    linalg.yield %s : f32
  }
  return
}
