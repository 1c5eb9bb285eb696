// RUN: stepwell-opt %s --pass-pipeline='builtin.module(set-fp-policy)' | FileCheck %s --check-prefixes=CHECK,CONTRACT
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(set-fp-policy{policy=strict})' | FileCheck %s --check-prefixes=CHECK,STRICT
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(set-fp-policy{policy=fast})' | FileCheck %s --check-prefixes=CHECK,FAST
// RUN: not stepwell-opt %s --pass-pipeline='builtin.module(set-fp-policy{policy=loose})' 2>&1 | FileCheck %s --check-prefix=WRONG

// WRONG: there is no numerics policy 'loose'
// WRONG: choose from strict, contract, fast

// CHECK-LABEL: func.func @carried
func.func @carried(%a: memref<?xf32>, %n: index) -> f32 {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %s = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %zero) -> f32 {
    %x = memref.load %a[%i] : memref<?xf32>
    // CONTRACT: arith.mulf %{{.*}}, %{{.*}} fastmath<contract> : f32
    // STRICT: arith.mulf %{{.*}}, %{{.*}} : f32
    // FAST: arith.mulf %{{.*}}, %{{.*}} fastmath<fast> : f32
    %y = arith.mulf %x, %x : f32
    // CONTRACT: arith.addf %{{.*}}, %{{.*}} fastmath<reassoc,contract> : f32
    // STRICT: arith.addf %{{.*}}, %{{.*}} : f32
    // FAST: arith.addf %{{.*}}, %{{.*}} fastmath<fast> : f32
    %z = arith.addf %acc, %y : f32
    scf.yield %z : f32
  }
  return %s : f32
}

// CHECK-LABEL: func.func @in_memory
func.func @in_memory(%a: memref<f32>, %b: memref<f32>) {
  %x = memref.load %a[] : memref<f32>
  // The first addition reduces into its own buffer, the second stores elsewhere.
  // CONTRACT: arith.addf %{{.*}}, %{{.*}} fastmath<reassoc,contract> : f32
  %y = arith.addf %x, %x : f32
  memref.store %y, %a[] : memref<f32>
  // CONTRACT: arith.addf %{{.*}}, %{{.*}} fastmath<contract> : f32
  %z = arith.addf %x, %y : f32
  memref.store %z, %b[] : memref<f32>
  return
}

// CHECK-LABEL: func.func @other
func.func @other(%x: f32, %i: i32) -> (f32, i32) {
  // CONTRACT: math.exp %{{.*}} fastmath<contract> : f32
  // STRICT: math.exp %{{.*}} : f32
  %e = math.exp %x : f32
  // What the program rounds stays rounded.
  // CHECK: arith.truncf %{{.*}} : f32 to bf16
  %t = arith.truncf %e : f32 to bf16
  // CHECK: arith.extf %{{.*}} : bf16 to f32
  %r = arith.extf %t : bf16 to f32
  // CHECK: math.absi %{{.*}} : i32
  %j = math.absi %i : i32
  return %r, %j : f32, i32
}
