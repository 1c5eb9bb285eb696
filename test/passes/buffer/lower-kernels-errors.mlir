// RUN: stepwell-opt %s --lower-kernels --split-input-file --verify-diagnostics

func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{the host side of a GPU program can't hold linalg.generic}}
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%x : tensor<8xf32>) {
    ^bb0(%o: f32):
      linalg.yield %o : f32
  } -> tensor<8xf32>
  return %r : tensor<8xf32>
}

// -----

func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %0 = call @points_0(%x, %e) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
func.func private @points_0(%x: tensor<?xf32>, %to: tensor<?xf32>) -> tensor<?xf32> attributes {stepwell.kernel = "points"} {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1.0 : f32
  // expected-error @below {{a GPU kernel has no way to compute elements of 'tensor.insert'}}
  %r = tensor.insert %one into %x[%c0] : tensor<?xf32>
  return %r : tensor<?xf32>
}

// -----

#row = affine_map<(i) -> (i)>

func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %0 = call @sequential_0(%x, %e) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
func.func private @sequential_0(%x: tensor<?xf32>, %to: tensor<?xf32>) -> tensor<?xf32> attributes {stepwell.kernel = "sequential"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%t = %x) -> tensor<?xf32> {
    // expected-error @below {{a loop over whole tensors needs memory of a size that is not known}}
    %e = tensor.empty(%i) : tensor<?xf32>
    %s = tensor.extract_slice %x[0] [%i] [1] : tensor<?xf32> to tensor<?xf32>
    %v = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel"]}
        ins(%s : tensor<?xf32>) outs(%e : tensor<?xf32>) {
      ^bb0(%a: f32, %o: f32):
        %0 = math.exp %a : f32
        linalg.yield %0 : f32
    } -> tensor<?xf32>
    %j = tensor.insert_slice %v into %t[0] [%i] [1] : tensor<?xf32> into tensor<?xf32>
    %k = tensor.insert_slice %v into %j[1] [%i] [1] : tensor<?xf32> into tensor<?xf32>
    scf.yield %k : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}
