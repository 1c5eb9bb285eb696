// RUN: stepwell-opt %s --quantize --split-input-file | FileCheck %s
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(quantize{bits=6 weight-bits=4 rounding=half-even})' --split-input-file | FileCheck %s --check-prefix=NARROW

// Inputs to 3.9 leave 5 of 8 bits for the fraction, weights to 0.4 leave 8; a sum of 4 products of 8 bits needs 18.
// CHECK-LABEL: func.func @layers
// CHECK-SAME: (%arg0: !torch.vtensor<[?,4],f32> {stepwell.input = "x"}
// CHECK-DAG: %[[X:.*]] = "numeric.quantize"(%{{.*}}) {overflow = "saturate", rounding = "half-up"} {{.*}} -> tensor<?x4x!numeric.fixed<8 : i64, 5 : i64, "signed">>
// CHECK-DAG: %[[W:.*]] = "numeric.quantize"(%{{.*}}) {{.*}} -> tensor<4x3x!numeric.fixed<8 : i64, 8 : i64, "signed">>
// CHECK: %[[P:.*]] = "numeric.matmul"(%[[X]], %[[W]]) {{.*}} -> tensor<?x3x!numeric.fixed<18 : i64, 13 : i64, "signed">>
// The bias has the fraction of the sums and as many bits as it needs.
// CHECK: %[[B:.*]] = "numeric.quantize"(%{{.*}}) {{.*}} -> tensor<3x!numeric.fixed<14 : i64, 13 : i64, "signed">>
// CHECK: %[[S:.*]] = "numeric.add"(%[[P]], %[[B]]) {{.*}} -> tensor<?x3x!numeric.fixed<19 : i64, 13 : i64, "signed">>
// Relu is saturation to a format without sign.
// CHECK: %[[R:.*]] = "numeric.cast"(%[[S]]) {{.*}} -> tensor<?x3x!numeric.fixed<8 : i64, 6 : i64, "unsigned">>
// CHECK: %[[V:.*]] = "numeric.quantize"(%{{.*}}) {{.*}} -> tensor<3x2x!numeric.fixed<8 : i64, 7 : i64, "signed">>
// CHECK: %[[Q:.*]] = "numeric.matmul"(%[[R]], %[[V]]) {{.*}} -> tensor<?x2x!numeric.fixed<18 : i64, 13 : i64, "signed">>
// CHECK: %[[F:.*]] = "numeric.dequantize"(%[[Q]])
// CHECK: torch_c.from_builtin_tensor %[[F]]
// CHECK-NOT: torch.aten
// CHECK-NOT: stepwell.range
// NARROW: rounding = "half-even"{{.*}} -> tensor<?x4x!numeric.fixed<6 : i64, 3 : i64, "signed">>
// NARROW: -> tensor<4x3x!numeric.fixed<4 : i64, 4 : i64, "signed">>
func.func @layers(%x: !torch.vtensor<[?,4],f32> {stepwell.input = "x", stepwell.range = [-2.0, 3.9]},
                  %w: !torch.vtensor<[4,3],f32> {stepwell.parameter = "w", stepwell.range = [-0.2, 0.4]},
                  %b: !torch.vtensor<[3],f32> {stepwell.parameter = "b", stepwell.range = [-0.5, 0.9]},
                  %v: !torch.vtensor<[3,2],f32> {stepwell.parameter = "v", stepwell.range = [-1.0, 0.1]}) -> !torch.vtensor<[?,2],f32> {
  %one = torch.constant.int 1
  %p = torch.aten.mm %x, %w : !torch.vtensor<[?,4],f32>, !torch.vtensor<[4,3],f32> -> !torch.vtensor<[?,3],f32>
  %s = torch.aten.add.Tensor %p, %b, %one : !torch.vtensor<[?,3],f32>, !torch.vtensor<[3],f32>, !torch.int -> !torch.vtensor<[?,3],f32>
  %r = torch.aten.relu %s {stepwell.range = [0.0, 3.2]} : !torch.vtensor<[?,3],f32> -> !torch.vtensor<[?,3],f32>
  %q = torch.aten.mm %r, %v {stepwell.range = [-9.0, 9.0]} : !torch.vtensor<[?,3],f32>, !torch.vtensor<[3,2],f32> -> !torch.vtensor<[?,2],f32>
  return %q : !torch.vtensor<[?,2],f32>
}

// -----

// Two sums of products with different fractions are aligned, then added exactly; both read one quantised input.
// CHECK-LABEL: func.func @residual
// CHECK: %[[X:.*]] = "numeric.quantize"
// CHECK: %[[A:.*]] = "numeric.matmul"(%[[X]],{{.*}} -> tensor<2x4x!numeric.fixed<18 : i64, 14 : i64, "signed">>
// CHECK: %[[B:.*]] = "numeric.matmul"(%[[X]],{{.*}} -> tensor<2x4x!numeric.fixed<18 : i64, 12 : i64, "signed">>
// CHECK: %[[C:.*]] = "numeric.cast"(%[[B]]) {{.*}} -> tensor<2x4x!numeric.fixed<20 : i64, 14 : i64, "signed">>
// CHECK: "numeric.add"(%[[A]], %[[C]]) {{.*}} -> tensor<2x4x!numeric.fixed<21 : i64, 14 : i64, "signed">>
func.func @residual(%x: !torch.vtensor<[2,4],f32> {stepwell.range = [-1.0, 0.9]},
                    %v: !torch.vtensor<[4,4],f32> {stepwell.parameter = "v", stepwell.range = [-1.0, 0.9]},
                    %w: !torch.vtensor<[4,4],f32> {stepwell.parameter = "w", stepwell.range = [-4.0, 3.9]}) -> !torch.vtensor<[2,4],f32> {
  %one = torch.constant.int 1
  %p = torch.aten.mm %x, %v : !torch.vtensor<[2,4],f32>, !torch.vtensor<[4,4],f32> -> !torch.vtensor<[2,4],f32>
  %q = torch.aten.mm %x, %w : !torch.vtensor<[2,4],f32>, !torch.vtensor<[4,4],f32> -> !torch.vtensor<[2,4],f32>
  %s = torch.aten.add.Tensor %p, %q, %one : !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>, !torch.int -> !torch.vtensor<[2,4],f32>
  return %s : !torch.vtensor<[2,4],f32>
}

// -----

// What stays: a product without ranges, one of f64, one whose length is unknown, a sum that is scaled, relu of an input.
// CHECK-LABEL: func.func @stays
// CHECK-NOT: numeric.
// CHECK: return
func.func @stays(%x: !torch.vtensor<[2,4],f32>, %y: !torch.vtensor<[4,4],f64> {stepwell.range = [0.0, 1.0]},
                 %z: !torch.vtensor<[?,?],f32> {stepwell.range = [0.0, 1.0]}, %w: !torch.vtensor<[4,4],f32> {stepwell.range = [0.0, 1.0]})
    -> (!torch.vtensor<[2,4],f32>, !torch.vtensor<[4,4],f64>, !torch.vtensor<[?,?],f32>, !torch.vtensor<[4,4],f32>, !torch.vtensor<[4,4],f32>) {
  %two = torch.constant.int 2
  %a = torch.aten.mm %x, %w : !torch.vtensor<[2,4],f32>, !torch.vtensor<[4,4],f32> -> !torch.vtensor<[2,4],f32>
  %b = torch.aten.mm %y, %y : !torch.vtensor<[4,4],f64>, !torch.vtensor<[4,4],f64> -> !torch.vtensor<[4,4],f64>
  %c = torch.aten.mm %z, %z : !torch.vtensor<[?,?],f32>, !torch.vtensor<[?,?],f32> -> !torch.vtensor<[?,?],f32>
  %d = torch.aten.add.Tensor %w, %w, %two : !torch.vtensor<[4,4],f32>, !torch.vtensor<[4,4],f32>, !torch.int -> !torch.vtensor<[4,4],f32>
  %e = torch.aten.relu %w {stepwell.range = [0.0, 1.0]} : !torch.vtensor<[4,4],f32> -> !torch.vtensor<[4,4],f32>
  return %a, %b, %c, %d, %e : !torch.vtensor<[2,4],f32>, !torch.vtensor<[4,4],f64>, !torch.vtensor<[?,?],f32>, !torch.vtensor<[4,4],f32>, !torch.vtensor<[4,4],f32>
}
