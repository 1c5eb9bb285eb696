// RUN: stepwell-opt %s --check-shapes=refuse=true --verify-diagnostics

func.func @narrow(%x: tensor<?x4xf32>) -> tensor<2x4xf32> {
  // expected-error @+1 {{a dynamic size is taken to be 2 (dimension 0)}}
  %0 = tensor.cast %x : tensor<?x4xf32> to tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}
