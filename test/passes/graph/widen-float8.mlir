// RUN: stepwell-opt %s --widen-float8 | FileCheck %s

// What f8E4M3FN has no room for is limited; f8E5M2 has infinities.
// CHECK-LABEL: func.func @narrow(
// CHECK-SAME: %[[X:[a-z0-9]+]]: !torch.vtensor<[2,?],f32>
// CHECK: %[[L:.*]] = torch.aten.clamp %[[X]], %float-4.480000e02, %float4.480000e02
// CHECK: torch.prims.convert_element_type %[[L]], {{.*}} -> !torch.vtensor<[2,?],f8E4M3FN>
// CHECK: torch.prims.convert_element_type %[[X]], {{.*}} -> !torch.vtensor<[2,?],f8E5M2>
func.func @narrow(%x: !torch.vtensor<[2,?],f32>) -> (!torch.vtensor<[2,?],f8E4M3FN>, !torch.vtensor<[2,?],f8E5M2>) {
  %int24 = torch.constant.int 24
  %int23 = torch.constant.int 23
  %0 = torch.prims.convert_element_type %x, %int24 : !torch.vtensor<[2,?],f32>, !torch.int -> !torch.vtensor<[2,?],f8E4M3FN>
  %1 = torch.prims.convert_element_type %x, %int23 : !torch.vtensor<[2,?],f32>, !torch.int -> !torch.vtensor<[2,?],f8E5M2>
  return %0, %1 : !torch.vtensor<[2,?],f8E4M3FN>, !torch.vtensor<[2,?],f8E5M2>
}

// Other types go through f32, integers and the other format among them.
// CHECK-LABEL: func.func @others(
// CHECK: torch.prims.convert_element_type %{{.*}} : !torch.vtensor<[3],si64>, !torch.int -> !torch.vtensor<[3],f32>
// CHECK: torch.aten.clamp
// CHECK: -> !torch.vtensor<[3],f8E4M3FN>
// CHECK: !torch.vtensor<[3],f8E4M3FN>, !torch.int -> !torch.vtensor<[3],f32>
// CHECK-NOT: torch.aten.clamp
// CHECK: !torch.vtensor<[3],f32>, !torch.int -> !torch.vtensor<[3],f8E5M2>
// CHECK: !torch.vtensor<[3],f8E5M2>, !torch.int -> !torch.vtensor<[3],f32>
// CHECK: !torch.vtensor<[3],f32>, !torch.int -> !torch.vtensor<[3],bf16>
func.func @others(%x: !torch.vtensor<[3],si64>) -> !torch.vtensor<[3],bf16> {
  %int24 = torch.constant.int 24
  %int23 = torch.constant.int 23
  %int15 = torch.constant.int 15
  %0 = torch.prims.convert_element_type %x, %int24 : !torch.vtensor<[3],si64>, !torch.int -> !torch.vtensor<[3],f8E4M3FN>
  %1 = torch.prims.convert_element_type %0, %int23 : !torch.vtensor<[3],f8E4M3FN>, !torch.int -> !torch.vtensor<[3],f8E5M2>
  %2 = torch.prims.convert_element_type %1, %int15 : !torch.vtensor<[3],f8E5M2>, !torch.int -> !torch.vtensor<[3],bf16>
  return %2 : !torch.vtensor<[3],bf16>
}

// A product is one of f32, whose result is cast back.
// CHECK-LABEL: func.func @product(
// CHECK: %[[P:.*]] = torch.aten.mm {{.*}} : !torch.vtensor<[2,4],f32>, !torch.vtensor<[4,3],f32> -> !torch.vtensor<[2,3],f32>
// CHECK: %[[L:.*]] = torch.aten.clamp %[[P]]
// CHECK: %[[R:.*]] = torch.prims.convert_element_type %[[L]], {{.*}} -> !torch.vtensor<[2,3],f8E4M3FN>
// CHECK: return %[[R]]
func.func @product(%x: !torch.vtensor<[2,4],f8E4M3FN>, %y: !torch.vtensor<[4,3],f8E4M3FN>) -> !torch.vtensor<[2,3],f8E4M3FN> {
  %0 = torch.aten.mm %x, %y : !torch.vtensor<[2,4],f8E4M3FN>, !torch.vtensor<[4,3],f8E4M3FN> -> !torch.vtensor<[2,3],f8E4M3FN>
  return %0 : !torch.vtensor<[2,3],f8E4M3FN>
}

// What moves elements stays, and so does an extension to f32.
// CHECK-LABEL: func.func @kept(
// CHECK-NEXT: torch.constant.int
// CHECK-NEXT: torch.aten.t
// CHECK-NEXT: torch.prims.convert_element_type
// CHECK-NEXT: return
func.func @kept(%x: !torch.vtensor<[2,4],f8E4M3FN>) -> !torch.vtensor<[4,2],f32> {
  %int6 = torch.constant.int 6
  %0 = torch.aten.t %x : !torch.vtensor<[2,4],f8E4M3FN> -> !torch.vtensor<[4,2],f8E4M3FN>
  %1 = torch.prims.convert_element_type %0, %int6 : !torch.vtensor<[4,2],f8E4M3FN>, !torch.int -> !torch.vtensor<[4,2],f32>
  return %1 : !torch.vtensor<[4,2],f32>
}
