// RUN: stepwell-opt %s --fuse-nests --split-input-file | FileCheck %s

// What fills and what finishes the elements of a product.
// CHECK-LABEL: func.func @product
// CHECK: affine.for %[[I:.*]] = 0 to 8
// CHECK-NEXT: affine.for %[[J:.*]] = 0 to 4
// CHECK-NEXT: affine.store %{{.*}}, %[[SUM:.*]][%[[I]], %[[J]]]
// CHECK-NEXT: affine.for
// CHECK: affine.load %[[SUM]][%[[I]], %[[J]]]
// CHECK: arith.trunci
// CHECK-NOT: affine.for
// CHECK: return
func.func @product(%a: memref<8x5xi32>, %b: memref<5x4xi32>, %c: memref<8x4xi8>) {
  %zero = arith.constant 0 : i32
  %sum = memref.alloc() : memref<8x4xi32>
  affine.for %i = 0 to 8 {
    affine.for %j = 0 to 4 {
      affine.store %zero, %sum[%i, %j] : memref<8x4xi32>
    }
  }
  affine.for %i = 0 to 8 {
    affine.for %j = 0 to 4 {
      affine.for %k = 0 to 5 {
        %0 = affine.load %a[%i, %k] : memref<8x5xi32>
        %1 = affine.load %b[%k, %j] : memref<5x4xi32>
        %2 = affine.load %sum[%i, %j] : memref<8x4xi32>
        %3 = arith.muli %0, %1 : i32
        %4 = arith.addi %2, %3 : i32
        affine.store %4, %sum[%i, %j] : memref<8x4xi32>
      }
    }
  }
  affine.for %i = 0 to 8 {
    affine.for %j = 0 to 4 {
      %0 = affine.load %sum[%i, %j] : memref<8x4xi32>
      %1 = arith.trunci %0 : i32 to i8
      affine.store %1, %c[%i, %j] : memref<8x4xi8>
    }
  }
  return
}

// -----

// The second nest reads elements that other iterations of the first one write.
// CHECK-LABEL: func.func @neighbours
// CHECK-COUNT-2: affine.for
func.func @neighbours(%x: memref<8xi8>, %y: memref<8xi8>) {
  %t = memref.alloc() : memref<9xi8>
  affine.for %i = 0 to 8 {
    %0 = affine.load %x[%i] : memref<8xi8>
    affine.store %0, %t[%i] : memref<9xi8>
  }
  affine.for %i = 0 to 8 {
    %0 = affine.load %t[%i + 1] : memref<9xi8>
    affine.store %0, %y[%i] : memref<8xi8>
  }
  return
}

// -----

// One element for a whole row: only the last iteration of the first nest has its sum.
// CHECK-LABEL: func.func @rows
// CHECK-COUNT-4: affine.for
func.func @rows(%x: memref<4x8xi8>, %y: memref<4x8xi8>) {
  %t = memref.alloc() : memref<4xi8>
  affine.for %i = 0 to 4 {
    affine.for %j = 0 to 8 {
      %0 = affine.load %x[%i, %j] : memref<4x8xi8>
      affine.store %0, %t[%i] : memref<4xi8>
    }
  }
  affine.for %i = 0 to 4 {
    affine.for %j = 0 to 8 {
      %0 = affine.load %t[%i] : memref<4xi8>
      affine.store %0, %y[%i, %j] : memref<4x8xi8>
    }
  }
  return
}

// -----

// Both read one memory at different places: together they would need two ports.
// CHECK-LABEL: func.func @ports
// CHECK-COUNT-2: affine.for
func.func @ports(%x: memref<9xi8>, %y: memref<8xi8>, %z: memref<8xi8>) {
  affine.for %i = 0 to 8 {
    %0 = affine.load %x[%i] : memref<9xi8>
    affine.store %0, %y[%i] : memref<8xi8>
  }
  affine.for %i = 0 to 8 {
    %0 = affine.load %x[%i + 1] : memref<9xi8>
    affine.store %0, %z[%i] : memref<8xi8>
  }
  return
}

// -----

// What stands between the nests reads what the first one has written.
// CHECK-LABEL: func.func @between
// CHECK: affine.for
// CHECK: affine.store %{{.*}}, %arg1
// CHECK: affine.load %arg1[1]
// CHECK: affine.for
func.func @between(%x: memref<8xi8>, %y: memref<8xi8>, %z: memref<8xi8>) {
  %zero = arith.constant 0 : i8
  affine.for %i = 0 to 8 {
    affine.store %zero, %y[%i] : memref<8xi8>
  }
  %0 = affine.load %y[1] : memref<8xi8>
  affine.store %0, %z[1] : memref<8xi8>
  affine.for %i = 0 to 8 {
    %1 = affine.load %x[%i] : memref<8xi8>
    affine.store %1, %y[%i] : memref<8xi8>
  }
  return
}
