// RUN: stepwell-opt %s --decompose | FileCheck %s
// RUN: stepwell-opt %s --decompose=ops=gelu,hardswish | FileCheck %s --check-prefix=CHOSEN
// RUN: stepwell-opt %s --decompose=ops=all | FileCheck %s --check-prefix=ALL
// RUN: not stepwell-opt %s --decompose=ops=convolution 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// UNKNOWN: error: decompose has no rule for 'convolution'
// UNKNOWN-NEXT: hint: it has cdist, {{.*}}, or 'all'

// By default only what would not lower, or lower wrongly or with a division too many.
// CHECK-LABEL: func.func @operators(
// CHECK-SAME: %[[X:.*]]: !torch.vtensor<[2,?],f32>
// CHECK: %[[ONE:.*]] = torch.vtensor.literal(dense<1.0
// CHECK: torch.aten.div.Tensor %[[ONE]], %[[X]] : {{.*}} -> !torch.vtensor<[2,?],f32>
// CHECK: torch.aten.erf
// CHECK: torch.aten.hardswish
// CHOSEN-LABEL: func.func @operators(
// CHOSEN: torch.aten.reciprocal
// CHOSEN-NOT: torch.aten.gelu
// CHOSEN: torch.aten.erf
// CHOSEN-NOT: torch.aten.hardswish
// ALL-LABEL: func.func @operators(
// ALL-NOT: torch.aten.{{gelu|hardswish|reciprocal|clamp}}
// ALL: return
func.func @operators(%x: !torch.vtensor<[2,?],f32>) -> (!torch.vtensor<[2,?],f32>, !torch.vtensor<[2,?],f32>, !torch.vtensor<[2,?],f32>) {
  %none = torch.constant.str "none"
  %0 = torch.aten.reciprocal %x : !torch.vtensor<[2,?],f32> -> !torch.vtensor<[2,?],f32>
  %1 = torch.aten.gelu %x, %none : !torch.vtensor<[2,?],f32>, !torch.str -> !torch.vtensor<[2,?],f32>
  %2 = torch.aten.hardswish %x : !torch.vtensor<[2,?],f32> -> !torch.vtensor<[2,?],f32>
  return %0, %1, %2 : !torch.vtensor<[2,?],f32>, !torch.vtensor<[2,?],f32>, !torch.vtensor<[2,?],f32>
}

// Integers, and bounds that are not constant, stay.
// CHECK-LABEL: func.func @stay(
// CHECK: torch.aten.clamp
// CHECK: torch.aten.reciprocal
// CHECK: torch.aten.clamp
func.func @stay(%i: !torch.vtensor<[2],si64>, %x: !torch.vtensor<[2],f32>, %low: !torch.float) -> (!torch.vtensor<[2],si64>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>) {
  %none = torch.constant.none
  %1 = torch.constant.int 1
  %a = torch.aten.clamp %i, %1, %none : !torch.vtensor<[2],si64>, !torch.int, !torch.none -> !torch.vtensor<[2],si64>
  %b = torch.aten.reciprocal %i : !torch.vtensor<[2],si64> -> !torch.vtensor<[2],f32>
  %c = torch.aten.clamp %x, %low, %none : !torch.vtensor<[2],f32>, !torch.float, !torch.none -> !torch.vtensor<[2],f32>
  return %a, %b, %c : !torch.vtensor<[2],si64>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>
}

// An operator that torch-mlir does not know.
// CHECK-LABEL: func.func @unknown(
// CHECK-NOT: torch.operator
// CHECK: torch.aten.sqrt
func.func @unknown(%x: !torch.vtensor<[2],f32>, %y: !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32> {
  %0 = torch.operator "torch.aten.hypot"(%x, %y) : (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32>
  return %0 : !torch.vtensor<[2],f32>
}

// A float is compared with a float; integers are left alone.
// CHECK-LABEL: func.func @whole_numbers(
// CHECK: %[[ONE:.*]] = torch.constant.float 1.0
// CHECK: torch.aten.lt.Scalar %{{.*}}, %[[ONE]] : !torch.vtensor<[2],f32>, !torch.float
// CHECK: torch.aten.lt.Scalar %{{.*}}, %int1 : !torch.vtensor<[2],si64>, !torch.int
func.func @whole_numbers(%x: !torch.vtensor<[2],f32>, %y: !torch.vtensor<[2],si64>) -> (!torch.vtensor<[2],i1>, !torch.vtensor<[2],i1>) {
  %int1 = torch.constant.int 1
  %0 = torch.aten.lt.Scalar %x, %int1 : !torch.vtensor<[2],f32>, !torch.int -> !torch.vtensor<[2],i1>
  %1 = torch.aten.lt.Scalar %y, %int1 : !torch.vtensor<[2],si64>, !torch.int -> !torch.vtensor<[2],i1>
  return %0, %1 : !torch.vtensor<[2],i1>, !torch.vtensor<[2],i1>
}

// x == x is a question for NaN; two tensors that may differ are left alone.
// CHECK-LABEL: func.func @equal(
// CHECK: %[[NAN:.*]] = torch.aten.ne.Tensor %[[X:.*]], %[[X]]
// CHECK: torch.aten.logical_not %[[NAN]]
// CHECK: torch.aten.eq.Tensor
func.func @equal(%x: !torch.vtensor<[2],f32>, %y: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],i1>, !torch.vtensor<[2],i1>) {
  %0 = torch.aten.eq.Tensor %x, %x : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32> -> !torch.vtensor<[2],i1>
  %1 = torch.aten.eq.Tensor %x, %y : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32> -> !torch.vtensor<[2],i1>
  return %0, %1 : !torch.vtensor<[2],i1>, !torch.vtensor<[2],i1>
}

// Only the form that torch-mlir gets wrong goes by default.
// CHECK-LABEL: func.func @gelu_by_tanh
// CHECK-NOT: torch.aten.gelu
// CHECK: torch.aten.tanh
func.func @gelu_by_tanh(%x: !torch.vtensor<[2,3],f32>) -> !torch.vtensor<[2,3],f32> {
  %tanh = torch.constant.str "tanh"
  %y = torch.aten.gelu %x, %tanh : !torch.vtensor<[2,3],f32>, !torch.str -> !torch.vtensor<[2,3],f32>
  return %y : !torch.vtensor<[2,3],f32>
}

// A mean of f16 is one in f32, rounded; one in f32 stays.
// CHECK-LABEL: func.func @means(
// CHECK: torch.aten.mean.dim {{.*}} !torch.vtensor<[2,9],f32>, {{.*}} -> !torch.vtensor<[2],f32>
// CHECK: torch.prims.convert_element_type {{.*}} -> !torch.vtensor<[2],f16>
// CHECK: torch.aten.mean %{{.*}}, %{{.*}} : !torch.vtensor<[2,9],f32>
// CHECK-NOT: torch.prims.convert_element_type
func.func @means(%x: !torch.vtensor<[2,9],f16>, %y: !torch.vtensor<[2,9],f32>) -> (!torch.vtensor<[2],f16>, !torch.vtensor<[],f32>) {
  %none = torch.constant.none
  %false = torch.constant.bool false
  %1 = torch.constant.int 1
  %dims = torch.prim.ListConstruct %1 : (!torch.int) -> !torch.list<int>
  %a = torch.aten.mean.dim %x, %dims, %false, %none : !torch.vtensor<[2,9],f16>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor<[2],f16>
  %b = torch.aten.mean %y, %none : !torch.vtensor<[2,9],f32>, !torch.none -> !torch.vtensor<[],f32>
  return %a, %b : !torch.vtensor<[2],f16>, !torch.vtensor<[],f32>
}
