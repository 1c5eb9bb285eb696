// RUN: stepwell-opt %s --unroll-nests=factors=4,2 --canonicalize --split-input-file | FileCheck %s
// RUN: stepwell-opt %s --unroll-nests=factors=4,1 --canonicalize | FileCheck %s --check-prefix=INPUTS

// Four inputs for two outputs: eight multipliers.
// CHECK-LABEL: func.func @product
// CHECK: affine.for %{{.*}} = 0 to 8 {
// CHECK: affine.for %{{.*}} = 0 to 6 step 2
// CHECK: affine.for %{{.*}} = 0 to 12 step 4
// CHECK-COUNT-8: arith.muli
// CHECK-NOT: arith.muli
// INPUTS-LABEL: func.func @product
// INPUTS-COUNT-4: arith.muli
// INPUTS-NOT: arith.muli
// INPUTS: return
func.func @product(%a: memref<8x12xi32>, %b: memref<12x6xi32>, %c: memref<8x6xi32>) {
  affine.for %i = 0 to 8 {
    affine.for %j = 0 to 6 {
      affine.for %k = 0 to 12 {
        %0 = affine.load %a[%i, %k] : memref<8x12xi32>
        %1 = affine.load %b[%k, %j] : memref<12x6xi32>
        %2 = affine.load %c[%i, %j] : memref<8x6xi32>
        %3 = arith.muli %0, %1 : i32
        %4 = arith.addi %2, %3 : i32
        affine.store %4, %c[%i, %j] : memref<8x6xi32>
      }
    }
  }
  return
}

// -----

// Channels are unrolled rather than a window: their elements are in different banks in every iteration. The factor is
// the largest divisor.
// CHECK-LABEL: func.func @convolution
// CHECK: affine.for %{{.*}} = 0 to 5 {
// CHECK: affine.for %{{.*}} = 0 to 6 step 3
// CHECK: affine.for %{{.*}} = 0 to 3 {
// CHECK-COUNT-3: arith.muli
// CHECK-NOT: arith.muli
func.func @convolution(%x: memref<6x7xi32>, %w: memref<6x3xi32>, %y: memref<5xi32>) {
  affine.for %i = 0 to 5 {
    affine.for %c = 0 to 6 {
      affine.for %k = 0 to 3 {
        %0 = affine.load %x[%c, %i + %k] : memref<6x7xi32>
        %1 = affine.load %w[%c, %k] : memref<6x3xi32>
        %2 = affine.load %y[%i] : memref<5xi32>
        %3 = arith.muli %0, %1 : i32
        %4 = arith.addi %2, %3 : i32
        affine.store %4, %y[%i] : memref<5xi32>
      }
    }
  }
  return
}

// -----

// The outer loop can't be unrolled into the inner one: elements that an iteration writes are read by the next.
// CHECK-LABEL: func.func @order
// CHECK: affine.for %{{.*}} = 0 to 4 {
// CHECK: affine.for %{{.*}} = 0 to 3 {
// CHECK-COUNT-1: affine.store
// CHECK-NOT: affine.store
func.func @order(%x: memref<4xi32>, %y: memref<4xi32>) {
  affine.for %i = 0 to 4 {
    affine.for %j = 0 to 3 {
      %0 = affine.load %x[%i] : memref<4xi32>
      %1 = affine.load %y[%j] : memref<4xi32>
      %2 = arith.addi %0, %1 : i32
      affine.store %2, %y[%j + 1] : memref<4xi32>
    }
  }
  return
}

// -----

// A loop that hands its sum on adds up; the copies of the loop around it share it.
// CHECK-LABEL: func.func @carried
// CHECK: affine.for %{{.*}} = 0 to 8 {
// CHECK: affine.for %{{.*}} = 0 to 6 step 2 {
// CHECK: affine.for %{{.*}} = 0 to 12 step 4 iter_args
// CHECK-COUNT-8: arith.muli
// CHECK-NOT: arith.muli
// CHECK-COUNT-2: affine.store
// CHECK-NOT: affine.store
func.func @carried(%a: memref<8x12xi32>, %b: memref<12x6xi32>, %c: memref<8x6xi32>) {
  %zero = arith.constant 0 : i32
  affine.for %i = 0 to 8 {
    affine.for %j = 0 to 6 {
      %sum = affine.for %k = 0 to 12 iter_args(%s = %zero) -> i32 {
        %0 = affine.load %a[%i, %k] : memref<8x12xi32>
        %1 = affine.load %b[%k, %j] : memref<12x6xi32>
        %2 = arith.muli %0, %1 : i32
        %3 = arith.addi %s, %2 : i32
        affine.yield %3 : i32
      }
      affine.store %sum, %c[%i, %j] : memref<8x6xi32>
    }
  }
  return
}

// -----

// Of loops in one body each is unrolled; one whose bounds depend on others is not, nor are those around it.
// CHECK-LABEL: func.func @siblings
// CHECK: affine.for %{{.*}} = 0 to 8 {
// CHECK: affine.for %{{.*}} = 0 to 8 step 2 {
// CHECK: affine.for %[[I:.*]] = 0 to 8 {
// CHECK: affine.for %{{.*}} = 0 to #{{.*}}(%[[I]]) {
func.func @siblings(%x: memref<8x8xi32>, %y: memref<8x8xi32>) {
  affine.for %i = 0 to 8 {
    affine.for %j = 0 to 8 {
      %0 = affine.load %x[%i, %j] : memref<8x8xi32>
      affine.store %0, %y[%i, %j] : memref<8x8xi32>
    }
    affine.for %j = 0 to 8 {
      affine.for %k = 0 to affine_map<(d0) -> (d0)>(%j) {
        %0 = affine.load %x[%j, %k] : memref<8x8xi32>
        affine.store %0, %y[%k, %j] : memref<8x8xi32>
      }
    }
  }
  return
}
