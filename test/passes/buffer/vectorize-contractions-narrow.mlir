// RUN: stepwell-opt %s --pass-pipeline='builtin.module(vectorize-contractions{vector-bits=512 registers=32 dots=i8},canonicalize)' --split-input-file | FileCheck %s

// Many rows: the first tile copies the right operand, extended, which the others read; the left one is extended ahead.
// CHECK-LABEL: func.func @bf16
// CHECK: memref.alloc() : memref<32x64xf32>
// CHECK: memref.alloc() {{.*}} : memref<2x64x32xf32>
// CHECK: arith.extf {{.*}} : vector<16xbf16> to vector<16xf32>
// CHECK: vector.store {{.*}} : memref<2x64x32xf32>
// CHECK: vector.load {{.*}} : memref<2x64x32xf32>
// CHECK-NOT: linalg.matmul
func.func @bf16(%a: memref<32x64xbf16>, %b: memref<64x64xbf16>, %c: memref<32x64xf32>) {
  linalg.matmul ins(%a, %b : memref<32x64xbf16>, memref<64x64xbf16>) outs(%c : memref<32x64xf32>)
  return
}

// -----

// Few rows: the right operand is extended as it is loaded.
// CHECK-LABEL: func.func @f16
// CHECK: arith.extf {{.*}} : vector<16xf16> to vector<16xf32>
// CHECK: vector.fma {{.*}} : vector<16xf32>
func.func @f16(%a: memref<2x64xf16>, %b: memref<64x32xf16>, %c: memref<2x32xf32>) {
  linalg.matmul ins(%a, %b : memref<2x64xf16>, memref<64x32xf16>) outs(%c : memref<2x32xf32>)
  return
}

// -----

// Groups of four; the left operand gets 128 more, and sums of the right one make it good.
// CHECK-LABEL: func.func @bytes
// CHECK: arith.xori
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
// CHECK: arith.subi {{.*}} : vector<16xi32>
func.func @bytes(%a: memref<2x64xi8>, %b: memref<64x32xi8>, %c: memref<2x32xi32>) {
  linalg.matmul ins(%a, %b : memref<2x64xi8>, memref<64x32xi8>) outs(%c : memref<2x32xi32>)
  return
}

// -----

// Sums in bf16 would round at every step: left alone.
// CHECK-LABEL: func.func @narrow_sums
// CHECK: linalg.matmul
func.func @narrow_sums(%a: memref<2x64xbf16>, %b: memref<64x32xbf16>, %c: memref<2x32xbf16>) {
  linalg.matmul ins(%a, %b : memref<2x64xbf16>, memref<64x32xbf16>) outs(%c : memref<2x32xbf16>)
  return
}
