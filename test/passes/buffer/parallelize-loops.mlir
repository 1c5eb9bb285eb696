// RUN: stepwell-opt %s --parallelize-loops --canonicalize --cse | FileCheck %s
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(parallelize-loops{blocks=1},canonicalize)' | FileCheck %s --check-prefix=ONE
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(parallelize-loops{grain=10},canonicalize)' | FileCheck %s --check-prefix=FINE

// A batch of one is too short: the rows are cut. Inner loops are sequential.
// CHECK-LABEL: func.func @rows
// CHECK:       scf.parallel (%[[R:.*]]) = (%{{.*}}) to (%c197) step (%[[STEP:.*]]) {
// CHECK-NEXT:    %[[END:.*]] = arith.addi %[[R]], %[[STEP]]
// CHECK-NEXT:    %[[LAST:.*]] = arith.minsi %[[END]], %c197
// CHECK-NEXT:    scf.for %[[I:.*]] = %[[R]] to %[[LAST]]
// CHECK-NEXT:      scf.for %{{.*}} = %{{.*}} to %c768
// CHECK-NOT:   scf.parallel
// CHECK:       return
// ONE-LABEL:   func.func @rows
// ONE-NOT:     scf.parallel
// ONE:         return
func.func @rows(%a: memref<1x197x768xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c197 = arith.constant 197 : index
  %c768 = arith.constant 768 : index
  scf.parallel (%b, %i, %j) = (%c0, %c0, %c0) to (%c1, %c197, %c768) step (%c1, %c1, %c1) {
    %x = memref.load %a[%b, %i, %j] : memref<1x197x768xf32>
    %y = math.exp %x : f32
    memref.store %y, %a[%b, %i, %j] : memref<1x197x768xf32>
    scf.reduce
  }
  return
}

// Too little work.
// CHECK-LABEL: func.func @small
// CHECK-NOT:   scf.parallel
// CHECK:       scf.for
// FINE-LABEL:  func.func @small
// FINE:        scf.parallel
func.func @small(%a: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  scf.parallel (%i) = (%c0) to (%c64) step (%c1) {
    %x = memref.load %a[%i] : memref<64xf32>
    %y = arith.addf %x, %x : f32
    memref.store %y, %a[%i] : memref<64xf32>
    scf.reduce
  }
  return
}

// The blocks of a dynamic size are computed from it; they end at whole lines of the cache.
// CHECK-LABEL: func.func @dynamic
// CHECK-SAME:    %{{.*}}: memref<?xf32>, %[[N:.*]]: index
// CHECK:         %[[TOTAL:.*]] = arith.muli %[[N]], %c3
// CHECK:         %[[SHARE:.*]] = arith.divui %[[TOTAL]], %c64
// CHECK:         %[[TARGET:.*]] = arith.maxui %[[SHARE]], %c16000
// CHECK:         arith.divui %[[TARGET]], %c3
// CHECK:         %[[SIZE:.*]] = arith.muli %{{.*}}, %c16
// CHECK:         scf.parallel (%[[I:.*]]) = (%{{.*}}) to (%[[N]]) step (%[[SIZE]])
func.func @dynamic(%a: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    %x = memref.load %a[%i] : memref<?xf32>
    %y = arith.addf %x, %x : f32
    memref.store %y, %a[%i] : memref<?xf32>
    scf.reduce
  }
  return
}

// Two parallel loops with nothing between them are one.
// CHECK-LABEL: func.func @nest
// CHECK:       scf.parallel (%{{.*}}, %{{.*}}) = (%{{.*}}, %{{.*}}) to (%c2, %c100000)
// CHECK-NOT:   scf.parallel
// CHECK:       return
func.func @nest(%a: memref<2x100000xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %n = arith.constant 100000 : index
  scf.parallel (%i) = (%c0) to (%c2) step (%c1) {
    scf.parallel (%j) = (%c0) to (%n) step (%c1) {
      %x = memref.load %a[%i, %j] : memref<2x100000xf32>
      %y = math.exp %x : f32
      memref.store %y, %a[%i, %j] : memref<2x100000xf32>
      scf.reduce
    }
    scf.reduce
  }
  return
}

// A loop of one iteration gives way to the parallel loops inside of it.
// CHECK-LABEL: func.func @one_iteration
// CHECK:       memref.store
// CHECK:       scf.parallel
// CHECK:       return
func.func @one_iteration(%a: memref<1x100000xf32>, %s: memref<1xf32>, %x: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant 100000 : index
  scf.parallel (%i) = (%c0) to (%c1) step (%c1) {
    memref.store %x, %s[%i] : memref<1xf32>
    scf.parallel (%j) = (%c0) to (%n) step (%c1) {
      %y = math.exp %x : f32
      memref.store %y, %a[%i, %j] : memref<1x100000xf32>
      scf.reduce
    }
    scf.reduce
  }
  return
}

// A reduction keeps its order: it is sequential.
// CHECK-LABEL: func.func @reduction
// CHECK-NOT:   scf.parallel
// CHECK:       %[[SUM:.*]] = scf.for {{.*}} iter_args(%[[ACC:.*]] = %{{.*}})
// CHECK:         %[[X:.*]] = memref.load
// CHECK:         %[[NEXT:.*]] = arith.addf %[[ACC]], %[[X]]
// CHECK:         scf.yield %[[NEXT]]
// CHECK:       return %[[SUM]]
func.func @reduction(%a: memref<1000000xf32>, %zero: f32) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant 1000000 : index
  %sum = scf.parallel (%i) = (%c0) to (%n) step (%c1) init (%zero) -> f32 {
    %x = memref.load %a[%i] : memref<1000000xf32>
    scf.reduce(%x : f32) {
    ^bb0(%one: f32, %other: f32):
      %total = arith.addf %one, %other : f32
      scf.reduce.return %total : f32
    }
  }
  return %sum : f32
}

// A loop over a fixed number of steps of unknown length, inside: the estimate is a value.
// CHECK-LABEL: func.func @inner_dynamic
// CHECK-SAME:    %{{.*}}: memref<64x?xf32>, %[[N:.*]]: index
// CHECK:         arith.muli %[[N]], %c3
// CHECK:         scf.parallel
func.func @inner_dynamic(%a: memref<64x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  scf.parallel (%i) = (%c0) to (%c64) step (%c1) {
    scf.for %j = %c0 to %n step %c1 {
      %x = memref.load %a[%i, %j] : memref<64x?xf32>
      %y = arith.addf %x, %x : f32
      memref.store %y, %a[%i, %j] : memref<64x?xf32>
    }
    scf.reduce
  }
  return
}

// Stack memory of an iteration is made once a block, or once where the loop stays sequential.
// CHECK-LABEL: func.func @stack
// CHECK:         memref.alloca() : memref<8xf32>
// CHECK:         scf.parallel
// CHECK-NEXT:      memref.alloca() : memref<4xf32>
// CHECK:           scf.for
// CHECK:         scf.reduce
// CHECK:         scf.for
// CHECK-NOT:     memref.alloca
// CHECK:         return
func.func @stack(%a: memref<100000xf32>, %x: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %n = arith.constant 100000 : index
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    %t = memref.alloca() : memref<4xf32>
    memref.store %x, %t[%c0] : memref<4xf32>
    %y = memref.load %t[%c0] : memref<4xf32>
    memref.store %y, %a[%i] : memref<100000xf32>
    scf.reduce
  }
  scf.parallel (%i) = (%c0) to (%c4) step (%c1) {
    %t = memref.alloca() : memref<8xf32>
    memref.store %x, %t[%i] : memref<8xf32>
    %y = memref.load %t[%i] : memref<8xf32>
    memref.store %y, %a[%i] : memref<100000xf32>
    scf.reduce
  }
  return
}
