// RUN: stepwell-opt %s --pass-pipeline='builtin.module(vectorize-convolutions{vector-bits=256 registers=16},canonicalize,cse)' --split-input-file | FileCheck %s

#id = affine_map<(n, h, w, c) -> (n, h, w, c)>
#channel = affine_map<(n, h, w, c) -> (c)>

// Rows are parallel; bias and activation happen in registers, and the result goes straight into the larger buffer.
// CHECK-LABEL: func.func @depthwise
// CHECK-NOT: memref.alloc
// CHECK: scf.parallel
// CHECK: vector.fma {{.*}} : vector<8xf32>
// CHECK: %[[BIAS:.*]] = vector.load %arg2[%{{.*}}] : memref<8xf32>, vector<8xf32>
// CHECK: arith.addf %{{.*}}, %[[BIAS]] : vector<8xf32>
// CHECK: arith.maximumf {{.*}} : vector<8xf32>
// CHECK: vector.store %{{.*}}, %{{.*}} : memref<1x4x4x8xf32, strided<{{.*}}>>, vector<8xf32>
// CHECK-NOT: linalg
// CHECK-NOT: memref.copy
func.func @depthwise(%x: memref<1x6x6x8xf32>, %w: memref<3x3x8xf32>, %bias: memref<8xf32>, %into: memref<1x6x6x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %out = memref.alloc() : memref<1x4x4x8xf32>
  linalg.fill ins(%zero : f32) outs(%out : memref<1x4x4x8xf32>)
  linalg.depthwise_conv_2d_nhwc_hwc {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%x, %w : memref<1x6x6x8xf32>, memref<3x3x8xf32>) outs(%out : memref<1x4x4x8xf32>)
  linalg.generic {indexing_maps = [#id, #channel, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%out, %bias : memref<1x4x4x8xf32>, memref<8xf32>) outs(%out : memref<1x4x4x8xf32>) {
  ^bb0(%in: f32, %b: f32, %o: f32):
    %sum = arith.addf %in, %b : f32
    %relu = arith.maximumf %sum, %zero : f32
    linalg.yield %relu : f32
  }
  %inside = memref.subview %into[0, 1, 1, 0] [1, 4, 4, 8] [1, 1, 1, 1] : memref<1x6x6x8xf32> to memref<1x4x4x8xf32, strided<[288, 48, 8, 1], offset: 56>>
  memref.copy %out, %inside : memref<1x4x4x8xf32> to memref<1x4x4x8xf32, strided<[288, 48, 8, 1], offset: 56>>
  return
}

// -----

// One row of the packed filter meets six pixels.
// CHECK-LABEL: func.func @dense
// CHECK: scf.parallel
// CHECK: vector.store %{{.*}}, %{{.*}} : memref<1x1x6x2x8xf32>, vector<8xf32>
// CHECK-NOT: linalg
func.func @dense(%x: memref<1x3x8x5xf32>, %w: memref<2x3x3x5x8xf32>, %out: memref<1x1x6x2x8xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%out : memref<1x1x6x2x8xf32>)
  linalg.generic {indexing_maps = [affine_map<(n, h, w, f, i, j, c, l) -> (n, h + i, w + j, c)>,
      affine_map<(n, h, w, f, i, j, c, l) -> (f, i, j, c, l)>, affine_map<(n, h, w, f, i, j, c, l) -> (n, h, w, f, l)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction", "parallel"]}
      ins(%x, %w : memref<1x3x8x5xf32>, memref<2x3x3x5x8xf32>) outs(%out : memref<1x1x6x2x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %0 : f32
    linalg.yield %1 : f32
  }
  return
}

// -----

// What the image holds changes before the activation runs: the two stay apart.
// CHECK-LABEL: func.func @overwritten
// CHECK: scf.parallel
// CHECK: linalg.fill
// CHECK: linalg.generic
func.func @overwritten(%x: memref<1x4x4x8xf32>, %window: memref<1x1xf32>, %out: memref<1x4x4x8xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%out : memref<1x4x4x8xf32>)
  linalg.pooling_nhwc_sum {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%x, %window : memref<1x4x4x8xf32>, memref<1x1xf32>) outs(%out : memref<1x4x4x8xf32>)
  linalg.fill ins(%zero : f32) outs(%x : memref<1x4x4x8xf32>)
  linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, h, w, c)>, affine_map<(n, h, w, c) -> (n, h, w, c)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%out : memref<1x4x4x8xf32>) outs(%out : memref<1x4x4x8xf32>) {
  ^bb0(%in: f32, %o: f32):
    %relu = arith.maximumf %in, %zero : f32
    linalg.yield %relu : f32
  }
  return
}

// -----

// What starts from something else than a fill, and integers, are left alone.
// CHECK-LABEL: func.func @left_alone
// CHECK-NOT: scf.parallel
// CHECK: linalg.depthwise_conv_2d_nhwc_hwc
// CHECK: linalg.pooling_nhwc_max
func.func @left_alone(%x: memref<1x6x6x8xf32>, %w: memref<3x3x8xf32>, %out: memref<1x4x4x8xf32>, %y: memref<1x6x6x8xi32>, %v: memref<3x3xi32>, %low: memref<1x4x4x8xi32>) {
  linalg.depthwise_conv_2d_nhwc_hwc {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%x, %w : memref<1x6x6x8xf32>, memref<3x3x8xf32>) outs(%out : memref<1x4x4x8xf32>)
  %zero = arith.constant 0 : i32
  linalg.fill ins(%zero : i32) outs(%low : memref<1x4x4x8xi32>)
  linalg.pooling_nhwc_max {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%y, %v : memref<1x6x6x8xi32>, memref<3x3xi32>) outs(%low : memref<1x4x4x8xi32>)
  return
}

// -----

#image = affine_map<(n, h, w, f, i, j, c, l) -> (n, h + i, w + j, c)>
#filter = affine_map<(n, h, w, f, i, j, c, l) -> (f, i, j, c, l)>
#blocks = affine_map<(n, h, w, f, i, j, c, l) -> (n, h, w, f, l)>

// Few pixels and a large filter: all pixels of an image meet one block of the filter before the next block is read,
// which they share the work of asking for.
// CHECK-LABEL: func.func @small_image
// CHECK: scf.parallel
// CHECK-NOT: scf.parallel
// CHECK: memref.prefetch %arg1[{{.*}}], read, locality<2>, data : memref<4x3x3x64x16xf32>
// CHECK: memref.prefetch %arg1[{{.*}}], read, locality<3>, data : memref<4x3x3x64x16xf32>
// CHECK-NOT: scf.parallel
// CHECK: return
func.func @small_image(%x: memref<1x5x5x64xf32>, %w: memref<4x3x3x64x16xf32>, %out: memref<1x3x3x4x16xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%out : memref<1x3x3x4x16xf32>)
  linalg.generic {indexing_maps = [#image, #filter, #blocks], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction", "parallel"]}
      ins(%x, %w : memref<1x5x5x64xf32>, memref<4x3x3x64x16xf32>) outs(%out : memref<1x3x3x4x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  return
}

// -----

#id = affine_map<(n, c, h, w) -> (n, c, h, w)>
#channel = affine_map<(n, c, h, w) -> (c)>

// With channels second each plane is copied with its border, even columns beside odd ones; no image with a border is made.
// CHECK-LABEL: func.func @planes
// CHECK-NOT: memref<2x3x10x10xf32>
// CHECK: scf.parallel
// CHECK: %[[PIECE:.*]] = memref.alloc() {{.*}} : memref<9x2x8xf32>
// CHECK: vector.shuffle %{{.*}} [0, 2, 4, 6]
// CHECK: vector.load %[[PIECE]]{{.*}} vector<4xf32>
// CHECK: vector.fma {{.*}} : vector<4xf32>
// CHECK: memref.load %arg2
// CHECK: vector.store %{{.*}}, %{{.*}} : memref<2x3x4x4xf32>, vector<4xf32>
// CHECK-NOT: linalg
func.func @planes(%x: memref<2x3x8x8xf32>, %w: memref<3x3x3xf32>, %bias: memref<3xf32>) -> memref<2x3x4x4xf32> {
  %zero = arith.constant 0.0 : f32
  %padded = memref.alloc() : memref<2x3x10x10xf32>
  linalg.fill ins(%zero : f32) outs(%padded : memref<2x3x10x10xf32>)
  %inside = memref.subview %padded[0, 0, 1, 1] [2, 3, 8, 8] [1, 1, 1, 1] : memref<2x3x10x10xf32> to memref<2x3x8x8xf32, strided<[300, 100, 10, 1], offset: 11>>
  memref.copy %x, %inside : memref<2x3x8x8xf32> to memref<2x3x8x8xf32, strided<[300, 100, 10, 1], offset: 11>>
  %out = memref.alloc() : memref<2x3x4x4xf32>
  linalg.fill ins(%zero : f32) outs(%out : memref<2x3x4x4xf32>)
  linalg.depthwise_conv_2d_nchw_chw {dilations = dense<1> : tensor<2xi64>, strides = dense<2> : tensor<2xi64>}
      ins(%padded, %w : memref<2x3x10x10xf32>, memref<3x3x3xf32>) outs(%out : memref<2x3x4x4xf32>)
  linalg.generic {indexing_maps = [#id, #channel, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%out, %bias : memref<2x3x4x4xf32>, memref<3xf32>) outs(%out : memref<2x3x4x4xf32>) {
  ^bb0(%in: f32, %b: f32, %o: f32):
    %sum = arith.addf %in, %b : f32
    linalg.yield %sum : f32
  }
  return %out : memref<2x3x4x4xf32>
}

// -----

// The image is written again before its border is read: the border stays.
// CHECK-LABEL: func.func @border_stays
// CHECK: memref.copy
// CHECK: vector.load %alloc{{.*}} : memref<1x3x6x6xf32>
func.func @border_stays(%x: memref<1x3x4x4xf32>, %w: memref<3x3x3xf32>, %out: memref<1x3x4x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %padded = memref.alloc() : memref<1x3x6x6xf32>
  linalg.fill ins(%zero : f32) outs(%padded : memref<1x3x6x6xf32>)
  %inside = memref.subview %padded[0, 0, 1, 1] [1, 3, 4, 4] [1, 1, 1, 1] : memref<1x3x6x6xf32> to memref<1x3x4x4xf32, strided<[108, 36, 6, 1], offset: 7>>
  memref.copy %x, %inside : memref<1x3x4x4xf32> to memref<1x3x4x4xf32, strided<[108, 36, 6, 1], offset: 7>>
  linalg.fill ins(%zero : f32) outs(%x : memref<1x3x4x4xf32>)
  linalg.fill ins(%zero : f32) outs(%out : memref<1x3x4x4xf32>)
  linalg.depthwise_conv_2d_nchw_chw {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%padded, %w : memref<1x3x6x6xf32>, memref<3x3x3xf32>) outs(%out : memref<1x3x4x4xf32>)
  return
}

// -----

// A window of one pixel with channels second is a product over all pixels.
// CHECK-LABEL: func.func @pointwise
// CHECK: %[[OUT:.*]] = memref.alloc() : memref<2x5x196xf32>
// CHECK: %[[VIEW:.*]] = memref.expand_shape %[[OUT]]
// CHECK: linalg.fill {{.*}} outs(%[[OUT]] : memref<2x5x196xf32>)
// CHECK: linalg.generic {{.*}} ins(%arg1, %{{.*}} : memref<5x3x1x1xf32>, memref<2x3x196xf32>) outs(%[[OUT]] : memref<2x5x196xf32>)
// CHECK: return %[[VIEW]]
func.func @pointwise(%x: memref<2x3x14x14xf32>, %w: memref<5x3x1x1xf32>) -> memref<2x5x14x14xf32> {
  %zero = arith.constant 0.0 : f32
  %out = memref.alloc() : memref<2x5x14x14xf32>
  linalg.fill ins(%zero : f32) outs(%out : memref<2x5x14x14xf32>)
  linalg.conv_2d_nchw_fchw {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%x, %w : memref<2x3x14x14xf32>, memref<5x3x1x1xf32>) outs(%out : memref<2x5x14x14xf32>)
  return %out : memref<2x5x14x14xf32>
}

// Rows of a view that do not follow each other are lanes of their own.
// CHECK-LABEL: func.func @pointwise_view
// CHECK: linalg.generic {{.*}} ins(%arg1, %arg0 : memref<5x3x1x1xf32>, memref<2x3x14x14xf32, strided<{{.*}}>>) outs(%{{.*}} : memref<2x5x14x14xf32>)
func.func @pointwise_view(%x: memref<2x3x14x14xf32, strided<[720, 240, 16, 1]>>, %w: memref<5x3x1x1xf32>) -> memref<2x5x14x14xf32> {
  %zero = arith.constant 0.0 : f32
  %out = memref.alloc() : memref<2x5x14x14xf32>
  linalg.fill ins(%zero : f32) outs(%out : memref<2x5x14x14xf32>)
  linalg.conv_2d_nchw_fchw {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%x, %w : memref<2x3x14x14xf32, strided<[720, 240, 16, 1]>>, memref<5x3x1x1xf32>) outs(%out : memref<2x5x14x14xf32>)
  return %out : memref<2x5x14x14xf32>
}

// Not with a stride: pixels that count do not follow each other.
// CHECK-LABEL: func.func @pointwise_strided
// CHECK: linalg.conv_2d_nchw_fchw
func.func @pointwise_strided(%x: memref<2x3x13x13xf32>, %w: memref<5x3x1x1xf32>) -> memref<2x5x7x7xf32> {
  %zero = arith.constant 0.0 : f32
  %out = memref.alloc() : memref<2x5x7x7xf32>
  linalg.fill ins(%zero : f32) outs(%out : memref<2x5x7x7xf32>)
  linalg.conv_2d_nchw_fchw {dilations = dense<1> : tensor<2xi64>, strides = dense<2> : tensor<2xi64>}
      ins(%x, %w : memref<2x3x13x13xf32>, memref<5x3x1x1xf32>) outs(%out : memref<2x5x7x7xf32>)
  return %out : memref<2x5x7x7xf32>
}

// -----

// A copy overwrites the middle before anybody reads it: the border alone is filled.
// CHECK-LABEL: func.func @border_alone
// CHECK-NOT: linalg.fill {{.*}} outs(%{{.*}} : memref<1x5x6x2xf32>)
// CHECK-COUNT-2: linalg.fill {{.*}} : memref<1x1x6x2xf32
// CHECK-COUNT-2: linalg.fill {{.*}} : memref<1x3x1x2xf32
// CHECK-NOT: linalg.fill
// CHECK: memref.copy
func.func @border_alone(%x: memref<1x3x4x2xf32>) -> memref<1x5x6x2xf32> {
  %zero = arith.constant 0.0 : f32
  %out = memref.alloc() : memref<1x5x6x2xf32>
  linalg.fill ins(%zero : f32) outs(%out : memref<1x5x6x2xf32>)
  %inside = memref.subview %out[0, 1, 1, 0] [1, 3, 4, 2] [1, 1, 1, 1] : memref<1x5x6x2xf32> to memref<1x3x4x2xf32, strided<[60, 12, 2, 1], offset: 14>>
  memref.copy %x, %inside : memref<1x3x4x2xf32> to memref<1x3x4x2xf32, strided<[60, 12, 2, 1], offset: 14>>
  return %out : memref<1x5x6x2xf32>
}

// The middle is read first: all of it is filled.
// CHECK-LABEL: func.func @read_before
// CHECK: linalg.fill {{.*}} outs(%{{.*}} : memref<1x5x6x2xf32>)
func.func @read_before(%x: memref<1x3x4x2xf32>, %y: memref<1x3x4x2xf32>) -> memref<1x5x6x2xf32> {
  %zero = arith.constant 0.0 : f32
  %out = memref.alloc() : memref<1x5x6x2xf32>
  linalg.fill ins(%zero : f32) outs(%out : memref<1x5x6x2xf32>)
  %inside = memref.subview %out[0, 1, 1, 0] [1, 3, 4, 2] [1, 1, 1, 1] : memref<1x5x6x2xf32> to memref<1x3x4x2xf32, strided<[60, 12, 2, 1], offset: 14>>
  memref.copy %inside, %y : memref<1x3x4x2xf32, strided<[60, 12, 2, 1], offset: 14>> to memref<1x3x4x2xf32>
  memref.copy %x, %inside : memref<1x3x4x2xf32> to memref<1x3x4x2xf32, strided<[60, 12, 2, 1], offset: 14>>
  return %out : memref<1x5x6x2xf32>
}

// What a loop fills may be read behind the loop, and by the next iteration: all of it is filled.
// CHECK-LABEL: func.func @filled_in_a_loop
// CHECK: scf.for
// CHECK-NEXT: linalg.fill {{.*}} outs(%{{.*}} : memref<1x5x6x2xf32>)
func.func @filled_in_a_loop(%x: memref<1x3x4x2xf32>, %count: index) -> memref<1x5x6x2xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %out = memref.alloc() : memref<1x5x6x2xf32>
  scf.for %i = %c0 to %count step %c1 {
    linalg.fill ins(%zero : f32) outs(%out : memref<1x5x6x2xf32>)
    %inside = memref.subview %out[0, 1, 1, 0] [1, 3, 4, 2] [1, 1, 1, 1] : memref<1x5x6x2xf32> to memref<1x3x4x2xf32, strided<[60, 12, 2, 1], offset: 14>>
    memref.copy %x, %inside : memref<1x3x4x2xf32> to memref<1x3x4x2xf32, strided<[60, 12, 2, 1], offset: 14>>
  }
  return %out : memref<1x5x6x2xf32>
}

// -----

// A loop writes buffers that were made outside of it and are read there: the result is stored, and what follows it
// stays as it is.
// CHECK-LABEL: func.func @inside_a_loop
// CHECK: scf.for
// CHECK: scf.parallel
// CHECK: linalg.generic
// CHECK: memref.copy
func.func @inside_a_loop(%x: memref<1x4x4x8xf32>, %window: memref<1x1xf32>, %count: index) -> (memref<1x4x4x8xf32>, memref<1x6x6x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %out = memref.alloc() : memref<1x4x4x8xf32>
  %relued = memref.alloc() : memref<1x4x4x8xf32>
  %padded = memref.alloc() : memref<1x6x6x8xf32>
  scf.for %i = %c0 to %count step %c1 {
    linalg.fill ins(%zero : f32) outs(%out : memref<1x4x4x8xf32>)
    linalg.pooling_nhwc_sum {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
        ins(%x, %window : memref<1x4x4x8xf32>, memref<1x1xf32>) outs(%out : memref<1x4x4x8xf32>)
    linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, h, w, c)>, affine_map<(n, h, w, c) -> (n, h, w, c)>],
        iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%out : memref<1x4x4x8xf32>) outs(%relued : memref<1x4x4x8xf32>) {
    ^bb0(%in: f32, %o: f32):
      %relu = arith.maximumf %in, %zero : f32
      linalg.yield %relu : f32
    }
    %inside = memref.subview %padded[0, 1, 1, 0] [1, 4, 4, 8] [1, 1, 1, 1] : memref<1x6x6x8xf32> to memref<1x4x4x8xf32, strided<[288, 48, 8, 1], offset: 56>>
    memref.copy %relued, %inside : memref<1x4x4x8xf32> to memref<1x4x4x8xf32, strided<[288, 48, 8, 1], offset: 56>>
  }
  return %out, %padded : memref<1x4x4x8xf32>, memref<1x6x6x8xf32>
}

// -----

// Narrow operands are extended as they are loaded; the largest of bf16 is found in f32.
// CHECK-LABEL: func.func @narrow
// CHECK: arith.extf {{.*}} : vector<8xbf16> to vector<8xf32>
// CHECK: vector.fma {{.*}} : vector<8xf32>
// CHECK: arith.maximumf {{.*}} : vector<8xf32>
// CHECK: arith.truncf {{.*}} : vector<8xf32> to vector<8xbf16>
func.func @narrow(%x: memref<1x6x6x8xbf16>, %w: memref<3x3x8xbf16>, %out: memref<1x4x4x8xf32>, %v: memref<3x3xbf16>, %low: memref<1x4x4x8xbf16>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%out : memref<1x4x4x8xf32>)
  linalg.depthwise_conv_2d_nhwc_hwc {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%x, %w : memref<1x6x6x8xbf16>, memref<3x3x8xbf16>) outs(%out : memref<1x4x4x8xf32>)
  %least = arith.constant 0xFF80 : bf16
  linalg.fill ins(%least : bf16) outs(%low : memref<1x4x4x8xbf16>)
  linalg.pooling_nhwc_max {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%x, %v : memref<1x6x6x8xbf16>, memref<3x3xbf16>) outs(%low : memref<1x4x4x8xbf16>)
  return
}
