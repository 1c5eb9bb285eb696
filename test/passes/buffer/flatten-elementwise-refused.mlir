// RUN: stepwell-opt %s --flatten-elementwise --split-input-file --verify-diagnostics

func.func @reduction(%x: memref<4xf32>, %r: memref<f32>) {
  // expected-error @below {{an operation with a reduction is not elementwise}}
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
    ins(%x : memref<4xf32>) outs(%r : memref<f32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %o : f32
    linalg.yield %s : f32
  }
  return
}

// -----

func.func @window(%x: memref<8xf32>, %r: memref<4xf32>) {
  // expected-error @below {{is not elementwise}}
  linalg.generic {indexing_maps = [affine_map<(i) -> (2 * i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%x : memref<8xf32>) outs(%r : memref<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  }
  return
}

// -----

func.func @partial(%x: memref<8xf32>, %r: memref<4x8xf32>) {
  // expected-error @below {{a result that does not cover every loop is not elementwise}}
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>], iterator_types = ["parallel", "parallel"]}
    ins(%r : memref<4x8xf32>) outs(%x : memref<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  }
  return
}

// -----

func.func @named(%x: memref<4x4xf32>) {
  // expected-error @below {{linalg.matmul is no elementwise operation on buffers}}
  linalg.matmul ins(%x, %x : memref<4x4xf32>, memref<4x4xf32>) outs(%x : memref<4x4xf32>)
  return
}
