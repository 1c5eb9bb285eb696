// RUN: stepwell-opt %s --unroll-and-jam=factor=2 --canonicalize --cse | FileCheck %s
// RUN: stepwell-opt %s --unroll-and-jam='factor=2 depth=0' --canonicalize --cse | FileCheck %s --check-prefix=OUTER

// Two rows meet one column: it is read once. What two does not divide runs behind.
// CHECK-LABEL: func.func @rows(
// CHECK: affine.for %[[I:.*]] = 0 to {{.*}} step 2 {
// CHECK-NEXT: affine.for %[[J:.*]] = 0 to 64 {
// CHECK: affine.load %[[B:.*]][%[[J]]]
// CHECK-NOT: affine.load %[[B]][
// CHECK: affine.store %{{.*}}, %{{.*}}[%[[I]]]
// CHECK: affine.store %{{.*}}, %{{.*}}[%[[I]] + 1]
// CHECK: affine.for
// CHECK-NEXT: affine.for
func.func @rows(%a: memref<?x64xf32>, %b: memref<64xf32>, %c: memref<?xf32>, %n: index) {
  affine.for %i = 0 to %n {
    affine.for %j = 0 to 64 {
      %y = affine.load %b[%j] : memref<64xf32>
      %x = affine.load %a[%i, %j] : memref<?x64xf32>
      %z = affine.load %c[%i] : memref<?xf32>
      %p = arith.mulf %x, %y : f32
      %s = arith.addf %z, %p : f32
      affine.store %s, %c[%i] : memref<?xf32>
    }
  }
  return
}

// Sums in registers become two.
// CHECK-LABEL: func.func @sums(
// CHECK: scf.for {{.*}} step %c2
// CHECK: %[[R:.*]]:2 = scf.for {{.*}} -> (f32, f32)
// CHECK: memref.store %[[R]]#0
// CHECK: memref.store %[[R]]#1
func.func @sums(%a: memref<64x64xf32>, %c: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c64 step %c1 {
    %r = scf.for %j = %c0 to %c64 step %c1 iter_args(%sum = %zero) -> f32 {
      %x = memref.load %a[%i, %j] : memref<64x64xf32>
      %s = arith.addf %sum, %x : f32
      scf.yield %s : f32
    }
    memref.store %r, %c[%i] : memref<64xf32>
  }
  return
}

// The loop around the innermost one by itself, or the one at a depth.
// CHECK-LABEL: func.func @three(
// CHECK: affine.for %{{.*}} = 0 to 8 {
// CHECK: affine.for %{{.*}} = 0 to 8 step 2 {
// OUTER-LABEL: func.func @three(
// OUTER: affine.for %{{.*}} = 0 to 8 step 2 {
// OUTER: affine.for %{{.*}} = 0 to 8 {
func.func @three(%a: memref<8x8x8xf32>) {
  %x = arith.constant 1.0 : f32
  affine.for %i = 0 to 8 {
    affine.for %j = 0 to 8 {
      affine.for %k = 0 to 8 {
        affine.store %x, %a[%i, %j, %k] : memref<8x8x8xf32>
      }
    }
  }
  return
}

// Left alone: a row made from the row before it, all rows into one place, an inner loop that grows, a single loop.
// CHECK-LABEL: func.func @left_alone(
// CHECK-NOT: step 2
// CHECK: return
func.func @left_alone(%a: memref<65x64xf32>, %s: memref<64xf32>, %b: memref<64x64xf32>) {
  affine.for %i = 0 to 64 {
    affine.for %j = 0 to 64 {
      %x = affine.load %a[%i, %j] : memref<65x64xf32>
      affine.store %x, %a[%i + 1, %j] : memref<65x64xf32>
    }
  }
  affine.for %i = 0 to 64 {
    affine.for %j = 0 to 64 {
      %x = affine.load %b[%i, %j] : memref<64x64xf32>
      %y = affine.load %s[%j] : memref<64xf32>
      %z = arith.addf %x, %y : f32
      affine.store %z, %s[%j] : memref<64xf32>
    }
  }
  affine.for %i = 0 to 64 {
    affine.for %j = 0 to affine_map<(d0) -> (d0)>(%i) {
      %x = affine.load %b[%i, %j] : memref<64x64xf32>
      affine.store %x, %b[%i, %j] : memref<64x64xf32>
    }
  }
  affine.for %i = 0 to 64 {
    %x = affine.load %s[%i] : memref<64xf32>
    affine.store %x, %s[%i] : memref<64xf32>
  }
  return
}
