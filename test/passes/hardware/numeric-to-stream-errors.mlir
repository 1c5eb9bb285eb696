// RUN: stepwell-opt %s --split-input-file --verify-diagnostics --numeric-to-stream

// Floating-point operators stay outside of hardware; all are named at once, those on weights alone are none.
func.func @main(%x: !torch.vtensor<[2,2],f32> {stepwell.input = "x"}, %w: !torch.vtensor<[2,2],f32> {stepwell.parameter = "w"}) -> !torch.vtensor<[2,2],f32> {
  %n = torch.aten.neg %w : !torch.vtensor<[2,2],f32> -> !torch.vtensor<[2,2],f32>
  // expected-error@+1 {{no hardware for: aten.tanh (2, first at}}
  %t = torch.aten.tanh %x : !torch.vtensor<[2,2],f32> -> !torch.vtensor<[2,2],f32>
  %u = torch.aten.tanh %t : !torch.vtensor<[2,2],f32> -> !torch.vtensor<[2,2],f32>
  %v = torch.aten.sigmoid %u : !torch.vtensor<[2,2],f32> -> !torch.vtensor<[2,2],f32>
  return %v : !torch.vtensor<[2,2],f32>
}

// -----

func.func @main(%x: !torch.vtensor<[2,2],f32> {stepwell.input = "x"}, %y: !torch.vtensor<[2,2],f32> {stepwell.parameter = "y"}) -> !torch.vtensor<[2,2],f32> {
  %xf = torch_c.to_builtin_tensor %x : !torch.vtensor<[2,2],f32> -> tensor<2x2xf32>
  %xq = "numeric.quantize"(%xf) {rounding = "floor", overflow = "saturate"} : (tensor<2x2xf32>) -> tensor<2x2x!numeric.fixed<4, 2, "signed">>
  %yf = torch_c.to_builtin_tensor %y : !torch.vtensor<[2,2],f32> -> tensor<2x2xf32>
  %yq = "numeric.quantize"(%yf) {rounding = "floor", overflow = "saturate"} : (tensor<2x2xf32>) -> tensor<2x2x!numeric.fixed<4, 2, "signed">>
  // expected-error@+1 {{no hardware for 'numeric.matmul': a weight must be its second operand, and that alone}}
  %p = "numeric.matmul"(%yq, %xq) : (tensor<2x2x!numeric.fixed<4, 2, "signed">>, tensor<2x2x!numeric.fixed<4, 2, "signed">>) -> tensor<2x2x!numeric.fixed<9, 4, "signed">>
  %f = "numeric.dequantize"(%p) : (tensor<2x2x!numeric.fixed<9, 4, "signed">>) -> tensor<2x2xf32>
  %r = torch_c.from_builtin_tensor %f : tensor<2x2xf32> -> !torch.vtensor<[2,2],f32>
  return %r : !torch.vtensor<[2,2],f32>
}

// -----

// A weight that is read element by element streams in the order in which it is stored.
func.func @main(%x: !torch.vtensor<[2,2],f32> {stepwell.input = "x"}, %w: !torch.vtensor<[2,2],f32> {stepwell.parameter = "w"}) -> !torch.vtensor<[2,2],f32> {
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %xf = torch_c.to_builtin_tensor %x : !torch.vtensor<[2,2],f32> -> tensor<2x2xf32>
  %xq = "numeric.quantize"(%xf) {rounding = "floor", overflow = "saturate"} : (tensor<2x2xf32>) -> tensor<2x2x!numeric.fixed<4, 2, "signed">>
  %wt = torch.aten.transpose.int %w, %0, %1 : !torch.vtensor<[2,2],f32>, !torch.int, !torch.int -> !torch.vtensor<[2,2],f32>
  %wf = torch_c.to_builtin_tensor %wt : !torch.vtensor<[2,2],f32> -> tensor<2x2xf32>
  %wq = "numeric.quantize"(%wf) {rounding = "floor", overflow = "saturate"} : (tensor<2x2xf32>) -> tensor<2x2x!numeric.fixed<4, 2, "signed">>
  // expected-error@+1 {{no hardware for 'numeric.add': it computes with a transposed weight, element by element}}
  %s = "numeric.add"(%xq, %wq) : (tensor<2x2x!numeric.fixed<4, 2, "signed">>, tensor<2x2x!numeric.fixed<4, 2, "signed">>) -> tensor<2x2x!numeric.fixed<5, 2, "signed">>
  %f = "numeric.dequantize"(%s) : (tensor<2x2x!numeric.fixed<5, 2, "signed">>) -> tensor<2x2xf32>
  %r = torch_c.from_builtin_tensor %f : tensor<2x2xf32> -> !torch.vtensor<[2,2],f32>
  return %r : !torch.vtensor<[2,2],f32>
}

// -----

// An input arrives once, in one format.
func.func @main(%x: !torch.vtensor<[2,2],f32> {stepwell.input = "x"}) -> !torch.vtensor<[2,2],f32> {
  %xf = torch_c.to_builtin_tensor %x : !torch.vtensor<[2,2],f32> -> tensor<2x2xf32>
  %xq = "numeric.quantize"(%xf) {rounding = "floor", overflow = "saturate"} : (tensor<2x2xf32>) -> tensor<2x2x!numeric.fixed<4, 2, "signed">>
  // expected-error@+1 {{no hardware for 'numeric.quantize': another operation quantises this input in another way}}
  %yq = "numeric.quantize"(%xf) {rounding = "floor", overflow = "saturate"} : (tensor<2x2xf32>) -> tensor<2x2x!numeric.fixed<5, 2, "signed">>
  %s = "numeric.multiply"(%xq, %yq) : (tensor<2x2x!numeric.fixed<4, 2, "signed">>, tensor<2x2x!numeric.fixed<5, 2, "signed">>) -> tensor<2x2x!numeric.fixed<9, 4, "signed">>
  %f = "numeric.dequantize"(%s) : (tensor<2x2x!numeric.fixed<9, 4, "signed">>) -> tensor<2x2xf32>
  %r = torch_c.from_builtin_tensor %f : tensor<2x2xf32> -> !torch.vtensor<[2,2],f32>
  return %r : !torch.vtensor<[2,2],f32>
}

// -----

func.func @main(%x: !torch.vtensor<[?,2],f32> {stepwell.input = "x"}) -> !torch.vtensor<[?,2],f32> {
  %xf = torch_c.to_builtin_tensor %x : !torch.vtensor<[?,2],f32> -> tensor<?x2xf32>
  // expected-error@+1 {{no hardware for 'numeric.quantize': its shape}}
  %xq = "numeric.quantize"(%xf) {rounding = "floor", overflow = "saturate"} : (tensor<?x2xf32>) -> tensor<?x2x!numeric.fixed<4, 2, "signed">>
  %f = "numeric.dequantize"(%xq) : (tensor<?x2x!numeric.fixed<4, 2, "signed">>) -> tensor<?x2xf32>
  %r = torch_c.from_builtin_tensor %f : tensor<?x2xf32> -> !torch.vtensor<[?,2],f32>
  return %r : !torch.vtensor<[?,2],f32>
}

// -----

func.func @main(%x: !torch.vtensor<[2,0],f32> {stepwell.input = "x"}) -> !torch.vtensor<[2,0],f32> {
  %xf = torch_c.to_builtin_tensor %x : !torch.vtensor<[2,0],f32> -> tensor<2x0xf32>
  // expected-error@+1 {{no hardware for 'numeric.quantize': a frame of shape [2, 0] has no elements}}
  %xq = "numeric.quantize"(%xf) {rounding = "floor", overflow = "saturate"} : (tensor<2x0xf32>) -> tensor<2x0x!numeric.fixed<4, 2, "signed">>
  %f = "numeric.dequantize"(%xq) : (tensor<2x0x!numeric.fixed<4, 2, "signed">>) -> tensor<2x0xf32>
  %r = torch_c.from_builtin_tensor %f : tensor<2x0xf32> -> !torch.vtensor<[2,0],f32>
  return %r : !torch.vtensor<[2,0],f32>
}

// -----

func.func @main(%x: !torch.vtensor<[2,2],f32> {stepwell.input = "x"}) -> !torch.vtensor<[2,2],f32> {
  %xf = torch_c.to_builtin_tensor %x : !torch.vtensor<[2,2],f32> -> tensor<2x2xf32>
  // expected-error@+1 {{no hardware for 'numeric.quantize': its integers have 65 bits, hardware has 64}}
  %xq = "numeric.quantize"(%xf) {rounding = "floor", overflow = "saturate"} : (tensor<2x2xf32>) -> tensor<2x2x!numeric.fixed<64, 2, "unsigned">>
  %f = "numeric.dequantize"(%xq) : (tensor<2x2x!numeric.fixed<64, 2, "unsigned">>) -> tensor<2x2xf32>
  %r = torch_c.from_builtin_tensor %f : tensor<2x2xf32> -> !torch.vtensor<[2,2],f32>
  return %r : !torch.vtensor<[2,2],f32>
}

// -----

// What wraps keeps bits; an element with a sign could not hold them as an unsigned number.
func.func @main(%x: !torch.vtensor<[2,2],f32> {stepwell.input = "x"}) -> !torch.vtensor<[2,2],f32> {
  %xf = torch_c.to_builtin_tensor %x : !torch.vtensor<[2,2],f32> -> tensor<2x2xf32>
  %xq = "numeric.quantize"(%xf) {rounding = "floor", overflow = "saturate"} : (tensor<2x2xf32>) -> tensor<2x2x!numeric.fixed<8, 2, "signed">>
  // expected-error@+1 {{no hardware for 'numeric.cast': it wraps to a format without sign}}
  %c = "numeric.cast"(%xq) {rounding = "floor", overflow = "wrap"} : (tensor<2x2x!numeric.fixed<8, 2, "signed">>) -> tensor<2x2x!numeric.fixed<4, 2, "unsigned">>
  %f = "numeric.dequantize"(%c) : (tensor<2x2x!numeric.fixed<4, 2, "unsigned">>) -> tensor<2x2xf32>
  %r = torch_c.from_builtin_tensor %f : tensor<2x2xf32> -> !torch.vtensor<[2,2],f32>
  return %r : !torch.vtensor<[2,2],f32>
}

// -----

func.func @main(%x: !torch.vtensor<[2,2],f32> {stepwell.input = "x"}) -> !torch.vtensor<[2,2],f32> {
  %xf = torch_c.to_builtin_tensor %x : !torch.vtensor<[2,2],f32> -> tensor<2x2xf32>
  %xq = "numeric.quantize"(%xf) {rounding = "floor", overflow = "saturate"} : (tensor<2x2xf32>) -> tensor<2x2x!numeric.fixed<8, 2, "signed">>
  // expected-error@+1 {{no hardware for 'numeric.reinterpret': it changes the sign of numbers}}
  %c = "numeric.reinterpret"(%xq) : (tensor<2x2x!numeric.fixed<8, 2, "signed">>) -> tensor<2x2x!numeric.fixed<8, 4, "unsigned">>
  %f = "numeric.dequantize"(%c) : (tensor<2x2x!numeric.fixed<8, 4, "unsigned">>) -> tensor<2x2xf32>
  %r = torch_c.from_builtin_tensor %f : tensor<2x2xf32> -> !torch.vtensor<[2,2],f32>
  return %r : !torch.vtensor<[2,2],f32>
}

// -----

// A weight by itself is no result of hardware.
func.func @main(%w: !torch.vtensor<[2,2],f32> {stepwell.parameter = "w"}) -> !torch.vtensor<[2,2],f32> {
  // expected-error@+1 {{result '0' is not computed by fixed-point operations}}
  return %w : !torch.vtensor<[2,2],f32>
}

// -----

// An image meets no weight element by element.
func.func @main(%x: !torch.vtensor<[1,2,3,3],f32> {stepwell.input = "x"}, %w: !torch.vtensor<[1,2,1,1],f32> {stepwell.parameter = "w"}) -> !torch.vtensor<[1,2,1,1],f32> {
  %xf = torch_c.to_builtin_tensor %x : !torch.vtensor<[1,2,3,3],f32> -> tensor<1x2x3x3xf32>
  %xq = "numeric.quantize"(%xf) {rounding = "floor", overflow = "saturate"} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3x!numeric.fixed<8, 8, "signed">>
  %m = "numeric.max_pool"(%xq) {kernel = [3, 3], strides = [3, 3], padding = [0, 0]} : (tensor<1x2x3x3x!numeric.fixed<8, 8, "signed">>) -> tensor<1x2x1x1x!numeric.fixed<8, 8, "signed">>
  %wf = torch_c.to_builtin_tensor %w : !torch.vtensor<[1,2,1,1],f32> -> tensor<1x2x1x1xf32>
  %wq = "numeric.quantize"(%wf) {rounding = "floor", overflow = "saturate"} : (tensor<1x2x1x1xf32>) -> tensor<1x2x1x1x!numeric.fixed<8, 8, "signed">>
  // expected-error@+1 {{no hardware for 'numeric.add': it computes with a weight that has not one number for each channel of images}}
  %a = "numeric.add"(%m, %wq) : (tensor<1x2x1x1x!numeric.fixed<8, 8, "signed">>, tensor<1x2x1x1x!numeric.fixed<8, 8, "signed">>) -> tensor<1x2x1x1x!numeric.fixed<9, 8, "signed">>
  %f = "numeric.dequantize"(%a) : (tensor<1x2x1x1x!numeric.fixed<9, 8, "signed">>) -> tensor<1x2x1x1xf32>
  %r = torch_c.from_builtin_tensor %f : tensor<1x2x1x1xf32> -> !torch.vtensor<[1,2,1,1],f32>
  return %r : !torch.vtensor<[1,2,1,1],f32>
}

// -----

// Volumes.
func.func @main(%x: !torch.vtensor<[1,2,2,2,2],f32> {stepwell.input = "x"}) -> !torch.vtensor<[1,2,1,1,1],f32> {
  %xf = torch_c.to_builtin_tensor %x : !torch.vtensor<[1,2,2,2,2],f32> -> tensor<1x2x2x2x2xf32>
  %xq = "numeric.quantize"(%xf) {rounding = "floor", overflow = "saturate"} : (tensor<1x2x2x2x2xf32>) -> tensor<1x2x2x2x2x!numeric.fixed<8, 8, "signed">>
  // expected-error@+1 {{no hardware for 'numeric.max_pool': its windows have 3 sizes}}
  %m = "numeric.max_pool"(%xq) {kernel = [2, 2, 2], strides = [2, 2, 2], padding = [0, 0, 0]} : (tensor<1x2x2x2x2x!numeric.fixed<8, 8, "signed">>) -> tensor<1x2x1x1x1x!numeric.fixed<8, 8, "signed">>
  %f = "numeric.dequantize"(%m) : (tensor<1x2x1x1x1x!numeric.fixed<8, 8, "signed">>) -> tensor<1x2x1x1x1xf32>
  %r = torch_c.from_builtin_tensor %f : tensor<1x2x1x1x1xf32> -> !torch.vtensor<[1,2,1,1,1],f32>
  return %r : !torch.vtensor<[1,2,1,1,1],f32>
}

// -----

// Both operands of a convolution come in.
func.func @main(%x: !torch.vtensor<[1,2,2,2],f32> {stepwell.input = "x"}, %w: !torch.vtensor<[1,2,1,1],f32> {stepwell.input = "w"}) -> !torch.vtensor<[1,1,2,2],f32> {
  %xf = torch_c.to_builtin_tensor %x : !torch.vtensor<[1,2,2,2],f32> -> tensor<1x2x2x2xf32>
  %xq = "numeric.quantize"(%xf) {rounding = "floor", overflow = "saturate"} : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2x!numeric.fixed<8, 8, "signed">>
  %wf = torch_c.to_builtin_tensor %w : !torch.vtensor<[1,2,1,1],f32> -> tensor<1x2x1x1xf32>
  %wq = "numeric.quantize"(%wf) {rounding = "floor", overflow = "saturate"} : (tensor<1x2x1x1xf32>) -> tensor<1x2x1x1x!numeric.fixed<8, 8, "signed">>
  // expected-error@+1 {{no hardware for 'numeric.convolution': its second operand, and that alone, must be a weight}}
  %c = "numeric.convolution"(%xq, %wq) {strides = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1 : i64} : (tensor<1x2x2x2x!numeric.fixed<8, 8, "signed">>, tensor<1x2x1x1x!numeric.fixed<8, 8, "signed">>) -> tensor<1x1x2x2x!numeric.fixed<17, 16, "signed">>
  %f = "numeric.dequantize"(%c) : (tensor<1x1x2x2x!numeric.fixed<17, 16, "signed">>) -> tensor<1x1x2x2xf32>
  %r = torch_c.from_builtin_tensor %f : tensor<1x1x2x2xf32> -> !torch.vtensor<[1,1,2,2],f32>
  return %r : !torch.vtensor<[1,1,2,2],f32>
}
