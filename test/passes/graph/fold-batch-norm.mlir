// RUN: stepwell-opt %s --split-input-file --fold-batch-norm --canonicalize | FileCheck %s

// What torch.export leaves of a batch normalisation behind a convolution without bias. The channel numbers come in
// as [8,1,1]; the weight is scaled along its first dimension.
// CHECK-LABEL: func.func @convolution(
// CHECK-SAME: %[[X:.*]]: !torch.vtensor<[2,4,8,8],f32> {{.*}}, %[[W:.*]]: !torch.vtensor<[8,2,3,3],f32> {{.*}}, %[[MEAN:.*]]: !torch.vtensor<[8,1,1],f32> {{.*}}, %[[DEV:.*]]: !torch.vtensor<[8,1,1],f32> {{.*}}, %[[SHIFT:.*]]: !torch.vtensor<[8,1,1],f32>
// CHECK: %[[M:.*]] = torch.aten.view %[[MEAN]]
// CHECK: %[[N:.*]] = torch.aten.neg %[[M]]
// CHECK: %[[D:.*]] = torch.aten.view %[[DEV]]
// CHECK: %[[ND:.*]] = torch.aten.mul.Tensor %[[N]], %[[D]]
// CHECK: %[[S:.*]] = torch.aten.view %[[SHIFT]]
// CHECK: %[[BIAS:.*]] = torch.aten.add.Tensor %[[ND]], %[[S]]
// CHECK: %[[D4:.*]] = torch.aten.view %[[D]], %{{.*}} -> !torch.vtensor<[8,1,1,1],f32>
// CHECK: %[[WEIGHT:.*]] = torch.aten.mul.Tensor %[[W]], %[[D4]]
// CHECK: %[[Y:.*]] = torch.aten.convolution %[[X]], %[[WEIGHT]], %[[BIAS]]
// CHECK: return %[[Y]]
func.func @convolution(%x: !torch.vtensor<[2,4,8,8],f32> {stepwell.input = "x"}, %w: !torch.vtensor<[8,2,3,3],f32> {stepwell.parameter = "w"}, %mean: !torch.vtensor<[8,1,1],f32> {stepwell.parameter = "mean"}, %dev: !torch.vtensor<[8,1,1],f32> {stepwell.parameter = "dev"}, %shift: !torch.vtensor<[8,1,1],f32> {stepwell.parameter = "shift"}) -> !torch.vtensor<[2,8,6,6],f32> {
  %none = torch.constant.none
  %false = torch.constant.bool false
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %2 = torch.constant.int 2
  %ones = torch.prim.ListConstruct %1, %1 : (!torch.int, !torch.int) -> !torch.list<int>
  %zeros = torch.prim.ListConstruct %0, %0 : (!torch.int, !torch.int) -> !torch.list<int>
  %y = torch.aten.convolution %x, %w, %none, %ones, %zeros, %ones, %false, %zeros, %2 : !torch.vtensor<[2,4,8,8],f32>, !torch.vtensor<[8,2,3,3],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.list<int>, !torch.int -> !torch.vtensor<[2,8,6,6],f32>
  %a = torch.aten.sub.Tensor %y, %mean, %1 : !torch.vtensor<[2,8,6,6],f32>, !torch.vtensor<[8,1,1],f32>, !torch.int -> !torch.vtensor<[2,8,6,6],f32>
  %b = torch.aten.mul.Tensor %a, %dev : !torch.vtensor<[2,8,6,6],f32>, !torch.vtensor<[8,1,1],f32> -> !torch.vtensor<[2,8,6,6],f32>
  %c = torch.aten.add.Tensor %b, %shift, %1 : !torch.vtensor<[2,8,6,6],f32>, !torch.vtensor<[8,1,1],f32>, !torch.int -> !torch.vtensor<[2,8,6,6],f32>
  return %c : !torch.vtensor<[2,8,6,6],f32>
}

// -----

// A matrix product, its bias and a scale: the scale goes along the last dimension of the weight.
// CHECK-LABEL: func.func @linear(
// CHECK-SAME: %[[X:.*]]: !torch.vtensor<[2,4],f32> {{.*}}, %[[W:.*]]: !torch.vtensor<[4,6],f32> {{.*}}, %[[B:.*]]: !torch.vtensor<[6],f32> {{.*}}, %[[S:.*]]: !torch.vtensor<[6],f32>
// CHECK: %[[BS:.*]] = torch.aten.mul.Tensor %[[B]], %[[S]]
// CHECK: %[[S2:.*]] = torch.aten.view %[[S]], %{{.*}} -> !torch.vtensor<[1,6],f32>
// CHECK: %[[WS:.*]] = torch.aten.mul.Tensor %[[W]], %[[S2]]
// CHECK: %[[Y:.*]] = torch.aten.mm %[[X]], %[[WS]]
// CHECK: %[[Z:.*]] = torch.aten.add.Tensor %[[Y]], %[[BS]]
// CHECK: return %[[Z]]
func.func @linear(%x: !torch.vtensor<[2,4],f32> {stepwell.input = "x"}, %w: !torch.vtensor<[4,6],f32> {stepwell.parameter = "w"}, %b: !torch.vtensor<[6],f32> {stepwell.parameter = "b"}, %s: !torch.vtensor<[6],f32> {stepwell.parameter = "s"}) -> !torch.vtensor<[2,6],f32> {
  %1 = torch.constant.int 1
  %y = torch.aten.mm %x, %w : !torch.vtensor<[2,4],f32>, !torch.vtensor<[4,6],f32> -> !torch.vtensor<[2,6],f32>
  %a = torch.aten.add.Tensor %y, %b, %1 : !torch.vtensor<[2,6],f32>, !torch.vtensor<[6],f32>, !torch.int -> !torch.vtensor<[2,6],f32>
  %z = torch.aten.mul.Tensor %a, %s : !torch.vtensor<[2,6],f32>, !torch.vtensor<[6],f32> -> !torch.vtensor<[2,6],f32>
  return %z : !torch.vtensor<[2,6],f32>
}

// -----

// aten.batch_norm itself, in evaluation.
// CHECK-LABEL: func.func @batch_norm(
// CHECK-NOT: torch.aten.batch_norm
// CHECK: torch.aten.rsqrt
// CHECK: torch.aten.linear
// CHECK-NEXT: return
func.func @batch_norm(%x: !torch.vtensor<[2,4],f32> {stepwell.input = "x"}, %w: !torch.vtensor<[6,4],f32> {stepwell.parameter = "w"}, %mean: !torch.vtensor<[6],f32> {stepwell.parameter = "mean"}, %var: !torch.vtensor<[6],f32> {stepwell.parameter = "var"}) -> !torch.vtensor<[2,6],f32> {
  %none = torch.constant.none
  %false = torch.constant.bool false
  %momentum = torch.constant.float 1.000000e-01
  %eps = torch.constant.float 1.000000e-05
  %y = torch.aten.linear %x, %w, %none : !torch.vtensor<[2,4],f32>, !torch.vtensor<[6,4],f32>, !torch.none -> !torch.vtensor<[2,6],f32>
  %z = torch.aten.batch_norm %y, %none, %none, %mean, %var, %false, %momentum, %eps, %false : !torch.vtensor<[2,6],f32>, !torch.none, !torch.none, !torch.vtensor<[6],f32>, !torch.vtensor<[6],f32>, !torch.bool, !torch.float, !torch.float, !torch.bool -> !torch.vtensor<[2,6],f32>
  return %z : !torch.vtensor<[2,6],f32>
}

// -----

// In training the statistics are states or come from the input: nothing is fixed.
// CHECK-LABEL: func.func @training(
// CHECK: torch.aten.linear
// CHECK: torch.aten.batch_norm
// CHECK: torch.aten.mul.Tensor
func.func @training(%x: !torch.vtensor<[2,4],f32> {stepwell.input = "x"}, %w: !torch.vtensor<[6,4],f32> {stepwell.parameter = "w"}, %mean: !torch.vtensor<[6],f32> {stepwell.parameter = "mean"}, %var: !torch.vtensor<[6],f32> {stepwell.parameter = "var"}, %s: !torch.vtensor<[6],f32> {stepwell.state = "s"}) -> (!torch.vtensor<[2,6],f32>, !torch.vtensor<[2,6],f32>) {
  %none = torch.constant.none
  %true = torch.constant.bool true
  %false = torch.constant.bool false
  %momentum = torch.constant.float 1.000000e-01
  %eps = torch.constant.float 1.000000e-05
  %y = torch.aten.linear %x, %w, %none : !torch.vtensor<[2,4],f32>, !torch.vtensor<[6,4],f32>, !torch.none -> !torch.vtensor<[2,6],f32>
  %z = torch.aten.batch_norm %y, %none, %none, %mean, %var, %true, %momentum, %eps, %false : !torch.vtensor<[2,6],f32>, !torch.none, !torch.none, !torch.vtensor<[6],f32>, !torch.vtensor<[6],f32>, !torch.bool, !torch.float, !torch.float, !torch.bool -> !torch.vtensor<[2,6],f32>
  %y2 = torch.aten.linear %x, %w, %none : !torch.vtensor<[2,4],f32>, !torch.vtensor<[6,4],f32>, !torch.none -> !torch.vtensor<[2,6],f32>
  %z2 = torch.aten.mul.Tensor %y2, %s : !torch.vtensor<[2,6],f32>, !torch.vtensor<[6],f32> -> !torch.vtensor<[2,6],f32>
  return %z, %z2 : !torch.vtensor<[2,6],f32>, !torch.vtensor<[2,6],f32>
}

// -----

// The layer's result is needed as it is; the factor runs along rows; a bias alone behind a product.
// CHECK-LABEL: func.func @not_foldable(
// CHECK: %[[Y:.*]] = torch.aten.mm
// CHECK: %[[Z:.*]] = torch.aten.mul.Tensor %[[Y]]
// CHECK: %[[R:.*]] = torch.aten.mm
// CHECK: torch.aten.mul.Tensor %[[R]]
// CHECK: %[[P:.*]] = torch.aten.mm
// CHECK: torch.aten.add.Tensor %[[P]]
func.func @not_foldable(%x: !torch.vtensor<[2,4],f32> {stepwell.input = "x"}, %w: !torch.vtensor<[4,6],f32> {stepwell.parameter = "w"}, %s: !torch.vtensor<[6],f32> {stepwell.parameter = "s"}, %rows: !torch.vtensor<[2,1],f32> {stepwell.parameter = "rows"}) -> (!torch.vtensor<[2,6],f32>, !torch.vtensor<[2,6],f32>, !torch.vtensor<[2,6],f32>, !torch.vtensor<[2,6],f32>) {
  %1 = torch.constant.int 1
  %y = torch.aten.mm %x, %w : !torch.vtensor<[2,4],f32>, !torch.vtensor<[4,6],f32> -> !torch.vtensor<[2,6],f32>
  %z = torch.aten.mul.Tensor %y, %s : !torch.vtensor<[2,6],f32>, !torch.vtensor<[6],f32> -> !torch.vtensor<[2,6],f32>
  %r = torch.aten.mm %x, %w : !torch.vtensor<[2,4],f32>, !torch.vtensor<[4,6],f32> -> !torch.vtensor<[2,6],f32>
  %q = torch.aten.mul.Tensor %r, %rows : !torch.vtensor<[2,6],f32>, !torch.vtensor<[2,1],f32> -> !torch.vtensor<[2,6],f32>
  %p = torch.aten.mm %x, %w : !torch.vtensor<[2,4],f32>, !torch.vtensor<[4,6],f32> -> !torch.vtensor<[2,6],f32>
  %o = torch.aten.add.Tensor %p, %s, %1 : !torch.vtensor<[2,6],f32>, !torch.vtensor<[6],f32>, !torch.int -> !torch.vtensor<[2,6],f32>
  return %y, %z, %q, %o : !torch.vtensor<[2,6],f32>, !torch.vtensor<[2,6],f32>, !torch.vtensor<[2,6],f32>, !torch.vtensor<[2,6],f32>
}
