// RUN: stepwell-opt %s --pad=sizes=8,16,4 --split-input-file | FileCheck %s
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(tile{sizes=8,16,12 ops=linalg.matmul},pad{ops=linalg.matmul})' --split-input-file | FileCheck %s --check-prefix=TILED

// Multiples of a tile, dynamic sizes too; the result is cut back. Tiles are padded to their bound.
// CHECK-LABEL: func.func @product(
// CHECK: %[[A:.*]] = tensor.pad %{{.*}} low[0, 0] high[%{{.*}}, 3]
// CHECK: tensor<?x37xf32> to tensor<?x40xf32>
// CHECK: %[[B:.*]] = tensor.pad
// CHECK: tensor<37x50xf32> to tensor<40x64xf32>
// CHECK: %[[R:.*]] = linalg.matmul ins(%[[A]], %[[B]] : tensor<?x40xf32>, tensor<40x64xf32>)
// CHECK: tensor.extract_slice %[[R]][0, 0] [%{{.*}}, 50] [1, 1]
// TILED-LABEL: func.func @product(
// TILED-COUNT-3: scf.for
// TILED: linalg.matmul ins(%{{.*}}, %{{.*}} : tensor<8x12xf32>, tensor<12x16xf32>) outs(%{{.*}} : tensor<8x16xf32>)
func.func @product(%a: tensor<?x37xf32>, %b: tensor<37x50xf32>, %c: tensor<?x50xf32>) -> tensor<?x50xf32> {
  %0 = linalg.matmul ins(%a, %b : tensor<?x37xf32>, tensor<37x50xf32>) outs(%c : tensor<?x50xf32>) -> tensor<?x50xf32>
  return %0 : tensor<?x50xf32>
}

// -----

// Integers are padded with integers.
// CHECK-LABEL: func.func @integers(
// CHECK: tensor.yield %c0{{.*}} : i8
// CHECK: linalg.matmul ins({{.*}} : tensor<8x4xi8>, tensor<4x16xi8>) outs({{.*}} : tensor<8x16xi32>)
func.func @integers(%a: tensor<5x3xi8>, %b: tensor<3x9xi8>, %c: tensor<5x9xi32>) -> tensor<5x9xi32> {
  %0 = linalg.matmul ins(%a, %b : tensor<5x3xi8>, tensor<3x9xi8>) outs(%c : tensor<5x9xi32>) -> tensor<5x9xi32>
  return %0 : tensor<5x9xi32>
}

// -----

#cube = affine_map<(i, j, k) -> (i, j, k)>
#face = affine_map<(i, j, k) -> (i, j)>
#line = affine_map<(i, j, k) -> (j)>

// Left alone: zeros change a maximum, and with an infinity a product whose other factor has no zeros there; an
// integer division of zeros is undefined; sizes that fit.
// CHECK-LABEL: func.func @left_alone(
// CHECK-NOT: tensor.pad
// CHECK: return
func.func @left_alone(%x: tensor<8x16x5xf32>, %f: tensor<8x16xf32>, %g: tensor<16xf32>, %n: tensor<8x16x6xi32>,
                      %w: tensor<16x32xf32>, %v: tensor<8x16xf32>, %o: tensor<8x32xf32>)
    -> (tensor<8x16xf32>, tensor<8x16xf32>, tensor<8x16x6xi32>, tensor<8x32xf32>) {
  %0 = linalg.generic {indexing_maps = [#cube, #face], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x : tensor<8x16x5xf32>) outs(%f : tensor<8x16xf32>) {
  ^bb0(%a: f32, %best: f32):
    %m = arith.maximumf %a, %best : f32
    linalg.yield %m : f32
  } -> tensor<8x16xf32>
  %1 = linalg.generic {indexing_maps = [#cube, #line, #face], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %g : tensor<8x16x5xf32>, tensor<16xf32>) outs(%f : tensor<8x16xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  } -> tensor<8x16xf32>
  %2 = linalg.generic {indexing_maps = [#cube, #cube], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%n : tensor<8x16x6xi32>) outs(%n : tensor<8x16x6xi32>) {
  ^bb0(%a: i32, %b: i32):
    %d = arith.divsi %a, %b : i32
    linalg.yield %d : i32
  } -> tensor<8x16x6xi32>
  %3 = linalg.matmul ins(%v, %w : tensor<8x16xf32>, tensor<16x32xf32>) outs(%o : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %0, %1, %2, %3 : tensor<8x16xf32>, tensor<8x16xf32>, tensor<8x16x6xi32>, tensor<8x32xf32>
}
