// RUN: stepwell-opt %s --pass-pipeline='builtin.module(expand-math)' | FileCheck %s --check-prefixes=CHECK,FMA
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(expand-math{fma=false})' | FileCheck %s --check-prefixes=CHECK,PLAIN
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(expand-math{functions=tanh})' | FileCheck %s --check-prefix=SOME
// RUN: not stepwell-opt %s --pass-pipeline='builtin.module(expand-math{functions=exp,gamma})' 2>&1 | FileCheck %s --check-prefix=WRONG

// WRONG: error: expand-math can't expand 'gamma'
// WRONG-NEXT: hint: choose from cos, erf, exp,

// CHECK-LABEL: func @scalar
// CHECK-NOT: math.exp
// FMA: math.fma
// PLAIN-NOT: math.fma
// CHECK: arith.bitcast {{.*}} : f32 to i32
// CHECK: return
// SOME-LABEL: func @scalar
// SOME: math.exp
func.func @scalar(%x: f32) -> f32 {
  %0 = math.exp %x fastmath<contract> : f32
  return %0 : f32
}

// No flags of the function are passed on: the arithmetic relies on its roundings.
// CHECK-LABEL: func @vector
// CHECK-NOT: fastmath
// CHECK-NOT: math.tanh
// CHECK: arith.divf {{.*}} : vector<16xf32>
// CHECK: math.copysign {{.*}} : vector<16xf32>
// SOME-LABEL: func @vector
// SOME-NOT: math.tanh
// SOME: return
func.func @vector(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = math.tanh %x fastmath<contract> : vector<16xf32>
  return %0 : vector<16xf32>
}

// CHECK-LABEL: func @square
// CHECK: arith.mulf %arg0, %arg0
// CHECK-NEXT: return
func.func @square(%x: vector<4xf32>) -> vector<4xf32> {
  %two = arith.constant dense<2.0> : vector<4xf32>
  %0 = math.powf %x, %two : vector<4xf32>
  return %0 : vector<4xf32>
}

// f64 and tensors are left to others.
// CHECK-LABEL: func @other_types
// CHECK-NEXT: math.exp %arg0 : f64
// CHECK-NEXT: math.exp %arg1 : tensor<4xf32>
// CHECK-NEXT: math.sqrt %arg2 : f32
func.func @other_types(%x: f64, %y: tensor<4xf32>, %z: f32) -> (f64, tensor<4xf32>, f32) {
  %0 = math.exp %x : f64
  %1 = math.exp %y : tensor<4xf32>
  %2 = math.sqrt %z : f32
  return %0, %1, %2 : f64, tensor<4xf32>, f32
}

// 1 + erf(x), as GELU has it, is one polynomial: no exponential, no bits.
// CHECK-LABEL: func @one_plus_erf
// CHECK-NOT: arith.bitcast
// CHECK-NOT: fastmath
// CHECK: return
func.func @one_plus_erf(%x: vector<16xf32>) -> vector<16xf32> {
  %one = arith.constant dense<1.0> : vector<16xf32>
  %0 = math.erf %x : vector<16xf32>
  %1 = arith.addf %one, %0 fastmath<contract> : vector<16xf32>
  return %1 : vector<16xf32>
}

// Whoever else wants erf gets all of its digits, and so does a sum with another number.
// CHECK-LABEL: func @erf_used_twice
// CHECK: arith.bitcast
// CHECK: %[[SUM:.*]] = arith.addf %[[ERF:.*]], %{{.*}} fastmath<contract>
// CHECK-NEXT: return %[[SUM]], %[[ERF]]
func.func @erf_used_twice(%x: f32) -> (f32, f32) {
  %one = arith.constant 1.0 : f32
  %0 = math.erf %x : f32
  %1 = arith.addf %0, %one fastmath<contract> : f32
  return %1, %0 : f32, f32
}

// CHECK-LABEL: func @two_plus_erf
// CHECK: arith.bitcast
// CHECK: arith.addf {{.*}} fastmath<contract>
func.func @two_plus_erf(%x: f32) -> f32 {
  %two = arith.constant 2.0 : f32
  %0 = math.erf %x : f32
  %1 = arith.addf %0, %two fastmath<contract> : f32
  return %1 : f32
}
