// RUN: stepwell-opt %s --split-input-file --verify-diagnostics

func.func @f(%a0: tensor<4xi8>) {
  // expected-error @below {{'numeric.quantize' op has an operand of i8; it must be of floating-point numbers}}
  %0 = "numeric.quantize"(%a0) {rounding = "floor", overflow = "saturate"} : (tensor<4xi8>) -> tensor<4x!numeric.fixed<8, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<4xf32>) {
  // expected-error @below {{has a result of f32; it must be of fixed-point numbers}}
  %0 = "numeric.quantize"(%a0) {rounding = "floor", overflow = "saturate"} : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%a0: tensor<4xf32>) {
  // expected-error @below {{has rounding 'up'; it is one of floor, ceil, to-zero, half-up, half-even, half-away}}
  %0 = "numeric.quantize"(%a0) {rounding = "up", overflow = "wrap"} : (tensor<4xf32>) -> tensor<4x!numeric.fixed<8, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<4x!numeric.fixed<9, 0, "signed">>) {
  // expected-error @below {{has overflow 'trap'; it is one of saturate, wrap}}
  %0 = "numeric.cast"(%a0) {rounding = "floor", overflow = "trap"} : (tensor<4x!numeric.fixed<9, 0, "signed">>) -> tensor<4x!numeric.fixed<8, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<4xf32>) {
  // expected-error @below {{has a format of 0 bits; formats have 1 to 256}}
  %0 = "numeric.quantize"(%a0) {rounding = "floor", overflow = "saturate"} : (tensor<4xf32>) -> tensor<4x!numeric.fixed<0, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<4xf32>) {
  // expected-error @below {{has a format of 257 bits; formats have 1 to 256}}
  %0 = "numeric.quantize"(%a0) {rounding = "floor", overflow = "saturate"} : (tensor<4xf32>) -> tensor<4x!numeric.fixed<257, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<4xf32>) {
  // expected-error @below {{has a format with -300 bits of fraction; there are -256 to 256}}
  %0 = "numeric.quantize"(%a0) {rounding = "floor", overflow = "saturate"} : (tensor<4xf32>) -> tensor<4x!numeric.fixed<8, -300, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<4xf32>) {
  // expected-error @below {{has a format that is 'maybe'; formats are 'signed' or 'unsigned'}}
  %0 = "numeric.quantize"(%a0) {rounding = "floor", overflow = "saturate"} : (tensor<4xf32>) -> tensor<4x!numeric.fixed<8, 0, "maybe">>
  return
}

// -----

func.func @f(%a0: tensor<4xf32>) {
  // expected-error @below {{changes the shape of its operand}}
  %0 = "numeric.quantize"(%a0) {rounding = "floor", overflow = "saturate"} : (tensor<4xf32>) -> tensor<5x!numeric.fixed<8, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<4x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{gives f16; it gives f32 or f64}}
  %0 = "numeric.dequantize"(%a0) : (tensor<4x!numeric.fixed<8, 0, "signed">>) -> tensor<4xf16>
  return
}

// -----

func.func @f(%a0: tensor<4xf32>) {
  // expected-error @below {{has an operand of f32; it must be of fixed-point numbers}}
  %0 = "numeric.dequantize"(%a0) : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%a0: tensor<4x!numeric.fixed<9, 0, "signed">>) {
  // expected-error @below {{has multiplier 0; it is at least 1}}
  %0 = "numeric.requantize"(%a0) {multiplier = 0, shift = 1, rounding = "floor", overflow = "saturate"} : (tensor<4x!numeric.fixed<9, 0, "signed">>) -> tensor<4x!numeric.fixed<8, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<4x!numeric.fixed<9, 0, "signed">>) {
  // expected-error @below {{has shift 300; it is -256 to 256}}
  %0 = "numeric.requantize"(%a0) {multiplier = 1, shift = 300, rounding = "floor", overflow = "saturate"} : (tensor<4x!numeric.fixed<9, 0, "signed">>) -> tensor<4x!numeric.fixed<8, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<4x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{has 8 bits on one side and 16 on the other}}
  %0 = "numeric.reinterpret"(%a0) : (tensor<4x!numeric.fixed<8, 0, "signed">>) -> tensor<4xi16>
  return
}

// -----

func.func @f(%a0: tensor<4x!numeric.fixed<32, 0, "signed">>) {
  // expected-error @below {{has a result of f32; it takes fixed-point numbers and signless integers}}
  %0 = "numeric.reinterpret"(%a0) : (tensor<4x!numeric.fixed<32, 0, "signed">>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%a0: tensor<2x4x!numeric.fixed<8, 2, "signed">>, %a1: tensor<2x4x!numeric.fixed<8, 3, "signed">>) {
  // expected-error @below {{has 2, 3 and 3 bits of fraction; they must be equal: cast first}}
  %0 = "numeric.add"(%a0, %a1) : (tensor<2x4x!numeric.fixed<8, 2, "signed">>, tensor<2x4x!numeric.fixed<8, 3, "signed">>) -> tensor<2x4x!numeric.fixed<9, 3, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<2x4x!numeric.fixed<8, 2, "signed">>, %a1: tensor<2x4x!numeric.fixed<8, 2, "signed">>) {
  // expected-error @below {{has a result of signed 8 bits, 2 of them fraction, which can't hold every sum: -256 to 254}}
  %0 = "numeric.add"(%a0, %a1) : (tensor<2x4x!numeric.fixed<8, 2, "signed">>, tensor<2x4x!numeric.fixed<8, 2, "signed">>) -> tensor<2x4x!numeric.fixed<8, 2, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<2x4x!numeric.fixed<8, 0, "signed">>, %a1: tensor<2x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{has an operand 'right' of sizes [2], which do not repeat to [2, 4]}}
  %0 = "numeric.add"(%a0, %a1) : (tensor<2x4x!numeric.fixed<8, 0, "signed">>, tensor<2x!numeric.fixed<8, 0, "signed">>) -> tensor<2x4x!numeric.fixed<9, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<4x!numeric.fixed<8, 0, "signed">>, %a1: tensor<2x4x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{gives a tensor that has not the shape of 'left'}}
  %0 = "numeric.add"(%a0, %a1) : (tensor<4x!numeric.fixed<8, 0, "signed">>, tensor<2x4x!numeric.fixed<8, 0, "signed">>) -> tensor<2x4x!numeric.fixed<9, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<4x!numeric.fixed<8, 2, "signed">>, %a1: tensor<4x!numeric.fixed<8, 2, "signed">>) {
  // expected-error @below {{gives 3 bits of fraction; products of 2 and 2 have 4}}
  %0 = "numeric.multiply"(%a0, %a1) : (tensor<4x!numeric.fixed<8, 2, "signed">>, tensor<4x!numeric.fixed<8, 2, "signed">>) -> tensor<4x!numeric.fixed<16, 3, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<4x!numeric.fixed<8, 0, "signed">>, %a1: tensor<4x!numeric.fixed<8, 0, "unsigned">>) {
  // expected-error @below {{has a result of unsigned 16 bits, 0 of them fraction, which can't hold every product: -32640 to 32385}}
  %0 = "numeric.multiply"(%a0, %a1) : (tensor<4x!numeric.fixed<8, 0, "signed">>, tensor<4x!numeric.fixed<8, 0, "unsigned">>) -> tensor<4x!numeric.fixed<16, 0, "unsigned">>
  return
}

// -----

func.func @f(%a0: tensor<3x5x!numeric.fixed<8, 0, "signed">>, %a1: tensor<5x2x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{which can't hold every sum of 5 products: -81280 to 81920}}
  %0 = "numeric.matmul"(%a0, %a1) : (tensor<3x5x!numeric.fixed<8, 0, "signed">>, tensor<5x2x!numeric.fixed<8, 0, "signed">>) -> tensor<3x2x!numeric.fixed<17, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<3x5x!numeric.fixed<8, 0, "signed">>, %a1: tensor<6x2x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{needs one static inner size: the columns of 'left' and the rows of 'right'}}
  %0 = "numeric.matmul"(%a0, %a1) : (tensor<3x5x!numeric.fixed<8, 0, "signed">>, tensor<6x2x!numeric.fixed<8, 0, "signed">>) -> tensor<3x2x!numeric.fixed<24, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<3x?x!numeric.fixed<8, 0, "signed">>, %a1: tensor<?x2x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{needs one static inner size: the columns of 'left' and the rows of 'right'}}
  %0 = "numeric.matmul"(%a0, %a1) : (tensor<3x?x!numeric.fixed<8, 0, "signed">>, tensor<?x2x!numeric.fixed<8, 0, "signed">>) -> tensor<3x2x!numeric.fixed<24, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<3x5x!numeric.fixed<8, 0, "signed">>, %a1: tensor<5x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{has tensors of rank 2, 1, 2; all have one, at least 2}}
  %0 = "numeric.matmul"(%a0, %a1) : (tensor<3x5x!numeric.fixed<8, 0, "signed">>, tensor<5x!numeric.fixed<8, 0, "signed">>) -> tensor<3x2x!numeric.fixed<24, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<3x5x!numeric.fixed<8, 0, "signed">>, %a1: tensor<5x2x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{gives a tensor that has not the rows of 'left' and the columns of 'right'}}
  %0 = "numeric.matmul"(%a0, %a1) : (tensor<3x5x!numeric.fixed<8, 0, "signed">>, tensor<5x2x!numeric.fixed<8, 0, "signed">>) -> tensor<3x3x!numeric.fixed<24, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<2x3x!numeric.fixed<8, 1, "signed">>) {
  // expected-error @below {{makes signed 8 bits, 2 of them fraction of signed 8 bits, 1 of them fraction: it changes no number}}
  %0 = "numeric.reshape"(%a0) : (tensor<2x3x!numeric.fixed<8, 1, "signed">>) -> tensor<6x!numeric.fixed<8, 2, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<2x3x!numeric.fixed<8, 1, "signed">>) {
  // expected-error @below {{makes 5 elements of 6}}
  %0 = "numeric.reshape"(%a0) : (tensor<2x3x!numeric.fixed<8, 1, "signed">>) -> tensor<5x!numeric.fixed<8, 1, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<?x6x!numeric.fixed<8, 1, "signed">>) {
  // expected-error @below {{has a result with more than one dynamic size}}
  %0 = "numeric.reshape"(%a0) : (tensor<?x6x!numeric.fixed<8, 1, "signed">>) -> tensor<?x?x2x!numeric.fixed<8, 1, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<2x3x!numeric.fixed<8, 1, "signed">>) {
  // expected-error @below {{has permutation [0, 0]; it lists each of the operand's 2 dimensions once}}
  %0 = "numeric.transpose"(%a0) {permutation = [0, 0]} : (tensor<2x3x!numeric.fixed<8, 1, "signed">>) -> tensor<3x2x!numeric.fixed<8, 1, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<2x3x!numeric.fixed<8, 1, "signed">>) {
  // expected-error @below {{gives a tensor that has not the sizes of its operand in that order}}
  %0 = "numeric.transpose"(%a0) {permutation = [1, 0]} : (tensor<2x3x!numeric.fixed<8, 1, "signed">>) -> tensor<2x3x!numeric.fixed<8, 1, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>, %a1: tensor<6x4x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{has tensors that are not all of batch, channels, and one or more sizes of an image}}
  %0 = "numeric.convolution"(%a0, %a1) {strides = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1} : (tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>, tensor<6x4x!numeric.fixed<8, 0, "signed">>) -> tensor<1x6x3x3x!numeric.fixed<22, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>, %a1: tensor<6x4x3x3x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{has 4 channels in, 6 out, and a weight of 6 by 4 for 4 groups: each group takes an equal part of the channels}}
  %0 = "numeric.convolution"(%a0, %a1) {strides = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 4} : (tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>, tensor<6x4x3x3x!numeric.fixed<8, 0, "signed">>) -> tensor<1x6x3x3x!numeric.fixed<22, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>, %a1: tensor<6x4x3x3x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{has strides [0, 1]; it is a number of at least 1 for each of 2 sizes}}
  %0 = "numeric.convolution"(%a0, %a1) {strides = [0, 1], padding = [0, 0], dilation = [1, 1], groups = 1} : (tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>, tensor<6x4x3x3x!numeric.fixed<8, 0, "signed">>) -> tensor<1x6x3x3x!numeric.fixed<22, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>, %a1: tensor<6x4x3x3x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{has padding [1]; it is a number of at least 0 for each of 2 sizes}}
  %0 = "numeric.convolution"(%a0, %a1) {strides = [1, 1], padding = [1], dilation = [1, 1], groups = 1} : (tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>, tensor<6x4x3x3x!numeric.fixed<8, 0, "signed">>) -> tensor<1x6x3x3x!numeric.fixed<22, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<1x4x?x5x!numeric.fixed<8, 0, "signed">>, %a1: tensor<6x4x3x3x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{has an image whose sizes are not static}}
  %0 = "numeric.convolution"(%a0, %a1) {strides = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1} : (tensor<1x4x?x5x!numeric.fixed<8, 0, "signed">>, tensor<6x4x3x3x!numeric.fixed<8, 0, "signed">>) -> tensor<1x6x3x3x!numeric.fixed<22, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<1x4x2x5x!numeric.fixed<8, 0, "signed">>, %a1: tensor<6x4x3x3x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{has windows that do not fit into an image of [2, 5]}}
  %0 = "numeric.convolution"(%a0, %a1) {strides = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1} : (tensor<1x4x2x5x!numeric.fixed<8, 0, "signed">>, tensor<6x4x3x3x!numeric.fixed<8, 0, "signed">>) -> tensor<1x6x3x3x!numeric.fixed<22, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>, %a1: tensor<6x4x3x3x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{gives images of [3, 4]; there are [3, 3] windows}}
  %0 = "numeric.convolution"(%a0, %a1) {strides = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1} : (tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>, tensor<6x4x3x3x!numeric.fixed<8, 0, "signed">>) -> tensor<1x6x3x4x!numeric.fixed<22, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>, %a1: tensor<6x4x3x3x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{gives 1 bits of fraction; products of 0 and 0 have 0}}
  %0 = "numeric.convolution"(%a0, %a1) {strides = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1} : (tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>, tensor<6x4x3x3x!numeric.fixed<8, 0, "signed">>) -> tensor<1x6x3x3x!numeric.fixed<22, 1, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>, %a1: tensor<6x4x3x3x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{has a result of signed 20 bits, 0 of them fraction, which can't hold every sum of 36 products: -585216 to 589824}}
  %0 = "numeric.convolution"(%a0, %a1) {strides = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1} : (tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>, tensor<6x4x3x3x!numeric.fixed<8, 0, "signed">>) -> tensor<1x6x3x3x!numeric.fixed<20, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{changes batch or channels of its operand}}
  %0 = "numeric.max_pool"(%a0) {kernel = [2, 2], strides = [2, 2], padding = [0, 0]} : (tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>) -> tensor<1x5x2x2x!numeric.fixed<8, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{has padding [2, 0], which is more than half of its windows}}
  %0 = "numeric.max_pool"(%a0) {kernel = [2, 2], strides = [2, 2], padding = [2, 0]} : (tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>) -> tensor<1x4x4x2x!numeric.fixed<8, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{makes signed 9 bits, 0 of them fraction of signed 8 bits, 0 of them fraction: it changes no number}}
  %0 = "numeric.max_pool"(%a0) {kernel = [2, 2], strides = [2, 2], padding = [0, 0]} : (tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>) -> tensor<1x4x2x2x!numeric.fixed<9, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{gives -1 bits of fraction for 0; it never has less}}
  %0 = "numeric.sum_pool"(%a0) {kernel = [2, 2], strides = [2, 2], padding = [0, 0]} : (tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>) -> tensor<1x4x2x2x!numeric.fixed<10, -1, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{has a result of signed 9 bits, 2 of them fraction, which can't hold every sum of 4 numbers: -512 to 508}}
  %0 = "numeric.sum_pool"(%a0) {kernel = [2, 2], strides = [2, 2], padding = [0, 0]} : (tensor<1x4x5x5x!numeric.fixed<8, 0, "signed">>) -> tensor<1x4x2x2x!numeric.fixed<9, 2, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<2x3x!numeric.fixed<8, 1, "signed">>) {
  // expected-error @below {{has axis 2; its operand has 2 dimensions}}
  %0 = "numeric.slice"(%a0) {axis = 2, start = 0, stop = 1} : (tensor<2x3x!numeric.fixed<8, 1, "signed">>) -> tensor<2x1x!numeric.fixed<8, 1, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<2x3x!numeric.fixed<8, 1, "signed">>) {
  // expected-error @below {{takes 1 up to 4 of 3}}
  %0 = "numeric.slice"(%a0) {axis = 1, start = 1, stop = 4} : (tensor<2x3x!numeric.fixed<8, 1, "signed">>) -> tensor<2x3x!numeric.fixed<8, 1, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<2x3x!numeric.fixed<8, 1, "signed">>) {
  // expected-error @below {{gives a tensor that has not the sizes of that part}}
  %0 = "numeric.slice"(%a0) {axis = 1, start = 1, stop = 3} : (tensor<2x3x!numeric.fixed<8, 1, "signed">>) -> tensor<2x1x!numeric.fixed<8, 1, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<2x3x!numeric.fixed<8, 1, "signed">>, %a1: tensor<2x3x!numeric.fixed<8, 2, "signed">>) {
  // expected-error @below {{joins tensors of different formats: it changes no number}}
  %0 = "numeric.concat"(%a0, %a1) {axis = 1} : (tensor<2x3x!numeric.fixed<8, 1, "signed">>, tensor<2x3x!numeric.fixed<8, 2, "signed">>) -> tensor<2x6x!numeric.fixed<8, 1, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<2x3x!numeric.fixed<8, 1, "signed">>, %a1: tensor<4x3x!numeric.fixed<8, 1, "signed">>) {
  // expected-error @below {{joins [2, 3] and [4, 3], which differ in more than dimension 1}}
  %0 = "numeric.concat"(%a0, %a1) {axis = 1} : (tensor<2x3x!numeric.fixed<8, 1, "signed">>, tensor<4x3x!numeric.fixed<8, 1, "signed">>) -> tensor<2x6x!numeric.fixed<8, 1, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<2x3x!numeric.fixed<8, 1, "signed">>) {
  // expected-error @below {{has axis -1; its operands have 2 dimensions}}
  %0 = "numeric.concat"(%a0, %a0) {axis = -1} : (tensor<2x3x!numeric.fixed<8, 1, "signed">>, tensor<2x3x!numeric.fixed<8, 1, "signed">>) -> tensor<2x6x!numeric.fixed<8, 1, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<2x3x!numeric.fixed<8, 1, "signed">>) {
  // expected-error @below {{gives a tensor that has not the sizes of both behind each other}}
  %0 = "numeric.concat"(%a0, %a0) {axis = 0} : (tensor<2x3x!numeric.fixed<8, 1, "signed">>, tensor<2x3x!numeric.fixed<8, 1, "signed">>) -> tensor<3x3x!numeric.fixed<8, 1, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<1x2x4x4x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{has windows that begin behind an image of [4, 4]}}
  %0 = "numeric.max_pool"(%a0) {kernel = [3, 3], strides = [2, 2], padding = [1, 1], over = [1, 0]} : (tensor<1x2x4x4x!numeric.fixed<8, 0, "signed">>) -> tensor<1x2x3x2x!numeric.fixed<8, 0, "signed">>
  return
}

// -----

func.func @f(%a0: tensor<1x2x4x4x!numeric.fixed<8, 0, "signed">>) {
  // expected-error @below {{has over [-1, 0]; it is a number of at least 0 for each of 2 sizes}}
  %0 = "numeric.max_pool"(%a0) {kernel = [3, 3], strides = [2, 2], padding = [0, 0], over = [-1, 0]} : (tensor<1x2x4x4x!numeric.fixed<8, 0, "signed">>) -> tensor<1x2x1x1x!numeric.fixed<8, 0, "signed">>
  return
}
