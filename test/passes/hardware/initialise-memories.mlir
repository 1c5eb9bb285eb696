// RUN: stepwell-opt %s --initialise-memories --split-input-file | FileCheck %s

// The border of an image.
// CHECK-LABEL: func.func @border
// CHECK: memref.alloc() {stepwell.constant = dense<7> : tensor<6x6xi8>}
// CHECK-COUNT-4: affine.for
// CHECK-NOT: affine.for
func.func @border(%x: memref<4x4xi8>, %y: memref<6x6xi8>) {
  %seven = arith.constant 7 : i8
  %padded = memref.alloc() : memref<6x6xi8>
  affine.for %i = 0 to 6 {
    affine.for %j = 0 to 6 {
      affine.store %seven, %padded[%i, %j] : memref<6x6xi8>
    }
  }
  affine.for %i = 0 to 4 {
    affine.for %j = 0 to 4 {
      %0 = affine.load %x[%i, %j] : memref<4x4xi8>
      affine.store %0, %padded[%i + 1, %j + 1] : memref<6x6xi8>
    }
  }
  affine.for %i = 0 to 6 {
    affine.for %j = 0 to 6 {
      %0 = affine.load %padded[%i, %j] : memref<6x6xi8>
      affine.store %0, %y[%j, %i] : memref<6x6xi8>
    }
  }
  return
}

// -----

// A sum reads what it writes: it must begin anew in every frame. A fill of a part is no fill.
// CHECK-LABEL: func.func @sums
// CHECK-NOT: stepwell.constant
// CHECK-COUNT-5: affine.for
func.func @sums(%x: memref<4x4xi8>, %y: memref<4xi8>) {
  %zero = arith.constant 0 : i8
  %sum = memref.alloc() : memref<4xi8>
  %part = memref.alloc() : memref<4xi8>
  affine.for %i = 0 to 4 {
    affine.store %zero, %sum[%i] : memref<4xi8>
  }
  affine.for %i = 0 to 3 {
    affine.store %zero, %part[%i] : memref<4xi8>
  }
  affine.for %i = 0 to 4 {
    affine.for %j = 0 to 4 {
      %0 = affine.load %x[%i, %j] : memref<4x4xi8>
      %1 = affine.load %sum[%i] : memref<4xi8>
      %2 = arith.addi %0, %1 : i8
      affine.store %2, %sum[%i] : memref<4xi8>
    }
  }
  affine.for %i = 0 to 4 {
    %0 = affine.load %sum[%i] : memref<4xi8>
    %1 = affine.load %part[%i] : memref<4xi8>
    %2 = arith.addi %0, %1 : i8
    affine.store %2, %y[%i] : memref<4xi8>
  }
  return
}
