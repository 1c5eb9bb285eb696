// RUN: stepwell-opt %s '--tile=across=16 loop=forall' --split-input-file | FileCheck %s
// RUN: not stepwell-opt %s '--tile=across=16 sizes=4,4' 2>&1 | FileCheck %s --check-prefix=BOTH
// BOTH: option 'across' of pass 'tile' takes a positive integer, and no 'sizes' beside it

// A transpose is cut into blocks whose rows and columns stay in the cache; other dimensions are not.
// CHECK-LABEL: func.func @transpose
// CHECK: scf.forall (%{{.*}}, %{{.*}}) in (8, 16)
// CHECK: linalg.transpose ins(%{{.*}} : tensor<2x16x16xf32>) outs(%{{.*}} : tensor<2x16x16xf32>) permutation = [0, 2, 1]
func.func @transpose(%x: tensor<2x256x128xf32>, %y: tensor<2x128x256xf32>) -> tensor<2x128x256xf32> {
  %0 = linalg.transpose ins(%x : tensor<2x256x128xf32>) outs(%y : tensor<2x128x256xf32>) permutation = [0, 2, 1]
  return %0 : tensor<2x128x256xf32>
}

// -----

// Sizes that nobody knows may be large; an elementwise operation that transposes one operand counts.
// CHECK-LABEL: func.func @mixed
// CHECK: scf.forall
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<?x?xf32>, tensor<?x?xf32>)
func.func @mixed(%x: tensor<?x?xf32>, %y: tensor<?x?xf32>, %z: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = linalg.generic {
    indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
    iterator_types = ["parallel", "parallel"]
  } ins(%x, %y : tensor<?x?xf32>, tensor<?x?xf32>) outs(%z : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// Left alone: what fits into the cache, few rows, rows that move as a whole, broadcasts, reductions, unit dimensions.
// CHECK-LABEL: func.func @other
// CHECK-NOT: scf.forall
// CHECK: return
func.func @other(%small: tensor<64x64xf32>, %s: tensor<64x64xf32>, %thin: tensor<9999x8xf32>, %t: tensor<8x9999xf32>,
                 %rows: tensor<128x64x256xf32>, %r: tensor<64x128x256xf32>, %row: tensor<512xf32>, %b: tensor<512x512xf32>,
                 %sum: tensor<512x512xf32>, %u: tensor<512xf32>, %unit: tensor<512x1x512xf32>, %v: tensor<1x512x512xf32>)
    -> (tensor<64x64xf32>, tensor<8x9999xf32>, tensor<64x128x256xf32>, tensor<512x512xf32>, tensor<512xf32>, tensor<1x512x512xf32>) {
  %0 = linalg.transpose ins(%small : tensor<64x64xf32>) outs(%s : tensor<64x64xf32>) permutation = [1, 0]
  %1 = linalg.transpose ins(%thin : tensor<9999x8xf32>) outs(%t : tensor<8x9999xf32>) permutation = [1, 0]
  %2 = linalg.transpose ins(%rows : tensor<128x64x256xf32>) outs(%r : tensor<64x128x256xf32>) permutation = [1, 0, 2]
  %3 = linalg.broadcast ins(%row : tensor<512xf32>) outs(%b : tensor<512x512xf32>) dimensions = [1]
  %4 = linalg.reduce {arith.addf} ins(%sum : tensor<512x512xf32>) outs(%u : tensor<512xf32>) dimensions = [0]
  %5 = linalg.transpose ins(%unit : tensor<512x1x512xf32>) outs(%v : tensor<1x512x512xf32>) permutation = [1, 0, 2]
  return %0, %1, %2, %3, %4, %5 : tensor<64x64xf32>, tensor<8x9999xf32>, tensor<64x128x256xf32>, tensor<512x512xf32>, tensor<512xf32>, tensor<1x512x512xf32>
}
