// RUN: stepwell-opt %s --split-input-file --join-scales --canonicalize | FileCheck %s

// ((x - mean) * dev) * scale + shift, x and some of the numbers in bf16: one factor and one summand in f32.
// CHECK-LABEL: func.func @normalised(
// CHECK-SAME: %[[X:.*]]: !torch.vtensor<[2,8,4,4],bf16> {{.*}}, %[[MEAN:.*]]: !torch.vtensor<[8,1,1],f32> {{.*}}, %[[DEV:.*]]: !torch.vtensor<[8,1,1],f32> {{.*}}, %[[SCALE:.*]]: !torch.vtensor<[8,1,1],bf16> {{.*}}, %[[SHIFT:.*]]: !torch.vtensor<[8,1,1],bf16>
// CHECK: %[[N:.*]] = torch.aten.neg %[[MEAN]]
// CHECK: %[[ND:.*]] = torch.aten.mul.Tensor %[[N]], %[[DEV]]
// CHECK: %[[WIDE:.*]] = torch.aten.to.dtype %[[SCALE]]
// CHECK: %[[A:.*]] = torch.aten.mul.Tensor %[[DEV]], %[[WIDE]]
// CHECK: %[[NDS:.*]] = torch.aten.mul.Tensor %[[ND]], %[[WIDE]]
// CHECK: %[[T:.*]] = torch.aten.to.dtype %[[SHIFT]]
// CHECK: %[[B:.*]] = torch.aten.add.Tensor %[[NDS]], %[[T]]
// CHECK: %[[Y:.*]] = torch.aten.mul.Tensor %[[X]], %[[A]] {{.*}} -> !torch.vtensor<[2,8,4,4],f32>
// CHECK: %[[Z:.*]] = torch.aten.add.Tensor %[[Y]], %[[B]]
// CHECK: return %[[Z]]
func.func @normalised(%x: !torch.vtensor<[2,8,4,4],bf16> {stepwell.input = "x"}, %mean: !torch.vtensor<[8,1,1],f32> {stepwell.parameter = "mean"}, %dev: !torch.vtensor<[8,1,1],f32> {stepwell.parameter = "dev"}, %scale: !torch.vtensor<[8,1,1],bf16> {stepwell.parameter = "scale"}, %shift: !torch.vtensor<[8,1,1],bf16> {stepwell.parameter = "shift"}) -> !torch.vtensor<[2,8,4,4],f32> {
  %1 = torch.constant.int 1
  %a = torch.aten.sub.Tensor %x, %mean, %1 : !torch.vtensor<[2,8,4,4],bf16>, !torch.vtensor<[8,1,1],f32>, !torch.int -> !torch.vtensor<[2,8,4,4],f32>
  %b = torch.aten.mul.Tensor %a, %dev : !torch.vtensor<[2,8,4,4],f32>, !torch.vtensor<[8,1,1],f32> -> !torch.vtensor<[2,8,4,4],f32>
  %c = torch.aten.mul.Tensor %b, %scale : !torch.vtensor<[2,8,4,4],f32>, !torch.vtensor<[8,1,1],bf16> -> !torch.vtensor<[2,8,4,4],f32>
  %d = torch.aten.add.Tensor %c, %shift, %1 : !torch.vtensor<[2,8,4,4],f32>, !torch.vtensor<[8,1,1],bf16>, !torch.int -> !torch.vtensor<[2,8,4,4],f32>
  return %d : !torch.vtensor<[2,8,4,4],f32>
}

// -----

// Two steps are as good as they get; a number that is an input is not fixed; bf16 is rounded at every step; a result
// that is read twice is needed.
// CHECK-LABEL: func.func @short(
// CHECK: torch.aten.mul.Tensor
// CHECK: torch.aten.add.Tensor
func.func @short(%x: !torch.vtensor<[2,8],f32> {stepwell.input = "x"}, %s: !torch.vtensor<[8],f32> {stepwell.parameter = "s"}) -> !torch.vtensor<[2,8],f32> {
  %1 = torch.constant.int 1
  %a = torch.aten.mul.Tensor %x, %s : !torch.vtensor<[2,8],f32>, !torch.vtensor<[8],f32> -> !torch.vtensor<[2,8],f32>
  %b = torch.aten.add.Tensor %a, %s, %1 : !torch.vtensor<[2,8],f32>, !torch.vtensor<[8],f32>, !torch.int -> !torch.vtensor<[2,8],f32>
  return %b : !torch.vtensor<[2,8],f32>
}

// CHECK-LABEL: func.func @inputs(
// CHECK: torch.aten.sub.Tensor
// CHECK: torch.aten.mul.Tensor
// CHECK: torch.aten.add.Tensor
func.func @inputs(%x: !torch.vtensor<[2,8],f32> {stepwell.input = "x"}, %s: !torch.vtensor<[8],f32> {stepwell.input = "s"}) -> !torch.vtensor<[2,8],f32> {
  %1 = torch.constant.int 1
  %a = torch.aten.sub.Tensor %x, %s, %1 : !torch.vtensor<[2,8],f32>, !torch.vtensor<[8],f32>, !torch.int -> !torch.vtensor<[2,8],f32>
  %b = torch.aten.mul.Tensor %a, %s : !torch.vtensor<[2,8],f32>, !torch.vtensor<[8],f32> -> !torch.vtensor<[2,8],f32>
  %c = torch.aten.add.Tensor %b, %s, %1 : !torch.vtensor<[2,8],f32>, !torch.vtensor<[8],f32>, !torch.int -> !torch.vtensor<[2,8],f32>
  return %c : !torch.vtensor<[2,8],f32>
}

// CHECK-LABEL: func.func @narrow(
// CHECK: torch.aten.sub.Tensor
func.func @narrow(%x: !torch.vtensor<[2,8],bf16> {stepwell.input = "x"}, %s: !torch.vtensor<[8],bf16> {stepwell.parameter = "s"}) -> !torch.vtensor<[2,8],bf16> {
  %1 = torch.constant.int 1
  %a = torch.aten.sub.Tensor %x, %s, %1 : !torch.vtensor<[2,8],bf16>, !torch.vtensor<[8],bf16>, !torch.int -> !torch.vtensor<[2,8],bf16>
  %b = torch.aten.mul.Tensor %a, %s : !torch.vtensor<[2,8],bf16>, !torch.vtensor<[8],bf16> -> !torch.vtensor<[2,8],bf16>
  %c = torch.aten.add.Tensor %b, %s, %1 : !torch.vtensor<[2,8],bf16>, !torch.vtensor<[8],bf16>, !torch.int -> !torch.vtensor<[2,8],bf16>
  return %c : !torch.vtensor<[2,8],bf16>
}

// CHECK-LABEL: func.func @read_twice(
// CHECK: torch.aten.sub.Tensor
func.func @read_twice(%x: !torch.vtensor<[2,8],f32> {stepwell.input = "x"}, %s: !torch.vtensor<[8],f32> {stepwell.parameter = "s"}) -> (!torch.vtensor<[2,8],f32>, !torch.vtensor<[2,8],f32>) {
  %1 = torch.constant.int 1
  %a = torch.aten.sub.Tensor %x, %s, %1 : !torch.vtensor<[2,8],f32>, !torch.vtensor<[8],f32>, !torch.int -> !torch.vtensor<[2,8],f32>
  %b = torch.aten.mul.Tensor %a, %s : !torch.vtensor<[2,8],f32>, !torch.vtensor<[8],f32> -> !torch.vtensor<[2,8],f32>
  %c = torch.aten.add.Tensor %b, %s, %1 : !torch.vtensor<[2,8],f32>, !torch.vtensor<[8],f32>, !torch.int -> !torch.vtensor<[2,8],f32>
  return %b, %c : !torch.vtensor<[2,8],f32>, !torch.vtensor<[2,8],f32>
}
