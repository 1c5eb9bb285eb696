// RUN: stepwell-opt %s --sign-integers --split-input-file | FileCheck %s

// Numbers of 16 bits are computed with in 32, those of 32 in 64.
// CHECK-LABEL: func.func @product(
// CHECK-SAME: %[[A:.*]]: !torch.vtensor<[4],si16>, %[[B:.*]]: !torch.vtensor<[4],si16>) -> !torch.vtensor<[4],si16>
// CHECK: %[[W:.*]] = torch.prims.convert_element_type %[[A]], {{.*}} -> !torch.vtensor<[4],si32>
// CHECK: %[[M:.*]] = torch.aten.bitwise_and.Scalar %[[W]], %int65535
// CHECK: %[[P:.*]] = torch.aten.mul.Tensor %[[M]], %{{.*}} -> !torch.vtensor<[4],si32>
// CHECK: %[[R:.*]] = torch.prims.convert_element_type %[[P]], %int2{{.*}} -> !torch.vtensor<[4],si16>
// CHECK: return %[[R]]
func.func @product(%a: !torch.vtensor<[4],ui16>, %b: !torch.vtensor<[4],ui16>) -> !torch.vtensor<[4],ui16> {
  %0 = torch.aten.mul.Tensor %a, %b : !torch.vtensor<[4],ui16>, !torch.vtensor<[4],ui16> -> !torch.vtensor<[4],ui16>
  return %0 : !torch.vtensor<[4],ui16>
}

// -----

// Of 64 bits, an order is that of signed numbers with the highest bit turned over; sums have the same bits.
// CHECK-LABEL: func.func @wide(
// CHECK: %[[A:.*]] = torch.aten.add.Scalar %{{.*}}, %int-9223372036854775808
// CHECK: %[[L:.*]] = torch.aten.maximum %[[A]]
// CHECK: %[[B:.*]] = torch.aten.add.Scalar %[[L]]
// CHECK: torch.aten.add.Tensor %[[B]], {{.*}} -> !torch.vtensor<[2],si64>
func.func @wide(%a: !torch.vtensor<[2],ui64>, %b: !torch.vtensor<[2],ui64>) -> !torch.vtensor<[2],ui64> {
  %int1 = torch.constant.int 1
  %0 = torch.aten.maximum %a, %b : !torch.vtensor<[2],ui64>, !torch.vtensor<[2],ui64> -> !torch.vtensor<[2],ui64>
  %1 = torch.aten.add.Tensor %0, %b, %int1 : !torch.vtensor<[2],ui64>, !torch.vtensor<[2],ui64>, !torch.int -> !torch.vtensor<[2],ui64>
  return %1 : !torch.vtensor<[2],ui64>
}

// -----

// A number becomes one of 16 bits by its lowest ones, and is read without its sign.
// CHECK-LABEL: func.func @casts(
// CHECK: %[[W:.*]] = torch.prims.convert_element_type %{{.*}}, %int3{{.*}} -> !torch.vtensor<[3],si32>
// CHECK: %[[N:.*]] = torch.prims.convert_element_type %[[W]], %int2{{.*}} -> !torch.vtensor<[3],si16>
// CHECK: %[[U:.*]] = torch.prims.convert_element_type %[[N]], %int3{{.*}} -> !torch.vtensor<[3],si32>
// CHECK: %[[M:.*]] = torch.aten.bitwise_and.Scalar %[[U]], %int65535
// CHECK: torch.prims.convert_element_type %[[M]], %int6
func.func @casts(%x: !torch.vtensor<[3],f32>) -> !torch.vtensor<[3],f32> {
  %int27 = torch.constant.int 27
  %int6 = torch.constant.int 6
  %0 = torch.prims.convert_element_type %x, %int27 : !torch.vtensor<[3],f32>, !torch.int -> !torch.vtensor<[3],ui16>
  %1 = torch.prims.convert_element_type %0, %int6 : !torch.vtensor<[3],ui16>, !torch.int -> !torch.vtensor<[3],f32>
  return %1 : !torch.vtensor<[3],f32>
}

// -----

// What only moves elements, or works on bits, stays.
// CHECK-LABEL: func.func @moves(
// CHECK-NOT: convert_element_type
// CHECK: torch.aten.bitwise_or.Tensor %{{.*}} -> !torch.vtensor<[2,3],si32>
// CHECK-NOT: convert_element_type
// CHECK: torch.aten.permute %{{.*}} -> !torch.vtensor<[3,2],si32>
func.func @moves(%x: !torch.vtensor<[2,3],ui32>) -> !torch.vtensor<[3,2],ui32> {
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %0 = torch.prim.ListConstruct %int1, %int0 : (!torch.int, !torch.int) -> !torch.list<int>
  %1 = torch.aten.bitwise_or.Tensor %x, %x : !torch.vtensor<[2,3],ui32>, !torch.vtensor<[2,3],ui32> -> !torch.vtensor<[2,3],ui32>
  %2 = torch.aten.permute %1, %0 : !torch.vtensor<[2,3],ui32>, !torch.list<int> -> !torch.vtensor<[3,2],ui32>
  return %2 : !torch.vtensor<[3,2],ui32>
}

// -----

// A literal holds the same bits.
// CHECK-LABEL: func.func @literal(
// CHECK: torch.vtensor.literal(dense<[-1, 7]> : tensor<2xsi16>) : !torch.vtensor<[2],si16>
func.func @literal() -> !torch.vtensor<[2],ui16> {
  %0 = torch.vtensor.literal(dense<[65535, 7]> : tensor<2xui16>) : !torch.vtensor<[2],ui16>
  return %0 : !torch.vtensor<[2],ui16>
}

// -----

// Bytes are another pass's.
// CHECK-LABEL: func.func @bytes(
// CHECK: torch.aten.mul.Tensor %{{.*}} -> !torch.vtensor<[4],ui8>
func.func @bytes(%a: !torch.vtensor<[4],ui8>) -> !torch.vtensor<[4],ui8> {
  %0 = torch.aten.mul.Tensor %a, %a : !torch.vtensor<[4],ui8>, !torch.vtensor<[4],ui8> -> !torch.vtensor<[4],ui8>
  return %0 : !torch.vtensor<[4],ui8>
}
