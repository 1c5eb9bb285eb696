// RUN: stepwell-opt %s --split-input-file --verify-diagnostics --linalg-to-stream

// Floats have no hardware; nothing is guessed.
func.func @main(%x: tensor<5x8xf32> {stepwell.input = "x"}, %w: tensor<8x8xf32> {stepwell.parameter = "w"}) -> tensor<5x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<5x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<5x8xf32>) -> tensor<5x8xf32>
  // expected-error@+1 {{no hardware for 'linalg.matmul': its elements are f32}}
  %p = linalg.matmul ins(%x, %w : tensor<5x8xf32>, tensor<8x8xf32>) outs(%f : tensor<5x8xf32>) -> tensor<5x8xf32>
  return %p : tensor<5x8xf32>
}

// -----

func.func @main(%x: tensor<5x8xi8> {stepwell.input = "x"}, %w: tensor<8x8xi8> {stepwell.input = "w"}) -> tensor<5x8xi32> {
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<5x8xi32>
  %f = linalg.fill ins(%zero : i32) outs(%e : tensor<5x8xi32>) -> tensor<5x8xi32>
  // expected-error@+1 {{no hardware for 'linalg.matmul': one operand must be a parameter of the model}}
  %p = linalg.matmul ins(%x, %w : tensor<5x8xi8>, tensor<8x8xi8>) outs(%f : tensor<5x8xi32>) -> tensor<5x8xi32>
  return %p : tensor<5x8xi32>
}

// -----

// An accumulation into something is no plain product.
func.func @main(%x: tensor<5x8xi8> {stepwell.input = "x"}, %w: tensor<8x8xi8> {stepwell.parameter = "w"}) -> tensor<5x8xi32> {
  %one = arith.constant 1 : i32
  %e = tensor.empty() : tensor<5x8xi32>
  %f = linalg.fill ins(%one : i32) outs(%e : tensor<5x8xi32>) -> tensor<5x8xi32>
  // expected-error@+1 {{it adds to a tensor that is not zero}}
  %p = linalg.matmul ins(%x, %w : tensor<5x8xi8>, tensor<8x8xi8>) outs(%f : tensor<5x8xi32>) -> tensor<5x8xi32>
  return %p : tensor<5x8xi32>
}

// -----

func.func @main(%x: tensor<?x8xi8> {stepwell.input = "x"}, %w: tensor<8x8xi8> {stepwell.parameter = "w"}, %f: tensor<?x8xi32>) -> tensor<?x8xi32> {
  // expected-error@+1 {{no hardware for: tensor.cast}}
  %p = tensor.cast %f : tensor<?x8xi32> to tensor<?x8xi32>
  return %p : tensor<?x8xi32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @main(%x: tensor<5x8xi8> {stepwell.input = "x"}, %w: tensor<8x8xi8> {stepwell.parameter = "w"}) -> tensor<5x8xi32> {
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<5x8xi32>
  %f = linalg.fill ins(%zero : i32) outs(%e : tensor<5x8xi32>) -> tensor<5x8xi32>
  %p = linalg.matmul ins(%x, %w : tensor<5x8xi8>, tensor<8x8xi8>) outs(%f : tensor<5x8xi32>) -> tensor<5x8xi32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<5x8xi32>) outs(%e : tensor<5x8xi32>) {
  ^bb0(%in: i32, %out: i32):
    // expected-error@+1 {{no hardware for 'arith.muli'}}
    %r = arith.muli %in, %in : i32
    linalg.yield %r : i32
  } -> tensor<5x8xi32>
  return %y : tensor<5x8xi32>
}

// -----

// Two shifts in a row are not one component's epilogue.
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @main(%x: tensor<5x8xi8> {stepwell.input = "x"}, %w: tensor<8x8xi8> {stepwell.parameter = "w"}) -> tensor<5x8xi32> {
  %zero = arith.constant 0 : i32
  %two = arith.constant 2 : i32
  %e = tensor.empty() : tensor<5x8xi32>
  %f = linalg.fill ins(%zero : i32) outs(%e : tensor<5x8xi32>) -> tensor<5x8xi32>
  %p = linalg.matmul ins(%x, %w : tensor<5x8xi8>, tensor<8x8xi8>) outs(%f : tensor<5x8xi32>) -> tensor<5x8xi32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<5x8xi32>) outs(%e : tensor<5x8xi32>) {
  ^bb0(%in: i32, %out: i32):
    %a = arith.shrsi %in, %two : i32
    // expected-error@+1 {{a second or late shift}}
    %r = arith.shrsi %a, %two : i32
    linalg.yield %r : i32
  } -> tensor<5x8xi32>
  return %y : tensor<5x8xi32>
}
