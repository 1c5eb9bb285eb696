// RUN: stepwell-opt %s --bind-outputs --split-input-file | FileCheck %s

// Arguments are put in order; states vanish from the results; outputs are asked for where they were allocated.
// CHECK: func.func private @stepwell_output(memref<?xi8>, i64, memref<?xindex>) -> memref<?xi8> attributes {llvm.emit_c_interface}
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:arg[0-9]+]]: memref<?x4xf32> {stepwell.input = "x"}, %[[S:arg[0-9]+]]: memref<4xf32> {stepwell.state = "s"}, %[[P:arg[0-9]+]]: memref<64xi8> {stepwell.parameters}, %[[A:arg[0-9]+]]: memref<128xi8> {stepwell.arena}, %[[C:arg[0-9]+]]: memref<?xi8> {stepwell.context}) {
func.func @main(%arena: memref<128xi8> {stepwell.arena}, %s: memref<4xf32> {stepwell.state = "s"},
                %p: memref<64xi8> {stepwell.parameters}, %x: memref<?x4xf32> {stepwell.input = "x"})
    -> (memref<4xf32> {stepwell.state = "s"}, memref<?x4xf32> {stepwell.output = "0"}) {
  // CHECK: %[[N:.*]] = memref.dim %[[X]]
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x4xf32>
  // CHECK: %[[SIZES:.*]] = memref.alloca() : memref<2xindex>
  // CHECK: memref.store %[[N]], %[[SIZES]][%{{.*}}] : memref<2xindex>
  // CHECK: %[[I:.*]] = arith.constant 0 : i64
  // CHECK: %[[D:.*]] = memref.cast %[[SIZES]] : memref<2xindex> to memref<?xindex>
  // CHECK: %[[B:.*]] = call @stepwell_output(%[[C]], %[[I]], %[[D]]) {stepwell.element = f32}
  // CHECK: %[[OUT:.*]] = memref.view %[[B]][%{{.*}}][%[[N]]] : memref<?xi8> to memref<?x4xf32>
  // CHECK: linalg.exp ins(%[[X]] : memref<?x4xf32>) outs(%[[OUT]] : memref<?x4xf32>)
  // CHECK-NEXT: return{{$}}
  %out = memref.alloc(%n) : memref<?x4xf32>
  linalg.exp ins(%x : memref<?x4xf32>) outs(%out : memref<?x4xf32>)
  return %s, %out : memref<4xf32>, memref<?x4xf32>
}

// -----

// A reshaped buffer is written in place, with the sizes of the result.
// CHECK-LABEL: func.func @reshaped
func.func @reshaped(%x: memref<16xf32>) -> (memref<4x4xf32>) {
  // CHECK: memref.alloca() : memref<2xindex>
  // CHECK: memref.view %{{.*}} : memref<?xi8> to memref<16xf32>
  // CHECK-NOT: memref.copy
  %out = memref.alloc() : memref<16xf32>
  linalg.exp ins(%x : memref<16xf32>) outs(%out : memref<16xf32>)
  %v = memref.expand_shape %out [[0, 1]] output_shape [4, 4] : memref<16xf32> into memref<4x4xf32>
  return %v : memref<4x4xf32>
}

// -----

// What was not allocated here is copied; rank 0 has no sizes.
// CHECK-LABEL: func.func @copied
// CHECK-SAME: (%[[X:arg[0-9]+]]: memref<f32>
func.func @copied(%x: memref<f32>) -> (memref<f32>) {
  // CHECK: memref.alloca() : memref<0xindex>
  // CHECK: %[[OUT:.*]] = memref.view %{{.*}} : memref<?xi8> to memref<f32>
  // CHECK: memref.copy %[[X]], %[[OUT]]
  return %x : memref<f32>
}

// -----

// Private functions keep their results.
// CHECK-LABEL: func.func private @helper
// CHECK-SAME: -> memref<4xf32>
func.func private @helper(%x: memref<4xf32>) -> memref<4xf32> {
  return %x : memref<4xf32>
}
