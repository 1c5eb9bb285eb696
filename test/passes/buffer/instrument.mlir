// RUN: stepwell-opt %s --instrument | FileCheck %s

// CHECK: func.func private @stepwell_clock() -> i64

// The state of the times comes behind the inputs; each nest and copy stands between two readings of the clock.
// CHECK-LABEL: func.func @main(
// CHECK-SAME:    %[[IN:[a-z0-9]+]]: memref<8xf32>, %[[OUT:[a-z0-9]+]]: memref<8xf32>,
// CHECK-SAME:    %[[TIMES:[a-z0-9]+]]: memref<4xi64> {stepwell.state = "stepwell.profile.main"},
// CHECK-SAME:    %{{[a-z0-9]+}}: memref<64xi8> {stepwell.arena})
// CHECK:         %[[B0:.*]] = call @stepwell_clock() : () -> i64
// CHECK:         memref.store %[[B0]], %[[TIMES]][%c0{{.*}}]
// CHECK:         scf.for
// CHECK:         %[[E0:.*]] = call @stepwell_clock() : () -> i64
// CHECK:         memref.store %[[E0]], %[[TIMES]][%c1{{.*}}]
// CHECK:         %[[B1:.*]] = call @stepwell_clock()
// CHECK:         memref.store %[[B1]], %[[TIMES]][%c2{{.*}}]
// CHECK:         memref.copy
// CHECK:         %[[E1:.*]] = call @stepwell_clock()
// CHECK:         memref.store %[[E1]], %[[TIMES]][%c3{{.*}}]
// CHECK:         return
func.func @main(%in: memref<8xf32>, %out: memref<8xf32>, %arena: memref<64xi8> {stepwell.arena}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.for %i = %c0 to %c8 step %c1 {
    %x = memref.load %in[%i] : memref<8xf32>
    %y = arith.addf %x, %x : f32
    memref.store %y, %out[%i] : memref<8xf32>
  }
  memref.copy %in, %out : memref<8xf32> to memref<8xf32>
  return
}

// What a private function does belongs to its callers; straight code and calls to the runtime are no kernels.
// CHECK-LABEL: func.func private @helper(
// CHECK-NOT:     stepwell_clock
// CHECK:         return
func.func private @helper(%a: memref<8xf32>, %b: memref<8xf32>) {
  memref.copy %a, %b : memref<8xf32> to memref<8xf32>
  return
}

func.func private @stepwell_output(memref<?xi8>) -> memref<?xi8>

// CHECK-LABEL: func.func @straight(
// CHECK-SAME:    memref<0xi64>
// CHECK-NOT:     call @stepwell_clock
// CHECK:         return
func.func @straight(%a: memref<f32>, %context: memref<?xi8> {stepwell.context}, %x: f32) {
  memref.store %x, %a[] : memref<f32>
  %given = func.call @stepwell_output(%context) : (memref<?xi8>) -> memref<?xi8>
  return
}
