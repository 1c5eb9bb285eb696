// RUN: stepwell-opt %s --simplify | FileCheck %s

// Copies and casts that change nothing; a cast to a wider type and back.
// CHECK-LABEL: func.func @copies(
// CHECK-SAME: %[[X:.*]]: !torch.vtensor<[2,?],f16>
// CHECK-NEXT: return %[[X]]
func.func @copies(%x: !torch.vtensor<[2,?],f16>) -> !torch.vtensor<[2,?],f16> {
  %none = torch.constant.none
  %5 = torch.constant.int 5
  %6 = torch.constant.int 6
  %0 = torch.aten.clone %x, %none : !torch.vtensor<[2,?],f16>, !torch.none -> !torch.vtensor<[2,?],f16>
  %1 = torch.aten.detach %0 : !torch.vtensor<[2,?],f16> -> !torch.vtensor<[2,?],f16>
  %2 = torch.prims.convert_element_type %1, %6 : !torch.vtensor<[2,?],f16>, !torch.int -> !torch.vtensor<[2,?],f32>
  %3 = torch.prims.convert_element_type %2, %5 : !torch.vtensor<[2,?],f32>, !torch.int -> !torch.vtensor<[2,?],f16>
  return %3 : !torch.vtensor<[2,?],f16>
}

// A cast to a narrower type and back rounds.
// CHECK-LABEL: func.func @rounding_casts(
// CHECK-COUNT-2: torch.prims.convert_element_type
func.func @rounding_casts(%x: !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32> {
  %5 = torch.constant.int 5
  %6 = torch.constant.int 6
  %0 = torch.prims.convert_element_type %x, %5 : !torch.vtensor<[2],f32>, !torch.int -> !torch.vtensor<[2],f16>
  %1 = torch.prims.convert_element_type %0, %6 : !torch.vtensor<[2],f16>, !torch.int -> !torch.vtensor<[2],f32>
  return %1 : !torch.vtensor<[2],f32>
}

// CHECK-LABEL: func.func @arithmetic(
// CHECK-SAME: %[[X:.*]]: !torch.vtensor<[2],f32>, %[[I:.*]]: !torch.vtensor<[2],si64>
// CHECK-NEXT: return %[[X]], %[[I]]
func.func @arithmetic(%x: !torch.vtensor<[2],f32>, %i: !torch.vtensor<[2],si64>) -> (!torch.vtensor<[2],f32>, !torch.vtensor<[2],si64>) {
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %one_f = torch.vtensor.literal(dense<1.0> : tensor<f32>) : !torch.vtensor<[],f32>
  %0 = torch.aten.mul.Scalar %x, %one : !torch.vtensor<[2],f32>, !torch.int -> !torch.vtensor<[2],f32>
  %1 = torch.aten.mul.Tensor %one_f, %0 : !torch.vtensor<[],f32>, !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
  %2 = torch.aten.div.Scalar %1, %one : !torch.vtensor<[2],f32>, !torch.int -> !torch.vtensor<[2],f32>
  %3 = torch.aten.sub.Scalar %2, %zero, %one : !torch.vtensor<[2],f32>, !torch.int, !torch.int -> !torch.vtensor<[2],f32>
  %4 = torch.aten.neg %3 : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
  %5 = torch.aten.neg %4 : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
  %6 = torch.aten.add.Scalar %i, %zero, %one : !torch.vtensor<[2],si64>, !torch.int, !torch.int -> !torch.vtensor<[2],si64>
  return %5, %6 : !torch.vtensor<[2],f32>, !torch.vtensor<[2],si64>
}

// Not identities: x * 0 for NaN, x + 0 for -0.0, x / 1 of integers, which makes floats.
// CHECK-LABEL: func.func @not_identities(
// CHECK: torch.aten.mul.Scalar
// CHECK: torch.aten.add.Scalar
// CHECK: torch.aten.div.Scalar
func.func @not_identities(%x: !torch.vtensor<[2],f32>, %i: !torch.vtensor<[2],si64>) -> (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>) {
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %0 = torch.aten.mul.Scalar %x, %zero : !torch.vtensor<[2],f32>, !torch.int -> !torch.vtensor<[2],f32>
  %1 = torch.aten.add.Scalar %x, %zero, %one : !torch.vtensor<[2],f32>, !torch.int, !torch.int -> !torch.vtensor<[2],f32>
  %2 = torch.aten.div.Scalar %i, %one : !torch.vtensor<[2],si64>, !torch.int -> !torch.vtensor<[2],f32>
  return %0, %1, %2 : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>
}

// CHECK-LABEL: func.func @repeated(
// CHECK: %[[R:.*]] = torch.aten.relu %{{.*}}
// CHECK-NOT: torch.aten.relu
// CHECK: %[[Q:.*]] = torch.aten.rsqrt %[[R]]
// CHECK-NOT: torch.aten.sqrt
// CHECK: return %[[Q]]
func.func @repeated(%x: !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32> {
  %0 = torch.aten.relu %x : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
  %1 = torch.aten.relu %0 : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
  %2 = torch.aten.sqrt %1 : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
  %3 = torch.aten.reciprocal %2 : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
  return %3 : !torch.vtensor<[2],f32>
}

// CHECK-LABEL: func.func @dropout(
// CHECK-SAME: %[[X:.*]]: !torch.vtensor<[2],f32>
// CHECK: %[[D:.*]] = torch.aten.dropout %[[X]]
// CHECK-NOT: torch.aten.dropout
// CHECK: return %[[X]], %[[D]]
func.func @dropout(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>) {
  %half = torch.constant.float 5.000000e-01
  %false = torch.constant.bool false
  %true = torch.constant.bool true
  %0 = torch.aten.dropout %x, %half, %false : !torch.vtensor<[2],f32>, !torch.float, !torch.bool -> !torch.vtensor<[2],f32>
  %1 = torch.aten.dropout %x, %half, %true : !torch.vtensor<[2],f32>, !torch.float, !torch.bool -> !torch.vtensor<[2],f32>
  return %0, %1 : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>
}

// Two transpositions: none, or one permutation.
// CHECK-LABEL: func.func @transposed(
// CHECK-SAME: %[[X:.*]]: !torch.vtensor<[2,3,?],f32>
// CHECK: %[[P:.*]] = torch.aten.permute %[[X]]
// CHECK-NOT: torch.aten.transpose.int
// CHECK: return %[[X]], %[[P]]
func.func @transposed(%x: !torch.vtensor<[2,3,?],f32>) -> (!torch.vtensor<[2,3,?],f32>, !torch.vtensor<[3,?,2],f32>) {
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %2 = torch.constant.int -1
  %a = torch.aten.transpose.int %x, %1, %2 : !torch.vtensor<[2,3,?],f32>, !torch.int, !torch.int -> !torch.vtensor<[2,?,3],f32>
  %b = torch.aten.transpose.int %a, %2, %1 : !torch.vtensor<[2,?,3],f32>, !torch.int, !torch.int -> !torch.vtensor<[2,3,?],f32>
  %c = torch.aten.transpose.int %x, %0, %1 : !torch.vtensor<[2,3,?],f32>, !torch.int, !torch.int -> !torch.vtensor<[3,2,?],f32>
  %d = torch.aten.transpose.int %c, %1, %2 : !torch.vtensor<[3,2,?],f32>, !torch.int, !torch.int -> !torch.vtensor<[3,?,2],f32>
  return %b, %d : !torch.vtensor<[2,3,?],f32>, !torch.vtensor<[3,?,2],f32>
}

// CHECK-LABEL: func.func @views(
// CHECK-SAME: %[[X:.*]]: !torch.vtensor<[2,6],f32>
// CHECK: %[[V:.*]] = torch.aten.view %[[X]], %{{.*}} -> !torch.vtensor<[4,3],f32>
// CHECK-NOT: torch.aten
// CHECK: return %[[X]], %[[V]], %[[X]]
func.func @views(%x: !torch.vtensor<[2,6],f32>) -> (!torch.vtensor<[2,6],f32>, !torch.vtensor<[4,3],f32>, !torch.vtensor<[2,6],f32>) {
  %1 = torch.constant.int 1
  %2 = torch.constant.int 2
  %3 = torch.constant.int 3
  %4 = torch.constant.int 4
  %6 = torch.constant.int 6
  %12 = torch.constant.int 12
  %flat = torch.prim.ListConstruct %12 : (!torch.int) -> !torch.list<int>
  %same = torch.prim.ListConstruct %2, %6 : (!torch.int, !torch.int) -> !torch.list<int>
  %other = torch.prim.ListConstruct %4, %3 : (!torch.int, !torch.int) -> !torch.list<int>
  %a = torch.aten.view %x, %flat : !torch.vtensor<[2,6],f32>, !torch.list<int> -> !torch.vtensor<[12],f32>
  %b = torch.aten.view %a, %same : !torch.vtensor<[12],f32>, !torch.list<int> -> !torch.vtensor<[2,6],f32>
  %c = torch.aten.view %a, %other : !torch.vtensor<[12],f32>, !torch.list<int> -> !torch.vtensor<[4,3],f32>
  %d = torch.aten.unsqueeze %x, %1 : !torch.vtensor<[2,6],f32>, !torch.int -> !torch.vtensor<[2,1,6],f32>
  %e = torch.aten.squeeze.dim %d, %1 : !torch.vtensor<[2,1,6],f32>, !torch.int -> !torch.vtensor<[2,6],f32>
  return %b, %c, %e : !torch.vtensor<[2,6],f32>, !torch.vtensor<[4,3],f32>, !torch.vtensor<[2,6],f32>
}

// A view to sizes that are not known may be another shape of the same type.
// CHECK-LABEL: func.func @dynamic_view(
// CHECK: torch.aten.view
func.func @dynamic_view(%x: !torch.vtensor<[?,?],f32>, %n: !torch.int) -> !torch.vtensor<[?,?],f32> {
  %minus = torch.constant.int -1
  %sizes = torch.prim.ListConstruct %n, %minus : (!torch.int, !torch.int) -> !torch.list<int>
  %0 = torch.aten.view %x, %sizes : !torch.vtensor<[?,?],f32>, !torch.list<int> -> !torch.vtensor<[?,?],f32>
  return %0 : !torch.vtensor<[?,?],f32>
}

// CHECK-LABEL: func.func @whole(
// CHECK-SAME: %[[X:.*]]: !torch.vtensor<[?,4],f32>
// CHECK-NEXT: return %[[X]]
func.func @whole(%x: !torch.vtensor<[?,4],f32>) -> !torch.vtensor<[?,4],f32> {
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %four = torch.constant.int 4
  %last = torch.constant.int 9223372036854775807
  %fill = torch.constant.float 0.000000e+00
  %pads = torch.prim.ListConstruct %zero, %zero : (!torch.int, !torch.int) -> !torch.list<int>
  %0 = torch.aten.slice.Tensor %x, %zero, %zero, %last, %one : !torch.vtensor<[?,4],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[?,4],f32>
  %1 = torch.aten.slice.Tensor %0, %one, %zero, %four, %one : !torch.vtensor<[?,4],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[?,4],f32>
  %2 = torch.aten.constant_pad_nd %1, %pads, %fill : !torch.vtensor<[?,4],f32>, !torch.list<int>, !torch.float -> !torch.vtensor<[?,4],f32>
  %list = torch.prim.ListConstruct %2 : (!torch.vtensor<[?,4],f32>) -> !torch.list<vtensor>
  %3 = torch.aten.cat %list, %zero : !torch.list<vtensor>, !torch.int -> !torch.vtensor<[?,4],f32>
  return %3 : !torch.vtensor<[?,4],f32>
}

// The first four of rows that nobody counted are not all of them.
// CHECK-LABEL: func.func @part(
// CHECK: torch.aten.slice.Tensor
func.func @part(%x: !torch.vtensor<[?,4],f32>) -> !torch.vtensor<[?,4],f32> {
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %four = torch.constant.int 4
  %0 = torch.aten.slice.Tensor %x, %zero, %zero, %four, %one : !torch.vtensor<[?,4],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[?,4],f32>
  return %0 : !torch.vtensor<[?,4],f32>
}

// What is permuted may have no operands itself.
// CHECK-LABEL: func.func @of_a_literal(
// CHECK: torch.vtensor.literal
// CHECK: torch.aten.permute
func.func @of_a_literal() -> !torch.vtensor<[2,1],f32> {
  %x = torch.vtensor.literal(dense<[[1.0, 2.0]]> : tensor<1x2xf32>) : !torch.vtensor<[1,2],f32>
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %order = torch.prim.ListConstruct %int1, %int0 : (!torch.int, !torch.int) -> !torch.list<int>
  %y = torch.aten.permute %x, %order : !torch.vtensor<[1,2],f32>, !torch.list<int> -> !torch.vtensor<[2,1],f32>
  return %y : !torch.vtensor<[2,1],f32>
}
