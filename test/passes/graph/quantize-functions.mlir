// RUN: stepwell-opt %s --quantize --split-input-file | FileCheck %s

// Scores of 8 bits, times a power of two without an operation; softmax needs 4 bits more for the sum than its results have.
// CHECK-LABEL: func.func @attention
// CHECK: %[[T:.*]] = "numeric.transpose"(%{{.*}}) {permutation = [0, 2, 1]}
// CHECK: %[[P:.*]] = "numeric.matmul"(%{{.*}}, %[[T]]) : {{.*}} -> tensor<2x3x3x!numeric.fixed<18 : i64, 12 : i64, "signed">>
// CHECK: %[[C:.*]] = "numeric.cast"(%[[P]]) {{.*}} -> tensor<2x3x3x!numeric.fixed<8 : i64, 5 : i64, "signed">>
// CHECK: %[[S:.*]] = "numeric.reinterpret"(%[[C]]) : {{.*}} -> tensor<2x3x3x!numeric.fixed<8 : i64, 6 : i64, "signed">>
// CHECK: %[[A:.*]] = "numeric.softmax"(%[[S]]) {precision = 12 : i64, rounding = "half-up"} : {{.*}} -> tensor<2x3x3x!numeric.fixed<8 : i64, 8 : i64, "unsigned">>
// CHECK: "numeric.matmul"(%[[A]], %{{.*}})
// CHECK-NOT: torch.aten
func.func @attention(%q: !torch.vtensor<[2,3,4],f32> {stepwell.range = [-1.0, 1.5]}) -> !torch.vtensor<[2,3,4],f32> {
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %2 = torch.constant.int 2
  %last = torch.constant.int -1
  %false = torch.constant.bool false
  %half = torch.constant.float 5.000000e-01
  %order = torch.prim.ListConstruct %0, %2, %1 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %k = torch.aten.permute %q, %order {stepwell.range = [-1.0, 1.5]} : !torch.vtensor<[2,3,4],f32>, !torch.list<int> -> !torch.vtensor<[2,4,3],f32>
  %p = torch.aten.bmm %q, %k {stepwell.range = [-3.0, 3.0]} : !torch.vtensor<[2,3,4],f32>, !torch.vtensor<[2,4,3],f32> -> !torch.vtensor<[2,3,3],f32>
  %s = torch.aten.mul.Scalar %p, %half {stepwell.range = [-1.5, 1.5]} : !torch.vtensor<[2,3,3],f32>, !torch.float -> !torch.vtensor<[2,3,3],f32>
  %a = torch.aten._softmax %s, %last, %false {stepwell.range = [0.1, 0.9]} : !torch.vtensor<[2,3,3],f32>, !torch.int, !torch.bool -> !torch.vtensor<[2,3,3],f32>
  %r = torch.aten.bmm %a, %q {stepwell.range = [-1.0, 1.5]} : !torch.vtensor<[2,3,3],f32>, !torch.vtensor<[2,3,4],f32> -> !torch.vtensor<[2,3,4],f32>
  return %r : !torch.vtensor<[2,3,4],f32>
}

// -----

// Layer normalisation arrives in pieces; a function is a table; a constant that is no power of two is a multiplier.
// CHECK-LABEL: func.func @normalised
// CHECK: %[[N:.*]] = "numeric.normalize"(%{{.*}}) {by = "variance", epsilon = 1.000000e-05 : f64, precision = 12 : i64, rounding = "half-up"}
// CHECK: %[[T:.*]] = "numeric.table"(%[[N]]) {function = "gelu-tanh", rounding = "half-up"}
// CHECK: "numeric.requantize"(%[[T]]) {multiplier = 19661 : i64, overflow = "saturate", rounding = "half-up", shift = 15 : i64}
// CHECK-NOT: torch.aten
func.func @normalised(%x: !torch.vtensor<[2,8],f32> {stepwell.range = [-3.0, 3.0]}) -> !torch.vtensor<[2,8],f32> {
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %true = torch.constant.bool true
  %epsilon = torch.constant.float 1.000000e-05
  %factor = torch.constant.float 3.000000e-01
  %form = torch.constant.str "tanh"
  %dims = torch.prim.ListConstruct %1 : (!torch.int) -> !torch.list<int>
  %v, %m = torch.aten.var_mean.correction %x, %dims, %0, %true : !torch.vtensor<[2,8],f32>, !torch.list<int>, !torch.int, !torch.bool -> !torch.vtensor<[2,1],f32>, !torch.vtensor<[2,1],f32>
  %e = torch.aten.add.Scalar %v, %epsilon, %1 : !torch.vtensor<[2,1],f32>, !torch.float, !torch.int -> !torch.vtensor<[2,1],f32>
  %r = torch.aten.rsqrt %e : !torch.vtensor<[2,1],f32> -> !torch.vtensor<[2,1],f32>
  %d = torch.aten.sub.Tensor %x, %m, %1 : !torch.vtensor<[2,8],f32>, !torch.vtensor<[2,1],f32>, !torch.int -> !torch.vtensor<[2,8],f32>
  %n = torch.aten.mul.Tensor %d, %r {stepwell.range = [-2.0, 2.0]} : !torch.vtensor<[2,8],f32>, !torch.vtensor<[2,1],f32> -> !torch.vtensor<[2,8],f32>
  %g = torch.aten.gelu %n, %form {stepwell.range = [-0.2, 1.9]} : !torch.vtensor<[2,8],f32>, !torch.str -> !torch.vtensor<[2,8],f32>
  %y = torch.aten.mul.Scalar %g, %factor {stepwell.range = [-0.06, 0.6]} : !torch.vtensor<[2,8],f32>, !torch.float -> !torch.vtensor<[2,8],f32>
  return %y : !torch.vtensor<[2,8],f32>
}

// -----

// A part keeps its format; what is put behind each other takes the result's, a weight at once. A mean over rows is an
// exact sum and more fraction; its columns are the channels.
// CHECK-LABEL: func.func @parts
// CHECK: %[[X:.*]] = "numeric.quantize"({{.*}} -> tensor<4x8x!numeric.fixed<8 : i64, 5 : i64, "signed">>
// CHECK: %[[S:.*]] = "numeric.slice"(%[[X]]) {axis = 0 : i64, start = 1 : i64, stop = 4 : i64} : {{.*}} -> tensor<3x8x!numeric.fixed<8 : i64, 5 : i64, "signed">>
// CHECK: %[[W:.*]] = "numeric.quantize"({{.*}} -> tensor<1x8x!numeric.fixed<8 : i64, 4 : i64, "signed">>
// CHECK: %[[T:.*]] = "numeric.cast"(%[[S]]) {{.*}} -> tensor<3x8x!numeric.fixed<8 : i64, 4 : i64, "signed">>
// CHECK: %[[J:.*]] = "numeric.concat"(%[[W]], %[[T]]) {axis = 0 : i64} : {{.*}} -> tensor<4x8x!numeric.fixed<8 : i64, 4 : i64, "signed">>
// CHECK: %[[R:.*]] = "numeric.reshape"(%[[J]]) : {{.*}} -> tensor<1x4x8x
// CHECK: %[[P:.*]] = "numeric.transpose"(%[[R]]) {permutation = [0, 2, 1]}
// CHECK: "numeric.sum_pool"(%[[P]]) {kernel = [4], padding = [0], strides = [4]} : {{.*}} -> tensor<1x8x1x!numeric.fixed<10 : i64, 6 : i64, "signed">>
// CHECK-NOT: torch.aten
func.func @parts(%x: !torch.vtensor<[4,8],f32> {stepwell.range = [-3.0, 3.0]}, %w: !torch.vtensor<[1,8],f32> {stepwell.parameter = "w", stepwell.range = [-6.0, 7.0]}) -> !torch.vtensor<[8],f32> {
  %none = torch.constant.none
  %false = torch.constant.bool false
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %4 = torch.constant.int 4
  %end = torch.constant.int 9223372036854775807
  %s = torch.aten.slice.Tensor %x, %0, %1, %end, %1 {stepwell.range = [-3.0, 3.0]} : !torch.vtensor<[4,8],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[3,8],f32>
  %list = torch.prim.ListConstruct %w, %s : (!torch.vtensor<[1,8],f32>, !torch.vtensor<[3,8],f32>) -> !torch.list<vtensor>
  %c = torch.aten.cat %list, %0 {stepwell.range = [-6.0, 7.0]} : !torch.list<vtensor>, !torch.int -> !torch.vtensor<[4,8],f32>
  %dims = torch.prim.ListConstruct %0 : (!torch.int) -> !torch.list<int>
  %t = torch.aten.sum.dim_IntList %c, %dims, %false, %none {stepwell.range = [-12.0, 14.0]} : !torch.vtensor<[4,8],f32>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor<[8],f32>
  %m = torch.aten.div.Scalar %t, %4 {stepwell.range = [-3.0, 4.0]} : !torch.vtensor<[8],f32>, !torch.int -> !torch.vtensor<[8],f32>
  return %m : !torch.vtensor<[8],f32>
}
