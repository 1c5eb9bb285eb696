// RUN: stepwell-opt %s --quantize --split-input-file | FileCheck %s

// A sum of 9 products of 8 bits needs 20; the bias is a number for each channel, in the fraction of the sums.
// CHECK-LABEL: func.func @convolution
// CHECK: %[[X:.*]] = "numeric.quantize"(%{{.*}}) {{.*}} -> tensor<1x1x8x8x!numeric.fixed<8 : i64, 7 : i64, "signed">>
// CHECK: %[[W:.*]] = "numeric.quantize"(%{{.*}}) {{.*}} -> tensor<4x1x3x3x!numeric.fixed<8 : i64, 8 : i64, "signed">>
// CHECK: %[[C:.*]] = "numeric.convolution"(%[[X]], %[[W]]) {dilation = [1, 1], groups = 1 : i64, padding = [1, 0], strides = [2, 1]}
// CHECK-SAME: -> tensor<1x4x4x6x!numeric.fixed<19 : i64, 15 : i64, "signed">>
// CHECK: %[[B:.*]] = "numeric.quantize"(%{{.*}}) {{.*}} -> tensor<4x!numeric.fixed<16 : i64, 15 : i64, "signed">>
// CHECK: %[[R:.*]] = "numeric.reshape"(%[[B]]) {{.*}} -> tensor<4x1x1x!numeric.fixed<16 : i64, 15 : i64, "signed">>
// CHECK: %[[S:.*]] = "numeric.add"(%[[C]], %[[R]]) {{.*}} -> tensor<1x4x4x6x!numeric.fixed<20 : i64, 15 : i64, "signed">>
// CHECK: "numeric.cast"(%[[S]]) {{.*}} -> tensor<1x4x4x6x!numeric.fixed<8 : i64, 7 : i64, "unsigned">>
// CHECK-NOT: torch.aten
func.func @convolution(%x: !torch.vtensor<[1,1,8,8],f32> {stepwell.input = "x", stepwell.range = [-0.5, 0.9]},
                       %w: !torch.vtensor<[4,1,3,3],f32> {stepwell.parameter = "w", stepwell.range = [-0.2, 0.4]},
                       %b: !torch.vtensor<[4],f32> {stepwell.parameter = "b", stepwell.range = [-0.5, 0.9]}) -> !torch.vtensor<[1,4,4,6],f32> {
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %two = torch.constant.int 2
  %false = torch.constant.bool false
  %strides = torch.prim.ListConstruct %two, %one : (!torch.int, !torch.int) -> !torch.list<int>
  %padding = torch.prim.ListConstruct %one, %zero : (!torch.int, !torch.int) -> !torch.list<int>
  %dilation = torch.prim.ListConstruct %one, %one : (!torch.int, !torch.int) -> !torch.list<int>
  %none = torch.prim.ListConstruct %zero, %zero : (!torch.int, !torch.int) -> !torch.list<int>
  %c = torch.aten.convolution %x, %w, %b, %strides, %padding, %dilation, %false, %none, %one {stepwell.range = [-0.9, 1.2]} : !torch.vtensor<[1,1,8,8],f32>, !torch.vtensor<[4,1,3,3],f32>, !torch.vtensor<[4],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.list<int>, !torch.int -> !torch.vtensor<[1,4,4,6],f32>
  %r = torch.aten.relu %c {stepwell.range = [0.0, 1.2]} : !torch.vtensor<[1,4,4,6],f32> -> !torch.vtensor<[1,4,4,6],f32>
  return %r : !torch.vtensor<[1,4,4,6],f32>
}

// -----

// The largest has the image's format; a sum of 4 numbers has 2 bits of fraction more and is their average, one of 9 is
// multiplied; what leaves in another shape is not narrowed.
// CHECK-LABEL: func.func @pooling
// CHECK: %[[X:.*]] = "numeric.quantize"
// CHECK: %[[M:.*]] = "numeric.max_pool"(%[[X]]) {kernel = [2, 2], padding = [0, 0], strides = [1, 1]} {{.*}} -> tensor<1x2x7x7x!numeric.fixed<8 : i64, 7 : i64, "signed">>
// CHECK: %[[N:.*]] = "numeric.sum_pool"(%[[M]]) {kernel = [3, 3], padding = [0, 0], strides = [3, 3]} {{.*}} -> tensor<1x2x2x2x!numeric.fixed<12 : i64, 7 : i64, "signed">>
// CHECK: %[[A:.*]] = "numeric.requantize"(%[[N]]) {multiplier = 7282 : i64, overflow = "saturate", rounding = "half-up", shift = 16 : i64} {{.*}} -> tensor<1x2x2x2x!numeric.fixed<8 : i64, 7 : i64, "signed">>
// CHECK: %[[S:.*]] = "numeric.sum_pool"(%[[A]]) {kernel = [2, 2], padding = [0, 0], strides = [2, 2]} {{.*}} -> tensor<1x2x1x1x!numeric.fixed<10 : i64, 9 : i64, "signed">>
// CHECK: "numeric.reshape"(%[[S]]) {{.*}} -> tensor<1x2x!numeric.fixed<10 : i64, 9 : i64, "signed">>
// CHECK-NOT: torch.aten
func.func @pooling(%x: !torch.vtensor<[1,2,8,8],f32> {stepwell.input = "x", stepwell.range = [-0.5, 0.9]}) -> !torch.vtensor<[1,2],f32> {
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %two = torch.constant.int 2
  %three = torch.constant.int 3
  %four = torch.constant.int 4
  %minus1 = torch.constant.int -1
  %minus2 = torch.constant.int -2
  %none = torch.constant.none
  %false = torch.constant.bool false
  %true = torch.constant.bool true
  %zeros = torch.prim.ListConstruct %zero, %zero : (!torch.int, !torch.int) -> !torch.list<int>
  %ones = torch.prim.ListConstruct %one, %one : (!torch.int, !torch.int) -> !torch.list<int>
  %twos = torch.prim.ListConstruct %two, %two : (!torch.int, !torch.int) -> !torch.list<int>
  %threes = torch.prim.ListConstruct %three, %three : (!torch.int, !torch.int) -> !torch.list<int>
  %sizes = torch.prim.ListConstruct %minus1, %minus2 : (!torch.int, !torch.int) -> !torch.list<int>
  %shape = torch.prim.ListConstruct %one, %two : (!torch.int, !torch.int) -> !torch.list<int>
  %m = torch.aten.max_pool2d %x, %twos, %ones, %zeros, %ones, %false {stepwell.range = [-0.2, 0.9]} : !torch.vtensor<[1,2,8,8],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool -> !torch.vtensor<[1,2,7,7],f32>
  %a = torch.aten.avg_pool2d %m, %threes, %threes, %zeros, %false, %true, %none {stepwell.range = [-0.1, 0.8]} : !torch.vtensor<[1,2,7,7],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.bool, !torch.none -> !torch.vtensor<[1,2,2,2],f32>
  %s = torch.aten.sum.dim_IntList %a, %sizes, %true, %none {stepwell.range = [-0.1, 1.8]} : !torch.vtensor<[1,2,2,2],f32>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor<[1,2,1,1],f32>
  %d = torch.aten.div.Scalar %s, %four {stepwell.range = [-0.02, 0.45]} : !torch.vtensor<[1,2,1,1],f32>, !torch.int -> !torch.vtensor<[1,2,1,1],f32>
  %v = torch.aten.view %d, %shape {stepwell.range = [-0.02, 0.45]} : !torch.vtensor<[1,2,1,1],f32>, !torch.list<int> -> !torch.vtensor<[1,2],f32>
  return %v : !torch.vtensor<[1,2],f32>
}

// -----

// Left alone: windows of which the last would begin behind the image, and averages that do not count the padding.
// CHECK-LABEL: func.func @others
// CHECK-NOT: numeric.
// CHECK: torch.aten.max_pool2d
// CHECK: torch.aten.avg_pool2d
func.func @others(%x: !torch.vtensor<[1,2,8,8],f32> {stepwell.input = "x", stepwell.range = [-0.5, 0.9]})
    -> (!torch.vtensor<[1,2,5,5],f32>, !torch.vtensor<[1,2,4,4],f32>) {
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %two = torch.constant.int 2
  %three = torch.constant.int 3
  %none = torch.constant.none
  %false = torch.constant.bool false
  %true = torch.constant.bool true
  %zeros = torch.prim.ListConstruct %zero, %zero : (!torch.int, !torch.int) -> !torch.list<int>
  %ones = torch.prim.ListConstruct %one, %one : (!torch.int, !torch.int) -> !torch.list<int>
  %twos = torch.prim.ListConstruct %two, %two : (!torch.int, !torch.int) -> !torch.list<int>
  %threes = torch.prim.ListConstruct %three, %three : (!torch.int, !torch.int) -> !torch.list<int>
  %m = torch.aten.max_pool2d %x, %threes, %twos, %ones, %ones, %true {stepwell.range = [-0.2, 0.9]} : !torch.vtensor<[1,2,8,8],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool -> !torch.vtensor<[1,2,5,5],f32>
  %a = torch.aten.avg_pool2d %x, %threes, %twos, %ones, %false, %false, %none {stepwell.range = [-0.1, 0.8]} : !torch.vtensor<[1,2,8,8],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.bool, !torch.none -> !torch.vtensor<[1,2,4,4],f32>
  return %m, %a : !torch.vtensor<[1,2,5,5],f32>, !torch.vtensor<[1,2,4,4],f32>
}

// -----

// Relu6, as it is decomposed: a cast, and the ends in its integers. Where the comparisons are of other numbers it is left.
// CHECK-LABEL: func.func @relu6
// CHECK: %[[P:.*]] = "numeric.matmul"
// CHECK: %[[C:.*]] = "numeric.cast"(%[[P]]) {{.*}} -> tensor<2x2x!numeric.fixed<8 : i64, 5 : i64, "unsigned">>
// CHECK: "numeric.clamp"(%[[C]]) {high = 192 : i64, low = 0 : i64}
// CHECK-NOT: torch.aten
// CHECK-LABEL: func.func @no_relu6
// CHECK: torch.aten.where.self
// CHECK: torch.aten.where.self
func.func @relu6(%x: !torch.vtensor<[2,4],f32> {stepwell.input = "x", stepwell.range = [-2.0, 3.9]},
                 %w: !torch.vtensor<[4,2],f32> {stepwell.parameter = "w", stepwell.range = [-0.2, 0.4]}) -> !torch.vtensor<[2,2],f32> {
  %low = torch.constant.float 0.0
  %high = torch.constant.float 6.0
  %l = torch.vtensor.literal(dense<0.0> : tensor<f32>) : !torch.vtensor<[],f32>
  %h = torch.vtensor.literal(dense<6.0> : tensor<f32>) : !torch.vtensor<[],f32>
  %p = torch.aten.mm %x, %w {stepwell.range = [-3.0, 9.0]} : !torch.vtensor<[2,4],f32>, !torch.vtensor<[4,2],f32> -> !torch.vtensor<[2,2],f32>
  %gt = torch.aten.gt.Scalar %p, %high : !torch.vtensor<[2,2],f32>, !torch.float -> !torch.vtensor<[2,2],i1>
  %a = torch.aten.where.self %gt, %h, %p {stepwell.range = [-3.0, 6.0]} : !torch.vtensor<[2,2],i1>, !torch.vtensor<[],f32>, !torch.vtensor<[2,2],f32> -> !torch.vtensor<[2,2],f32>
  %lt = torch.aten.lt.Scalar %p, %low : !torch.vtensor<[2,2],f32>, !torch.float -> !torch.vtensor<[2,2],i1>
  %b = torch.aten.where.self %lt, %l, %a {stepwell.range = [0.0, 6.0]} : !torch.vtensor<[2,2],i1>, !torch.vtensor<[],f32>, !torch.vtensor<[2,2],f32> -> !torch.vtensor<[2,2],f32>
  return %b : !torch.vtensor<[2,2],f32>
}

func.func @no_relu6(%x: !torch.vtensor<[2,4],f32> {stepwell.input = "x", stepwell.range = [-2.0, 3.9]},
                    %w: !torch.vtensor<[4,2],f32> {stepwell.parameter = "w", stepwell.range = [-0.2, 0.4]}) -> !torch.vtensor<[2,2],f32> {
  %low = torch.constant.float 1.0
  %high = torch.constant.float 6.0
  %l = torch.vtensor.literal(dense<0.0> : tensor<f32>) : !torch.vtensor<[],f32>
  %h = torch.vtensor.literal(dense<6.0> : tensor<f32>) : !torch.vtensor<[],f32>
  %p = torch.aten.mm %x, %w {stepwell.range = [-3.0, 9.0]} : !torch.vtensor<[2,4],f32>, !torch.vtensor<[4,2],f32> -> !torch.vtensor<[2,2],f32>
  %gt = torch.aten.gt.Scalar %p, %high : !torch.vtensor<[2,2],f32>, !torch.float -> !torch.vtensor<[2,2],i1>
  %a = torch.aten.where.self %gt, %h, %p {stepwell.range = [-3.0, 6.0]} : !torch.vtensor<[2,2],i1>, !torch.vtensor<[],f32>, !torch.vtensor<[2,2],f32> -> !torch.vtensor<[2,2],f32>
  %lt = torch.aten.lt.Scalar %p, %low : !torch.vtensor<[2,2],f32>, !torch.float -> !torch.vtensor<[2,2],i1>
  %b = torch.aten.where.self %lt, %l, %a {stepwell.range = [0.0, 6.0]} : !torch.vtensor<[2,2],i1>, !torch.vtensor<[],f32>, !torch.vtensor<[2,2],f32> -> !torch.vtensor<[2,2],f32>
  return %b : !torch.vtensor<[2,2],f32>
}

// -----

// Rounded up, windows hang over the end; an average of fewer numbers stays.
// CHECK-LABEL: func.func @rounded_up
// CHECK: "numeric.max_pool"(%{{.*}}) {kernel = [3, 3], over = [1, 0], padding = [0, 0], strides = [2, 2]} {{.*}} -> tensor<1x2x4x3x!numeric.fixed<8 : i64, 7 : i64, "signed">>
// CHECK: torch.aten.avg_pool2d
func.func @rounded_up(%x: !torch.vtensor<[1,2,8,7],f32> {stepwell.input = "x", stepwell.range = [-0.5, 0.9]}) -> !torch.vtensor<[1,2,2,2],f32> {
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %two = torch.constant.int 2
  %three = torch.constant.int 3
  %none = torch.constant.none
  %true = torch.constant.bool true
  %zeros = torch.prim.ListConstruct %zero, %zero : (!torch.int, !torch.int) -> !torch.list<int>
  %ones = torch.prim.ListConstruct %one, %one : (!torch.int, !torch.int) -> !torch.list<int>
  %twos = torch.prim.ListConstruct %two, %two : (!torch.int, !torch.int) -> !torch.list<int>
  %threes = torch.prim.ListConstruct %three, %three : (!torch.int, !torch.int) -> !torch.list<int>
  %m = torch.aten.max_pool2d %x, %threes, %twos, %zeros, %ones, %true {stepwell.range = [-0.2, 0.9]} : !torch.vtensor<[1,2,8,7],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool -> !torch.vtensor<[1,2,4,3],f32>
  %a = torch.aten.avg_pool2d %m, %twos, %twos, %zeros, %true, %true, %none {stepwell.range = [-0.1, 0.8]} : !torch.vtensor<[1,2,4,3],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.bool, !torch.none -> !torch.vtensor<[1,2,2,2],f32>
  return %a : !torch.vtensor<[1,2,2,2],f32>
}
