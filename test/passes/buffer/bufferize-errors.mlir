// RUN: stepwell-opt %s --bufferize --split-input-file --verify-diagnostics

// expected-error @below {{function 'main' has 3 blocks; passes at this level take one}}
func.func @main(%x: tensor<4xf32>, %condition: i1) -> tensor<4xf32> {
  cf.cond_br %condition, ^left, ^right
^left:
  return %x : tensor<4xf32>
^right:
  return %x : tensor<4xf32>
}

// -----

// expected-error @below {{result 0 of 'main' is the state 'b', which is not an argument}}
func.func @main(%a: tensor<4xf32> {stepwell.state = "a"}) -> (tensor<4xf32> {stepwell.state = "b"}) {
  return %a : tensor<4xf32>
}

// -----

// expected-error @below {{argument 'x' of 'main' has no rank}}
func.func @main(%x: tensor<*xf32> {stepwell.input = "x"}) {
  return
}
