// RUN: stepwell-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<2x4x!numeric.fixed<8, 4, "signed">>) {
  // expected-error @below {{has function 'sine'; it is one of erf, exp, gelu, gelu-tanh, hardsigmoid, hardswish, mish, sigmoid, silu, softplus, tanh, elu with 3 behind a colon, leaky-relu with 1 behind a colon}}
  %0 = "numeric.table"(%x) {function = "sine", rounding = "floor"} : (tensor<2x4x!numeric.fixed<8, 4, "signed">>) -> tensor<2x4x!numeric.fixed<8, 4, "signed">>
  return
}

// -----

func.func @f(%x: tensor<2x4x!numeric.fixed<17, 4, "signed">>) {
  // expected-error @below {{has an operand of 17 bits; functions have up to 16: cast first}}
  %0 = "numeric.table"(%x) {function = "exp", rounding = "floor"} : (tensor<2x4x!numeric.fixed<17, 4, "signed">>) -> tensor<2x4x!numeric.fixed<8, 4, "signed">>
  return
}

// -----

func.func @f(%x: tensor<2x4x!numeric.fixed<16, 4, "signed">>) {
  // expected-error @below {{has a result of 33 bits; between entries of a table it has 32}}
  %0 = "numeric.table"(%x) {function = "exp", rounding = "floor"} : (tensor<2x4x!numeric.fixed<16, 4, "signed">>) -> tensor<2x4x!numeric.fixed<33, 4, "signed">>
  return
}

// -----

func.func @f(%x: tensor<2x4x!numeric.fixed<8, 4, "signed">>) {
  // expected-error @below {{has function 'leaky-relu:steep'; it is one of}}
  %0 = "numeric.table"(%x) {function = "leaky-relu:steep", rounding = "floor"} : (tensor<2x4x!numeric.fixed<8, 4, "signed">>) -> tensor<2x4x!numeric.fixed<8, 4, "signed">>
  return
}

// -----

func.func @f(%x: tensor<2x4x!numeric.fixed<8, 4, "signed">>) {
  // expected-error @below {{has rounding 'nearest'; it is one of}}
  %0 = "numeric.table"(%x) {function = "exp", rounding = "nearest"} : (tensor<2x4x!numeric.fixed<8, 4, "signed">>) -> tensor<2x4x!numeric.fixed<8, 4, "signed">>
  return
}

// -----

func.func @f(%x: tensor<2x4x!numeric.fixed<8, 4, "signed">>) {
  // expected-error @below {{changes the shape of its operand}}
  %0 = "numeric.table"(%x) {function = "exp", rounding = "floor"} : (tensor<2x4x!numeric.fixed<8, 4, "signed">>) -> tensor<4x2x!numeric.fixed<8, 4, "signed">>
  return
}

// -----

func.func @f(%x: tensor<2x4x!numeric.fixed<8, 4, "signed">>) {
  // expected-error @below {{has precision 5; it is 6 to 24}}
  %0 = "numeric.softmax"(%x) {precision = 5, rounding = "floor"} : (tensor<2x4x!numeric.fixed<8, 4, "signed">>) -> tensor<2x4x!numeric.fixed<8, 8, "unsigned">>
  return
}

// -----

func.func @f(%x: tensor<2x?x!numeric.fixed<8, 4, "signed">>) {
  // expected-error @below {{works on rows: the last dimension, whose size is static and not 0}}
  %0 = "numeric.softmax"(%x) {precision = 11, rounding = "floor"} : (tensor<2x?x!numeric.fixed<8, 4, "signed">>) -> tensor<2x?x!numeric.fixed<8, 8, "unsigned">>
  return
}

// -----

func.func @f(%x: tensor<2x4x!numeric.fixed<16, 11, "signed">>) {
  // expected-error @below {{has an operand of signed 16 bits, 11 of them fraction, whose exponentials are a table of more than 12 bits: cast first}}
  %0 = "numeric.softmax"(%x) {precision = 11, rounding = "floor"} : (tensor<2x4x!numeric.fixed<16, 11, "signed">>) -> tensor<2x4x!numeric.fixed<8, 8, "unsigned">>
  return
}

// -----

func.func @f(%x: tensor<2x4x!numeric.fixed<8, 4, "signed">>) {
  // expected-error @below {{gives 15 bits of fraction; this precision makes up to 14}}
  %0 = "numeric.softmax"(%x) {precision = 6, rounding = "floor"} : (tensor<2x4x!numeric.fixed<8, 4, "signed">>) -> tensor<2x4x!numeric.fixed<16, 15, "unsigned">>
  return
}

// -----

func.func @f(%x: tensor<2x4x!numeric.fixed<8, 4, "signed">>) {
  // expected-error @below {{has by 'range'; it is one of variance, mean-square}}
  %0 = "numeric.normalize"(%x) {by = "range", epsilon = 0.0 : f64, precision = 12, rounding = "floor"} : (tensor<2x4x!numeric.fixed<8, 4, "signed">>) -> tensor<2x4x!numeric.fixed<8, 5, "signed">>
  return
}

// -----

func.func @f(%x: tensor<2x4x!numeric.fixed<8, 4, "signed">>) {
  // expected-error @below {{has epsilon -1.0; it is a finite number that is not negative}}
  %0 = "numeric.normalize"(%x) {by = "variance", epsilon = -1.0 : f64, precision = 12, rounding = "floor"} : (tensor<2x4x!numeric.fixed<8, 4, "signed">>) -> tensor<2x4x!numeric.fixed<8, 5, "signed">>
  return
}

// -----

func.func @f(%x: tensor<2x4x!numeric.fixed<4, 4, "signed">>) {
  // expected-error @below {{gives 28 bits of fraction; this precision makes up to 11}}
  %0 = "numeric.normalize"(%x) {by = "variance", epsilon = 0.0 : f64, precision = 6, rounding = "floor"} : (tensor<2x4x!numeric.fixed<4, 4, "signed">>) -> tensor<2x4x!numeric.fixed<32, 28, "signed">>
  return
}

// -----

func.func @f(%x: tensor<2x3x4x!numeric.fixed<8, 0, "signed">>, %y: tensor<3x4x5x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{has matrices [2] on the left and [3] on the right; there must be as many}}
  %0 = "numeric.matmul"(%x, %y) : (tensor<2x3x4x!numeric.fixed<8, 0, "signed">>, tensor<3x4x5x!numeric.fixed<8, 0, "signed">>) -> tensor<2x3x5x!numeric.fixed<18, 0, "signed">>
  return
}
