// RUN: stepwell-opt %s --widen-bytes | FileCheck %s

// Arithmetic is done in 32 bits; the result wraps when it is narrowed.
// CHECK-LABEL: func.func @arithmetic(
// CHECK-SAME: %[[X:[a-z0-9]+]]: !torch.vtensor<[2,?],ui8>, %[[Y:[a-z0-9]+]]:
// CHECK-DAG: %[[A:.*]] = torch.prims.convert_element_type %[[X]], %int3{{.*}} -> !torch.vtensor<[2,?],si32>
// CHECK-DAG: %[[B:.*]] = torch.prims.convert_element_type %[[Y]], %int3{{.*}} -> !torch.vtensor<[2,?],si32>
// CHECK: %[[P:.*]] = torch.aten.mul.Tensor %[[A]], %[[B]] : {{.*}} -> !torch.vtensor<[2,?],si32>
// CHECK: %[[R:.*]] = torch.prims.convert_element_type %[[P]], %int0{{.*}} -> !torch.vtensor<[2,?],ui8>
// CHECK: return %[[R]]
func.func @arithmetic(%x: !torch.vtensor<[2,?],ui8>, %y: !torch.vtensor<[2,?],ui8>) -> !torch.vtensor<[2,?],ui8> {
  %0 = torch.aten.mul.Tensor %x, %y : !torch.vtensor<[2,?],ui8>, !torch.vtensor<[2,?],ui8> -> !torch.vtensor<[2,?],ui8>
  return %0 : !torch.vtensor<[2,?],ui8>
}

// Only what is narrow is narrowed: of two results the indices stay, of mixed bytes 16 bits are made.
// CHECK-LABEL: func.func @results(
// CHECK: %[[V:.*]], %[[I:.*]] = torch.aten.sort {{.*}} -> !torch.vtensor<[3],si32>, !torch.vtensor<[3],si64>
// CHECK: %[[N:.*]] = torch.prims.convert_element_type %[[V]], {{.*}} -> !torch.vtensor<[3],si8>
// CHECK: %[[S:.*]] = torch.aten.add.Tensor {{.*}} -> !torch.vtensor<[3],si32>
// CHECK: %[[H:.*]] = torch.prims.convert_element_type %[[S]], %int2{{.*}} -> !torch.vtensor<[3],si16>
// CHECK: return %[[N]], %[[I]], %[[H]]
func.func @results(%x: !torch.vtensor<[3],si8>, %y: !torch.vtensor<[3],ui8>) -> (!torch.vtensor<[3],si8>, !torch.vtensor<[3],si64>, !torch.vtensor<[3],si16>) {
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %false = torch.constant.bool false
  %v, %i = torch.aten.sort %x, %0, %false : !torch.vtensor<[3],si8>, !torch.int, !torch.bool -> !torch.vtensor<[3],si8>, !torch.vtensor<[3],si64>
  %s = torch.aten.add.Tensor %x, %y, %1 : !torch.vtensor<[3],si8>, !torch.vtensor<[3],ui8>, !torch.int -> !torch.vtensor<[3],si16>
  return %v, %i, %s : !torch.vtensor<[3],si8>, !torch.vtensor<[3],si64>, !torch.vtensor<[3],si16>
}

// A sum asked for in bytes is accumulated in 32 bits.
// CHECK-LABEL: func.func @accumulate(
// CHECK: torch.aten.sum %{{.*}}, %int3{{.*}} -> !torch.vtensor<[],si32>
// CHECK: torch.prims.convert_element_type {{.*}} -> !torch.vtensor<[],ui8>
func.func @accumulate(%x: !torch.vtensor<[3],ui8>) -> !torch.vtensor<[],ui8> {
  %0 = torch.constant.int 0
  %1 = torch.aten.sum %x, %0 : !torch.vtensor<[3],ui8>, !torch.int -> !torch.vtensor<[],ui8>
  return %1 : !torch.vtensor<[],ui8>
}

// Floating-point numbers go through 32 bits.
// CHECK-LABEL: func.func @from_float(
// CHECK: %[[W:.*]] = torch.prims.convert_element_type %{{.*}}, %int3{{.*}} -> !torch.vtensor<[3],si32>
// CHECK: torch.prims.convert_element_type %[[W]], %int0{{.*}} -> !torch.vtensor<[3],ui8>
func.func @from_float(%x: !torch.vtensor<[3],f32>) -> !torch.vtensor<[3],ui8> {
  %0 = torch.constant.int 0
  %1 = torch.prims.convert_element_type %x, %0 : !torch.vtensor<[3],f32>, !torch.int -> !torch.vtensor<[3],ui8>
  return %1 : !torch.vtensor<[3],ui8>
}

// CHECK-LABEL: func.func @counted(
// CHECK: torch.aten.arange.start_step {{.*}} -> !torch.vtensor<[5],si32>
// CHECK: torch.prims.convert_element_type {{.*}} -> !torch.vtensor<[5],ui8>
func.func @counted() -> !torch.vtensor<[5],ui8> {
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %5 = torch.constant.int 5
  %none = torch.constant.none
  %x = torch.aten.arange.start_step %0, %5, %1, %0, %none, %none, %none : !torch.int, !torch.int, !torch.int, !torch.int, !torch.none, !torch.none, !torch.none -> !torch.vtensor<[5],ui8>
  return %x : !torch.vtensor<[5],ui8>
}

// Booleans have an order too.
// CHECK-LABEL: func.func @booleans(
// CHECK: torch.aten.sort {{.*}} -> !torch.vtensor<[3],si64>, !torch.vtensor<[3],si64>
// CHECK: torch.prims.convert_element_type {{.*}} -> !torch.vtensor<[3],i1>
func.func @booleans(%x: !torch.vtensor<[3],i1>) -> !torch.vtensor<[3],i1> {
  %0 = torch.constant.int 0
  %false = torch.constant.bool false
  %v, %i = torch.aten.sort %x, %0, %false : !torch.vtensor<[3],i1>, !torch.int, !torch.bool -> !torch.vtensor<[3],i1>, !torch.vtensor<[3],si64>
  return %v : !torch.vtensor<[3],i1>
}

// What moves elements or works on bits stays, and so do other integers, a view as another dtype, and a user's operator.
// CHECK-LABEL: func.func @stay(
// CHECK-NOT: convert_element_type
// CHECK: return
func.func @stay(%x: !torch.vtensor<[2,3],ui8>, %w: !torch.vtensor<[2,3],si64>) -> (!torch.vtensor<[3,2],ui8>, !torch.vtensor<[2,3],ui8>, !torch.vtensor<[2,3],si64>, !torch.vtensor<[2,3],si8>, !torch.vtensor<[2,3],ui8>) {
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %a = torch.aten.transpose.int %x, %0, %1 : !torch.vtensor<[2,3],ui8>, !torch.int, !torch.int -> !torch.vtensor<[3,2],ui8>
  %b = torch.aten.bitwise_and.Tensor %x, %x : !torch.vtensor<[2,3],ui8>, !torch.vtensor<[2,3],ui8> -> !torch.vtensor<[2,3],ui8>
  %c = torch.aten.mul.Tensor %w, %w : !torch.vtensor<[2,3],si64>, !torch.vtensor<[2,3],si64> -> !torch.vtensor<[2,3],si64>
  %d = torch.aten.view.dtype %x, %1 : !torch.vtensor<[2,3],ui8>, !torch.int -> !torch.vtensor<[2,3],si8>
  %e = torch.operator "torch.mine.twice"(%x) : (!torch.vtensor<[2,3],ui8>) -> !torch.vtensor<[2,3],ui8>
  return %a, %b, %c, %d, %e : !torch.vtensor<[3,2],ui8>, !torch.vtensor<[2,3],ui8>, !torch.vtensor<[2,3],si64>, !torch.vtensor<[2,3],si8>, !torch.vtensor<[2,3],ui8>
}
