// RUN: stepwell-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<4xi8>) {
  // expected-error @below {{has an operand of i8; it must be of floating-point numbers}}
  %q = "numeric.quantize_scaled"(%x) {scale = 0.125 : f32, way = "divide", low = 0, high = 1} : (tensor<4xi8>) -> tensor<4x!numeric.fixed<9, 0, "signed">>
  return
}

// -----

func.func @f(%x: tensor<4xf32>) {
  // expected-error @below {{has scale 0.000000e+00 : f32; it is a positive finite f32}}
  %q = "numeric.quantize_scaled"(%x) {scale = 0.0 : f32, way = "divide", low = 0, high = 1} : (tensor<4xf32>) -> tensor<4x!numeric.fixed<9, 0, "signed">>
  return
}

// -----

func.func @f(%x: tensor<4xf32>) {
  // expected-error @below {{has scale 1.250000e-01 : f64; it is a positive finite f32}}
  %q = "numeric.quantize_scaled"(%x) {scale = 0.125 : f64, way = "divide", low = 0, high = 1} : (tensor<4xf32>) -> tensor<4x!numeric.fixed<9, 0, "signed">>
  return
}

// -----

func.func @f(%x: tensor<4xf32>) {
  // expected-error @below {{has way 'times'; it is one of divide, reciprocal}}
  %q = "numeric.quantize_scaled"(%x) {scale = 0.125 : f32, way = "times", low = 0, high = 1} : (tensor<4xf32>) -> tensor<4x!numeric.fixed<9, 0, "signed">>
  return
}

// -----

func.func @f(%x: tensor<4xf32>) {
  // expected-error @below {{has low 2 above high 1}}
  %q = "numeric.quantize_scaled"(%x) {scale = 0.125 : f32, way = "divide", low = 2, high = 1} : (tensor<4xf32>) -> tensor<4x!numeric.fixed<9, 0, "signed">>
  return
}

// -----

func.func @f(%x: tensor<4xf32>) {
  // expected-error @below {{has a result of signed 8 bits, 0 of them fraction, which can't hold every integer from low to high: -128 to 128}}
  %q = "numeric.quantize_scaled"(%x) {scale = 0.125 : f32, way = "divide", low = -128, high = 128} : (tensor<4xf32>) -> tensor<4x!numeric.fixed<8, 0, "signed">>
  return
}

// -----

func.func @f(%x: tensor<4x!numeric.fixed<8, 2, "signed">>) {
  // expected-error @below {{has 2 bits of fraction beside a scale; it has integers}}
  %f = "numeric.dequantize_scaled"(%x) {scale = 0.125 : f32} : (tensor<4x!numeric.fixed<8, 2, "signed">>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%x: tensor<4x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{gives f64; it gives f32}}
  %f = "numeric.dequantize_scaled"(%x) {scale = 0.125 : f32} : (tensor<4x!numeric.fixed<8, 0, "signed">>) -> tensor<4xf64>
  return
}

// -----

func.func @f(%x: tensor<4x!numeric.fixed<8, 2, "signed">>) {
  // expected-error @below {{has 2 and 1 bits of fraction; they must be equal: cast first}}
  %f = "numeric.clamp"(%x) {low = 0, high = 9} : (tensor<4x!numeric.fixed<8, 2, "signed">>) -> tensor<4x!numeric.fixed<8, 1, "signed">>
  return
}

// -----

func.func @f(%x: tensor<4x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{which can't hold every number from low to high: 0 to 127}}
  %f = "numeric.clamp"(%x) {low = 0, high = 500} : (tensor<4x!numeric.fixed<8, 0, "signed">>) -> tensor<4x!numeric.fixed<7, 0, "signed">>
  return
}
