// RUN: stepwell-opt %s --numeric-to-stream=unroll=3,2 | FileCheck %s
// RUN: stepwell-opt %s --numeric-to-stream=unroll=3,2 | stepwell-opt - --verify-level=hardware | FileCheck %s

// What several operations read is forked; each reader gets the beats that it wants; a weight is a stream. The second
// quantisation is the same input, and a sum that is read twice is computed once, without a cast.
// CHECK: %[[X:.*]] = "stream.float_source"() {{.*}} !stream.stream<i4, 2 : i64, [2, 6], "row-major">
// CHECK: %[[F:.*]]:2 = "stream.fork"(%[[X]])
// CHECK: %[[W:.*]] = "stream.weight"() {weight = "w:fixed<4,2,signed>,floor,saturate", weight_shape = [6]} : () -> !stream.stream<i4, 2 : i64, [2, 6], "row-major">
// CHECK: %[[S:.*]] = "stream.add"(%[[F]]#0, %[[W]])
// CHECK: %[[G:.*]]:2 = "stream.fork"(%[[S]])
// CHECK: "stream.multiply"(%[[G]]#0, %[[F]]#1)
// CHECK: "stream.float_sink"
// CHECK: %[[R:.*]] = "stream.resize"(%[[G]]#1) : {{.*}} -> !stream.stream<i5, 3 : i64, [2, 6], "row-major">
// CHECK: "stream.linear"(%[[R]])
func.func @main(%x: !torch.vtensor<[2,6],f32> {stepwell.input = "x"}, %w: !torch.vtensor<[6],f32> {stepwell.parameter = "w"},
                %v: !torch.vtensor<[6,2],f32> {stepwell.parameter = "v"})
    -> (!torch.vtensor<[2,6],f32> {stepwell.output = "0"}, !torch.vtensor<[2,2],f32> {stepwell.output = "1"}) {
  %xf = torch_c.to_builtin_tensor %x : !torch.vtensor<[2,6],f32> -> tensor<2x6xf32>
  %xq = "numeric.quantize"(%xf) {rounding = "floor", overflow = "saturate"} : (tensor<2x6xf32>) -> tensor<2x6x!numeric.fixed<4, 2, "signed">>
  %xr = "numeric.quantize"(%xf) {rounding = "floor", overflow = "saturate"} : (tensor<2x6xf32>) -> tensor<2x6x!numeric.fixed<4, 2, "signed">>
  %wf = torch_c.to_builtin_tensor %w : !torch.vtensor<[6],f32> -> tensor<6xf32>
  %wq = "numeric.quantize"(%wf) {rounding = "floor", overflow = "saturate"} : (tensor<6xf32>) -> tensor<6x!numeric.fixed<4, 2, "signed">>
  %vf = torch_c.to_builtin_tensor %v : !torch.vtensor<[6,2],f32> -> tensor<6x2xf32>
  %vq = "numeric.quantize"(%vf) {rounding = "floor", overflow = "saturate"} : (tensor<6x2xf32>) -> tensor<6x2x!numeric.fixed<4, 2, "signed">>
  %s = "numeric.add"(%xq, %wq) : (tensor<2x6x!numeric.fixed<4, 2, "signed">>, tensor<6x!numeric.fixed<4, 2, "signed">>) -> tensor<2x6x!numeric.fixed<5, 2, "signed">>
  %m = "numeric.multiply"(%s, %xr) : (tensor<2x6x!numeric.fixed<5, 2, "signed">>, tensor<2x6x!numeric.fixed<4, 2, "signed">>) -> tensor<2x6x!numeric.fixed<9, 4, "signed">>
  %c = "numeric.cast"(%m) {rounding = "floor", overflow = "saturate"} : (tensor<2x6x!numeric.fixed<9, 4, "signed">>) -> tensor<2x6x!numeric.fixed<4, 1, "signed">>
  %p = "numeric.matmul"(%s, %vq) : (tensor<2x6x!numeric.fixed<5, 2, "signed">>, tensor<6x2x!numeric.fixed<4, 2, "signed">>) -> tensor<2x2x!numeric.fixed<11, 4, "signed">>
  %cf = "numeric.dequantize"(%c) : (tensor<2x6x!numeric.fixed<4, 1, "signed">>) -> tensor<2x6xf32>
  %pf = "numeric.dequantize"(%p) : (tensor<2x2x!numeric.fixed<11, 4, "signed">>) -> tensor<2x2xf32>
  %y = torch_c.from_builtin_tensor %cf : tensor<2x6xf32> -> !torch.vtensor<[2,6],f32>
  %z = torch_c.from_builtin_tensor %pf : tensor<2x2xf32> -> !torch.vtensor<[2,2],f32>
  return %y, %z : !torch.vtensor<[2,6],f32>, !torch.vtensor<[2,2],f32>
}
