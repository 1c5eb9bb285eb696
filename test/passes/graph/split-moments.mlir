// RUN: stepwell-opt %s --split-moments --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @normalise
// CHECK: %[[MEAN:.*]] = torch.aten.mean.dim %arg0
// CHECK: %[[D:.*]] = torch.aten.sub.Tensor %arg0, %[[MEAN]]
// CHECK: %[[S:.*]] = torch.aten.mul.Tensor %[[D]], %[[D]]
// CHECK: %[[VARIANCE:.*]] = torch.aten.mean.dim %[[S]]
// CHECK-NOT: var_mean
// CHECK: return %[[VARIANCE]], %[[MEAN]]
func.func @normalise(%x: !torch.vtensor<[?,8],f32>) -> (!torch.vtensor<[?,1],f32>, !torch.vtensor<[?,1],f32>) {
  %one = torch.constant.int 1
  %none = torch.constant.int 0
  %true = torch.constant.bool true
  %dims = torch.prim.ListConstruct %one : (!torch.int) -> !torch.list<int>
  %v, %m = torch.aten.var_mean.correction %x, %dims, %none, %true : !torch.vtensor<[?,8],f32>, !torch.list<int>, !torch.int, !torch.bool -> !torch.vtensor<[?,1],f32>, !torch.vtensor<[?,1],f32>
  return %v, %m : !torch.vtensor<[?,1],f32>, !torch.vtensor<[?,1],f32>
}

// -----

// Bessel's correction.
// CHECK-LABEL: func.func @corrected
// CHECK: var_mean
func.func @corrected(%x: !torch.vtensor<[4,8],f32>) -> (!torch.vtensor<[4,1],f32>, !torch.vtensor<[4,1],f32>) {
  %one = torch.constant.int 1
  %true = torch.constant.bool true
  %dims = torch.prim.ListConstruct %one : (!torch.int) -> !torch.list<int>
  %v, %m = torch.aten.var_mean.correction %x, %dims, %one, %true : !torch.vtensor<[4,8],f32>, !torch.list<int>, !torch.int, !torch.bool -> !torch.vtensor<[4,1],f32>, !torch.vtensor<[4,1],f32>
  return %v, %m : !torch.vtensor<[4,1],f32>, !torch.vtensor<[4,1],f32>
}

// -----

// CHECK-LABEL: func.func @double
// CHECK: var_mean
func.func @double(%x: !torch.vtensor<[4,8],f64>) -> (!torch.vtensor<[4,1],f64>, !torch.vtensor<[4,1],f64>) {
  %one = torch.constant.int 1
  %none = torch.constant.int 0
  %true = torch.constant.bool true
  %dims = torch.prim.ListConstruct %one : (!torch.int) -> !torch.list<int>
  %v, %m = torch.aten.var_mean.correction %x, %dims, %none, %true : !torch.vtensor<[4,8],f64>, !torch.list<int>, !torch.int, !torch.bool -> !torch.vtensor<[4,1],f64>, !torch.vtensor<[4,1],f64>
  return %v, %m : !torch.vtensor<[4,1],f64>, !torch.vtensor<[4,1],f64>
}
