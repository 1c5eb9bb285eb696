// RUN: stepwell-opt %s --place-parameters --split-input-file --verify-diagnostics

// expected-error @below {{parameter 'w' has type tensor<4xf32>; a parameter is a memref of static shape}}
func.func @main(%w: tensor<4xf32> {stepwell.parameter = "w"}) {
  return
}

// -----

// expected-error @below {{parameter 'w' has type memref<?xf32>; a parameter is a memref of static shape}}
func.func @main(%w: memref<?xf32> {stepwell.parameter = "w"}) {
  return
}

// -----

func.func @main(%w: memref<4xf32> {stepwell.parameter = "w"}) {
  return
}
// expected-error @below {{parameter 'w' is memref<4xf32> in one entry and memref<2x2xf32> in 'other'}}
func.func @other(%w: memref<2x2xf32> {stepwell.parameter = "w"}) {
  return
}
