// RUN: stepwell-opt %s --lower-tm-tensor --verify-diagnostics

func.func @main(%q: tensor<2x5x4xi32>) -> tensor<2x5x4xi32> {
  // expected-error @below {{attention on i32 elements is not defined}}
  %0 = tm_tensor.attention ins(%q, %q, %q : tensor<2x5x4xi32>, tensor<2x5x4xi32>, tensor<2x5x4xi32>) outs(%q : tensor<2x5x4xi32>) -> tensor<2x5x4xi32>
  return %0 : tensor<2x5x4xi32>
}
