// RUN: stepwell-opt %s --quantised-to-numeric --split-input-file | FileCheck %s
// RUN: stepwell-opt %s --quantised-to-numeric=scale-bits=4 --split-input-file | FileCheck %s --check-prefix=COARSE

// Integers are counted from the zero point: -128 - 6 to 127 - 6. The scale is the model's own.
// CHECK-LABEL: func.func @layer
// CHECK: %[[X:.*]] = "numeric.quantize_scaled"(%{{.*}}) {high = 121 : i64, low = -134 : i64, scale = 5.000000e-02 : f32, way = "reciprocal"} {{.*}} -> tensor<?x4x!numeric.fixed<9 : i64, 0 : i64, "signed">>
// CHECK: %[[W8:.*]] = "numeric.reinterpret"(%{{.*}}) : (tensor<3x4xi8>)
// CHECK: %[[W:.*]] = "numeric.transpose"(%[[W8]]) {permutation = [1, 0]}
// CHECK: %[[P:.*]] = "numeric.matmul"(%[[X]], %[[W]]) {{.*}} -> tensor<?x3x!numeric.fixed<19 : i64, 0 : i64, "signed">>
// A bias takes the scale of the sums.
// CHECK: %[[B:.*]] = "numeric.quantize_scaled"(%{{.*}}) {high = 2147483647 : i64, low = -2147483648 : i64, scale = 1.250000e-02 : f32, way = "divide"}
// CHECK: %[[S:.*]] = "numeric.add"(%[[P]], %[[B]])
// Relu moves behind the change of scale: 0.0125 / 0.1 = 1/8, which needs one bit.
// CHECK: %[[R:.*]] = "numeric.requantize"(%[[S]]) {multiplier = 1 : i64, overflow = "saturate", rounding = "half-even", shift = 3 : i64} {{.*}} -> tensor<?x3x!numeric.fixed<9 : i64, 0 : i64, "signed">>
// CHECK: %[[C:.*]] = "numeric.clamp"(%[[R]]) {high = 255 : i64, low = 0 : i64}
// CHECK: "numeric.dequantize_scaled"(%[[C]]) {scale = 1.000000e-01 : f32}
// CHECK-NOT: torch.quantized_decomposed
// CHECK-NOT: torch.aten
func.func @layer(%x: !torch.vtensor<[?,4],f32> {stepwell.input = "x"}, %w: !torch.vtensor<[3,4],si8> {stepwell.parameter = "w"},
                 %b: !torch.vtensor<[3],f32> {stepwell.parameter = "b"}) -> !torch.vtensor<[?,3],f32> {
  %sx = torch.constant.float 0.0500000007450580597
  %sw = torch.constant.float 2.500000e-01
  %sy = torch.constant.float 0.100000001490116119
  %six = torch.constant.int 6
  %low = torch.constant.int -128
  %high = torch.constant.int 127
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %none = torch.constant.none
  %q = torch.quantized_decomposed.quantize_per_tensor %x, %sx, %six, %low, %high, %one : !torch.vtensor<[?,4],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[?,4],si8>
  %f = torch.quantized_decomposed.dequantize_per_tensor %q, %sx, %six, %low, %high, %one, %none : !torch.vtensor<[?,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[?,4],f32>
  %v = torch.quantized_decomposed.dequantize_per_tensor %w, %sw, %zero, %low, %high, %one, %none : !torch.vtensor<[3,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[3,4],f32>
  %order = torch.prim.ListConstruct %one, %zero : (!torch.int, !torch.int) -> !torch.list<int>
  %t = torch.aten.permute %v, %order : !torch.vtensor<[3,4],f32>, !torch.list<int> -> !torch.vtensor<[4,3],f32>
  %p = torch.aten.mm %f, %t : !torch.vtensor<[?,4],f32>, !torch.vtensor<[4,3],f32> -> !torch.vtensor<[?,3],f32>
  %s = torch.aten.add.Tensor %p, %b, %one : !torch.vtensor<[?,3],f32>, !torch.vtensor<[3],f32>, !torch.int -> !torch.vtensor<[?,3],f32>
  %r = torch.aten.relu %s : !torch.vtensor<[?,3],f32> -> !torch.vtensor<[?,3],f32>
  %y = torch.quantized_decomposed.quantize_per_tensor %r, %sy, %low, %low, %high, %one : !torch.vtensor<[?,3],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[?,3],si8>
  %z = torch.quantized_decomposed.dequantize_per_tensor %y, %sy, %low, %low, %high, %one, %none : !torch.vtensor<[?,3],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[?,3],f32>
  return %z : !torch.vtensor<[?,3],f32>
}

// -----

// Sums of two scales are computed in 64ths of the smaller one; a ratio of 3/4 has 17 bits of multiplier, or 2 that count.
// CHECK-LABEL: func.func @residual
// CHECK: %[[A:.*]] = "numeric.requantize"(%{{.*}}) {multiplier = 1 : i64, {{.*}}shift = -6 : i64}
// CHECK: %[[B:.*]] = "numeric.requantize"(%{{.*}}) {multiplier = 87381 : i64, {{.*}}shift = 10 : i64}
// CHECK: %[[S:.*]] = "numeric.add"(%[[A]], %[[B]])
// CHECK: "numeric.requantize"(%[[S]])
// COARSE-LABEL: func.func @residual
// COARSE: multiplier = 11 : i64, {{.*}}shift = -3 : i64
func.func @residual(%x: !torch.vtensor<[2,4],f32> {stepwell.input = "x"}) -> !torch.vtensor<[2,4],f32> {
  %sx = torch.constant.float 7.500000e-01
  %sy = torch.constant.float 1.000000e+00
  %low = torch.constant.int -128
  %high = torch.constant.int 127
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %none = torch.constant.none
  %q = torch.quantized_decomposed.quantize_per_tensor %x, %sx, %zero, %low, %high, %one : !torch.vtensor<[2,4],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[2,4],si8>
  %f = torch.quantized_decomposed.dequantize_per_tensor %q, %sx, %zero, %low, %high, %one, %none : !torch.vtensor<[2,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2,4],f32>
  %r = torch.quantized_decomposed.quantize_per_tensor %f, %sy, %zero, %low, %high, %one : !torch.vtensor<[2,4],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[2,4],si8>
  %g = torch.quantized_decomposed.dequantize_per_tensor %r, %sy, %zero, %low, %high, %one, %none : !torch.vtensor<[2,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2,4],f32>
  %s = torch.aten.add.Tensor %f, %g, %one : !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>, !torch.int -> !torch.vtensor<[2,4],f32>
  %y = torch.quantized_decomposed.quantize_per_tensor %s, %sy, %zero, %low, %high, %one : !torch.vtensor<[2,4],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[2,4],si8>
  %z = torch.quantized_decomposed.dequantize_per_tensor %y, %sy, %zero, %low, %high, %one, %none : !torch.vtensor<[2,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2,4],f32>
  return %z : !torch.vtensor<[2,4],f32>
}

// -----

// What has no rule reads floats again; a model without scales of its own stays.
// CHECK-LABEL: func.func @tanh
// CHECK: %[[F:.*]] = "numeric.dequantize_scaled"
// CHECK: %[[T:.*]] = torch_c.from_builtin_tensor %[[F]]
// CHECK: torch.aten.tanh %[[T]]
func.func @tanh(%x: !torch.vtensor<[2,4],f32> {stepwell.input = "x"}) -> !torch.vtensor<[2,4],f32> {
  %sx = torch.constant.float 7.500000e-01
  %low = torch.constant.int -128
  %high = torch.constant.int 127
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %none = torch.constant.none
  %q = torch.quantized_decomposed.quantize_per_tensor %x, %sx, %zero, %low, %high, %one : !torch.vtensor<[2,4],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[2,4],si8>
  %f = torch.quantized_decomposed.dequantize_per_tensor %q, %sx, %zero, %low, %high, %one, %none : !torch.vtensor<[2,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2,4],f32>
  %t = torch.aten.tanh %f : !torch.vtensor<[2,4],f32> -> !torch.vtensor<[2,4],f32>
  return %t : !torch.vtensor<[2,4],f32>
}

// -----

// CHECK-LABEL: func.func @floats
// CHECK-NOT: numeric.
func.func @floats(%x: !torch.vtensor<[2,4],f32> {stepwell.input = "x"}) -> !torch.vtensor<[2,4],f32> {
  %t = torch.aten.relu %x : !torch.vtensor<[2,4],f32> -> !torch.vtensor<[2,4],f32>
  return %t : !torch.vtensor<[2,4],f32>
}

// -----

// A quotient before a scale of 1 is one step; whole numbers, signs and constants are counted without floats.
// CHECK-LABEL: func.func @qonnx
// CHECK: %[[X:.*]] = "numeric.quantize_scaled"(%{{.*}}) {high = 7 : i64, low = -8 : i64, scale = 2.500000e-01 : f32, way = "divide"}
// CHECK: %[[S:.*]] = "numeric.sign"(%[[X]])
// CHECK: %[[M:.*]] = "numeric.multiply"(%[[X]], %[[S]])
// A quarter of them, rounded down.
// CHECK: %[[T:.*]] = "numeric.requantize"(%[[M]]) {multiplier = 1 : i64, overflow = "saturate", rounding = "floor", shift = 2 : i64}
// CHECK: "numeric.dequantize_scaled"(%[[T]]) {scale = 1.250000e-01 : f32}
func.func @qonnx(%x: !torch.vtensor<[2,4],f32> {stepwell.input = "x"}) -> !torch.vtensor<[2,4],f32> {
  %scale = torch.constant.float 2.500000e-01
  %unit = torch.constant.float 1.000000e+00
  %eighth = torch.constant.float 1.250000e-01
  %zero_f = torch.constant.float 0.000000e+00
  %low = torch.constant.int -8
  %high = torch.constant.int 7
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %none = torch.constant.none
  %plus = torch.vtensor.literal(dense<0.5> : tensor<f32>) : !torch.vtensor<[],f32>
  %minus = torch.vtensor.literal(dense<-0.5> : tensor<f32>) : !torch.vtensor<[],f32>
  %d = torch.aten.div.Scalar %x, %scale : !torch.vtensor<[2,4],f32>, !torch.float -> !torch.vtensor<[2,4],f32>
  %q = torch.quantized_decomposed.quantize_per_tensor %d, %unit, %zero, %low, %high, %one : !torch.vtensor<[2,4],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[2,4],si8>
  %f = torch.quantized_decomposed.dequantize_per_tensor %q, %scale, %zero, %low, %high, %one, %none : !torch.vtensor<[2,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2,4],f32>
  %c = torch.aten.ge.Scalar %f, %zero_f : !torch.vtensor<[2,4],f32>, !torch.float -> !torch.vtensor<[2,4],i1>
  %s = torch.aten.where.self %c, %plus, %minus : !torch.vtensor<[2,4],i1>, !torch.vtensor<[],f32>, !torch.vtensor<[],f32> -> !torch.vtensor<[2,4],f32>
  %m = torch.aten.mul.Tensor %f, %s : !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32> -> !torch.vtensor<[2,4],f32>
  %u = torch.aten.div.Scalar %m, %scale : !torch.vtensor<[2,4],f32>, !torch.float -> !torch.vtensor<[2,4],f32>
  %v = torch.aten.div.Scalar %u, %scale : !torch.vtensor<[2,4],f32>, !torch.float -> !torch.vtensor<[2,4],f32>
  %w = torch.aten.mul.Scalar %v, %eighth : !torch.vtensor<[2,4],f32>, !torch.float -> !torch.vtensor<[2,4],f32>
  %fl = torch.aten.floor %w : !torch.vtensor<[2,4],f32> -> !torch.vtensor<[2,4],f32>
  %y = torch.aten.mul.Scalar %fl, %eighth : !torch.vtensor<[2,4],f32>, !torch.float -> !torch.vtensor<[2,4],f32>
  return %y : !torch.vtensor<[2,4],f32>
}

// -----

// A stored weight is counted from its zero point, 4-bit integers from 3 in 5 bits.
// CHECK-LABEL: func.func @offset_weight
// CHECK: %[[WIDE:.*]] = torch.prims.convert_element_type %{{.*}}, %int3{{.*}} -> !torch.vtensor<[4,3],si32>
// CHECK: %[[LESS:.*]] = torch.aten.sub.Scalar %[[WIDE]], %int3
// CHECK: %[[R:.*]] = "numeric.reinterpret"(%{{.*}}) : (tensor<4x3xi32>)
// CHECK: %[[W:.*]] = "numeric.clamp"(%[[R]]) {high = 15 : i64, low = -16 : i64} {{.*}} -> tensor<4x3x!numeric.fixed<5 : i64, 0 : i64, "signed">>
// CHECK: "numeric.matmul"(%{{.*}}, %[[W]])
func.func @offset_weight(%x: !torch.vtensor<[2,4],f32> {stepwell.input = "x"}, %w: !torch.vtensor<[4,3],si8> {stepwell.parameter = "w"}) -> !torch.vtensor<[2,3],f32> {
  %sx = torch.constant.float 7.500000e-01
  %low = torch.constant.int -8
  %high = torch.constant.int 7
  %zero = torch.constant.int 0
  %three = torch.constant.int 3
  %one = torch.constant.int 1
  %none = torch.constant.none
  %q = torch.quantized_decomposed.quantize_per_tensor %x, %sx, %zero, %low, %high, %one : !torch.vtensor<[2,4],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[2,4],si8>
  %f = torch.quantized_decomposed.dequantize_per_tensor %q, %sx, %zero, %low, %high, %one, %none : !torch.vtensor<[2,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2,4],f32>
  %v = torch.quantized_decomposed.dequantize_per_tensor %w, %sx, %three, %low, %high, %one, %none : !torch.vtensor<[4,3],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[4,3],f32>
  %p = torch.aten.mm %f, %v : !torch.vtensor<[2,4],f32>, !torch.vtensor<[4,3],f32> -> !torch.vtensor<[2,3],f32>
  return %p : !torch.vtensor<[2,3],f32>
}

// -----

// A scale and a zero point for each column. Nothing asks for a common scale: the largest has 17 bits of ratio.
// CHECK-LABEL: func.func @channels
// CHECK: torch.aten.sub.Tensor {{.*}} : !torch.vtensor<[4,2],si32>, !torch.vtensor<[1,2],si32>
// CHECK: %[[W:.*]] = "numeric.clamp"(%{{.*}}) {{.*}} -> tensor<4x2x!numeric.fixed<5 : i64, 0 : i64, "signed">>
// CHECK: %[[P:.*]] = "numeric.matmul"(%{{.*}}, %[[W]])
// CHECK: %[[Q:.*]] = "numeric.quantize_scaled"({{.*}}) {high = 131071 : i64, low = 0 : i64, scale = 7.62939453E-6 : f32, way = "divide"}
// CHECK: %[[S:.*]] = "numeric.reinterpret"(%[[Q]]) {{.*}} -> tensor<2x!numeric.fixed<18 : i64, 16 : i64, "signed">>
// CHECK: %[[M:.*]] = "numeric.multiply"(%[[P]], %[[S]])
// CHECK: %[[N:.*]] = "numeric.reinterpret"(%[[M]])
// CHECK: "numeric.dequantize_scaled"(%[[N]]) {scale = 5.7220459E-6 : f32}
// CHECK-NOT: torch.aten.mm
func.func @channels(%x: !torch.vtensor<[2,4],f32> {stepwell.input = "x"}, %w: !torch.vtensor<[4,2],si8> {stepwell.parameter = "w"}) -> !torch.vtensor<[2,2],f32> {
  %sx = torch.constant.float 7.500000e-01
  %scales = torch.vtensor.literal(dense<[0.25, 0.5]> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %points = torch.vtensor.literal(dense<[-3, 2]> : tensor<2xsi64>) : !torch.vtensor<[2],si64>
  %low = torch.constant.int -8
  %high = torch.constant.int 7
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %none = torch.constant.none
  %q = torch.quantized_decomposed.quantize_per_tensor %x, %sx, %zero, %low, %high, %one : !torch.vtensor<[2,4],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[2,4],si8>
  %f = torch.quantized_decomposed.dequantize_per_tensor %q, %sx, %zero, %low, %high, %one, %none : !torch.vtensor<[2,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2,4],f32>
  %v = torch.quantized_decomposed.dequantize_per_channel %w, %scales, %points, %one, %low, %high, %one, %none : !torch.vtensor<[4,2],si8>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],si64>, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[4,2],f32>
  %p = torch.aten.mm %f, %v : !torch.vtensor<[2,4],f32>, !torch.vtensor<[4,2],f32> -> !torch.vtensor<[2,2],f32>
  return %p : !torch.vtensor<[2,2],f32>
}

// -----

// Scales that are computed stay in floats.
// CHECK-LABEL: func.func @computed_scales
// CHECK: torch.quantized_decomposed.dequantize_per_channel
// CHECK: torch.aten.mm
func.func @computed_scales(%x: !torch.vtensor<[2,4],f32> {stepwell.input = "x"}, %w: !torch.vtensor<[4,2],si8> {stepwell.parameter = "w"}, %scales: !torch.vtensor<[2],f32> {stepwell.input = "scales"}) -> !torch.vtensor<[2,2],f32> {
  %low = torch.constant.int -8
  %high = torch.constant.int 7
  %one = torch.constant.int 1
  %none = torch.constant.none
  %v = torch.quantized_decomposed.dequantize_per_channel %w, %scales, %none, %one, %low, %high, %one, %none : !torch.vtensor<[4,2],si8>, !torch.vtensor<[2],f32>, !torch.none, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[4,2],f32>
  %p = torch.aten.mm %x, %v : !torch.vtensor<[2,4],f32>, !torch.vtensor<[4,2],f32> -> !torch.vtensor<[2,2],f32>
  return %p : !torch.vtensor<[2,2],f32>
}

// -----

// A number for each channel is added to what has one scale: the bias of channels whose scales are all 1. To multiply by such numbers takes their values.
// CHECK-LABEL: func.func @columns
// CHECK: %[[X:.*]] = "numeric.quantize_scaled"
// CHECK: %[[S:.*]] = "numeric.multiply"(%[[X]], %{{.*}}) {{.*}} -> tensor<1x2x3x3x!numeric.fixed<22 : i64, 16 : i64, "signed">>
// CHECK: "numeric.add"(%[[S]], %{{.*}})
// CHECK: "numeric.dequantize_scaled"
// CHECK: torch.aten.mul.Tensor
func.func @columns(%x: !torch.vtensor<[1,2,3,3],f32> {stepwell.input = "x"}, %w: !torch.vtensor<[2,1,1],f32> {stepwell.parameter = "w"}) -> !torch.vtensor<[1,2,3,3],f32> {
  %sx = torch.constant.float 7.500000e-01
  %column = torch.vtensor.literal(dense<[[[[0.5]], [[-0.25]]]]> : tensor<1x2x1x1xf32>) : !torch.vtensor<[1,2,1,1],f32>
  %low = torch.constant.int -8
  %high = torch.constant.int 7
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %none = torch.constant.none
  %q = torch.quantized_decomposed.quantize_per_tensor %x, %sx, %zero, %low, %high, %one : !torch.vtensor<[1,2,3,3],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[1,2,3,3],si8>
  %f = torch.quantized_decomposed.dequantize_per_tensor %q, %sx, %zero, %low, %high, %one, %none : !torch.vtensor<[1,2,3,3],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[1,2,3,3],f32>
  %a = torch.aten.add.Tensor %f, %column, %one : !torch.vtensor<[1,2,3,3],f32>, !torch.vtensor<[1,2,1,1],f32>, !torch.int -> !torch.vtensor<[1,2,3,3],f32>
  %m = torch.aten.mul.Tensor %a, %w : !torch.vtensor<[1,2,3,3],f32>, !torch.vtensor<[2,1,1],f32> -> !torch.vtensor<[1,2,3,3],f32>
  return %m : !torch.vtensor<[1,2,3,3],f32>
}

// -----

// A part and another one of half its scale behind each other: both in 64ths of the smaller scale, which need bits of their own.
// CHECK-LABEL: func.func @parts
// CHECK: %[[A:.*]] = "numeric.slice"(%[[X:.*]]) {axis = 1 : i64, start = 0 : i64, step = 2 : i64, stop = 4 : i64} {{.*}} -> tensor<2x2x!numeric.fixed<4 : i64, 0 : i64, "signed">>
// CHECK: %[[B:.*]] = "numeric.requantize"(%[[X]])
// CHECK: %[[C:.*]] = "numeric.requantize"(%[[A]]) {multiplier = 1 : i64, {{.*}}shift = -7 : i64} {{.*}} -> tensor<2x2x!numeric.fixed<12 : i64, 0 : i64, "signed">>
// CHECK: %[[D:.*]] = "numeric.requantize"(%[[B]]) {multiplier = 1 : i64, {{.*}}shift = -6 : i64} {{.*}} -> tensor<2x4x!numeric.fixed<12 : i64, 0 : i64, "signed">>
// CHECK: %[[J:.*]] = "numeric.concat"(%[[C]], %[[D]]) {axis = 1 : i64} {{.*}} -> tensor<2x6x
// CHECK: "numeric.dequantize_scaled"(%[[J]]) {scale = 3.906250e-03 : f32}
func.func @parts(%x: !torch.vtensor<[2,4],f32> {stepwell.input = "x"}) -> !torch.vtensor<[2,6],f32> {
  %sx = torch.constant.float 5.000000e-01
  %sy = torch.constant.float 2.500000e-01
  %low = torch.constant.int -8
  %high = torch.constant.int 7
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %two = torch.constant.int 2
  %four = torch.constant.int 4
  %none = torch.constant.none
  %q = torch.quantized_decomposed.quantize_per_tensor %x, %sx, %zero, %low, %high, %one : !torch.vtensor<[2,4],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[2,4],si8>
  %f = torch.quantized_decomposed.dequantize_per_tensor %q, %sx, %zero, %low, %high, %one, %none : !torch.vtensor<[2,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2,4],f32>
  %a = torch.aten.slice.Tensor %f, %one, %zero, %four, %two : !torch.vtensor<[2,4],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[2,2],f32>
  %r = torch.quantized_decomposed.quantize_per_tensor %f, %sy, %zero, %low, %high, %one : !torch.vtensor<[2,4],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[2,4],si8>
  %g = torch.quantized_decomposed.dequantize_per_tensor %r, %sy, %zero, %low, %high, %one, %none : !torch.vtensor<[2,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2,4],f32>
  %list = torch.prim.ListConstruct %a, %g : (!torch.vtensor<[2,2],f32>, !torch.vtensor<[2,4],f32>) -> !torch.list<vtensor>
  %c = torch.aten.cat %list, %one : !torch.list<vtensor>, !torch.int -> !torch.vtensor<[2,6],f32>
  return %c : !torch.vtensor<[2,6],f32>
}
