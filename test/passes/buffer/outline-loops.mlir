// RUN: stepwell-opt %s --outline-loops | FileCheck %s

// What a nest uses from above becomes an argument, and so do the offsets of views; constants and views are repeated.
// CHECK-LABEL: func.func private @main_nest_0(
// CHECK-SAME:    %[[N:.*]]: index, %[[ARENA:.*]]: memref<256xi8>, %[[OFFSET:.*]]: index) attributes {llvm.no_inline}
// CHECK:         %[[VIEW:.*]] = memref.view %[[ARENA]][%[[OFFSET]]][] : memref<256xi8> to memref<4xf32>
// CHECK:         scf.for %{{.*}} = %{{.*}} to %[[N]]
// CHECK:           memref.store %{{.*}}, %[[VIEW]]
// CHECK:         return

// A result of the nest is a result of the function.
// CHECK-LABEL: func.func private @main_nest_1(
// CHECK-SAME:    -> f32 attributes {llvm.no_inline}
// CHECK:         %[[SUM:.*]] = scf.for
// CHECK:         return %[[SUM]] : f32

// CHECK-LABEL: func.func @main(
// CHECK-NOT:     scf.for
// CHECK:         call @main_nest_0(%{{.*}}, %{{.*}}, %{{.*}}) : (index, memref<256xi8>, index) -> ()
// CHECK:         %[[RESULT:.*]] = call @main_nest_1
// CHECK:         return %[[RESULT]] : f32
func.func @main(%arena: memref<256xi8>, %n: index) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %view = memref.view %arena[%c64][] : memref<256xi8> to memref<4xf32>
  scf.for %i = %c0 to %n step %c1 {
    scf.for %j = %c0 to %n step %c1 {
      memref.store %zero, %view[%j] : memref<4xf32>
    }
  }
  %sum = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %zero) -> f32 {
    %x = memref.load %view[%i] : memref<4xf32>
    %next = arith.addf %acc, %x : f32
    scf.yield %next : f32
  }
  return %sum : f32
}

// A private function is called by others: it stays as it is. So does code without loops.
// CHECK-LABEL: func.func private @helper(
// CHECK:         scf.for
func.func private @helper(%a: memref<4xf32>, %n: index, %x: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    memref.store %x, %a[%i] : memref<4xf32>
  }
  return
}

// CHECK-LABEL: func.func @straight(
// CHECK-NEXT:    memref.store
// CHECK-NEXT:    return
func.func @straight(%a: memref<f32>, %x: f32) {
  memref.store %x, %a[] : memref<f32>
  return
}

// Nests that differ in the offsets of their views share a function; another bound is another function.
// CHECK:         func.func private @layers_nest_0(
// CHECK-NOT:     @layers_nest_1
// CHECK:         func.func private @layers_nest_2(
// CHECK-LABEL:   func.func @layers(
// CHECK-DAG:       %[[LOW:.*]] = arith.constant 0 : index
// CHECK-DAG:       %[[HIGH:.*]] = arith.constant 128 : index
// CHECK:           call @layers_nest_0(%{{.*}}, %[[LOW]])
// CHECK:           call @layers_nest_0(%{{.*}}, %[[HIGH]])
// CHECK:           call @layers_nest_2(%{{.*}}, %[[HIGH]])
func.func @layers(%arena: memref<256xi8>, %x: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c128 = arith.constant 128 : index
  %low = memref.view %arena[%c0][] : memref<256xi8> to memref<4xf32>
  %high = memref.view %arena[%c128][] : memref<256xi8> to memref<4xf32>
  scf.for %i = %c0 to %c4 step %c1 {
    memref.store %x, %low[%i] : memref<4xf32>
  }
  scf.for %i = %c0 to %c4 step %c1 {
    memref.store %x, %high[%i] : memref<4xf32>
  }
  scf.for %i = %c0 to %c2 step %c1 {
    memref.store %x, %high[%i] : memref<4xf32>
  }
  return
}
