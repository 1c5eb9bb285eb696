// RUN: stepwell-opt %s --expand-float8 | FileCheck %s

// CHECK-LABEL: func @extend
// CHECK-NOT: arith.extf
// CHECK: %[[B:.*]] = arith.bitcast %{{.*}} : f8E4M3FN to i8
// CHECK: arith.extui %[[B]] : i8 to i32
// CHECK: %[[R:.*]] = arith.bitcast %{{.*}} : i32 to f32
// CHECK: return %[[R]]
func.func @extend(%x: f8E4M3FN) -> f32 {
  %0 = arith.extf %x : f8E4M3FN to f32
  return %0 : f32
}

// Vectors, and other types through f32; flags of the cast are not passed on.
// CHECK-LABEL: func @vector
// CHECK-NOT: fastmath
// CHECK: arith.bitcast %{{.*}} : vector<8xf8E5M2> to vector<8xi8>
// CHECK: arith.truncf %{{.*}} : vector<8xf32> to vector<8xbf16>
// CHECK: return
func.func @vector(%x: vector<8xf8E5M2>) -> vector<8xbf16> {
  %0 = arith.extf %x fastmath<contract> : vector<8xf8E5M2> to vector<8xbf16>
  return %0 : vector<8xbf16>
}

// f64 is rounded once.
// CHECK-LABEL: func @round
// CHECK-NOT: arith.truncf
// CHECK: arith.bitcast %{{.*}} : f64 to i64
// CHECK: arith.trunci %{{.*}} : i64 to i8
// CHECK: arith.bitcast %{{.*}} : i8 to f8E4M3FN
func.func @round(%x: f64) -> f8E4M3FN {
  %0 = arith.truncf %x : f64 to f8E4M3FN
  return %0 : f8E4M3FN
}

// CHECK-LABEL: func @others
// CHECK-NEXT: arith.truncf %{{.*}} : f32 to bf16
// CHECK-NEXT: return
func.func @others(%x: f32) -> bf16 {
  %0 = arith.truncf %x : f32 to bf16
  return %0 : bf16
}
