// RUN: stepwell-opt %s --plan-memory --split-input-file | FileCheck %s
// RUN: stepwell-opt %s --plan-memory=stack-limit=0 --split-input-file | FileCheck %s --check-prefix=ARENA
// RUN: stepwell-opt %s --plan-memory=dynamic=true --split-input-file | FileCheck %s --check-prefix=DYNAMIC

// Buffers that are not in use together share memory.
// CHECK-LABEL: func.func @chain
// CHECK-SAME: %[[MEMORY:arg[0-9]+]]: memref<128xi8> {stepwell.arena})
func.func @chain(%x: memref<16xf32>, %y: memref<16xf32>) {
  // CHECK: %[[OFFSET_A:.*]] = arith.constant 0 : index
  // CHECK: %[[A:.*]] = memref.view %[[MEMORY]][%[[OFFSET_A]]][] : memref<128xi8> to memref<16xf32>
  // CHECK: %[[OFFSET_B:.*]] = arith.constant 64 : index
  // CHECK: %[[B:.*]] = memref.view %[[MEMORY]][%[[OFFSET_B]]][]
  // CHECK: %[[OFFSET_C:.*]] = arith.constant 0 : index
  // CHECK: %[[C:.*]] = memref.view %[[MEMORY]][%[[OFFSET_C]]][]
  %a = memref.alloc() : memref<16xf32>
  %b = memref.alloc() : memref<16xf32>
  %c = memref.alloc() : memref<16xf32>
  linalg.exp ins(%x : memref<16xf32>) outs(%a : memref<16xf32>)
  linalg.exp ins(%a : memref<16xf32>) outs(%b : memref<16xf32>)
  linalg.exp ins(%b : memref<16xf32>) outs(%c : memref<16xf32>)
  linalg.exp ins(%c : memref<16xf32>) outs(%y : memref<16xf32>)
  // CHECK-NOT: memref.dealloc
  memref.dealloc %a : memref<16xf32>
  return
}

// -----

// A view keeps its buffer alive.
// CHECK-LABEL: func.func @views
// CHECK-SAME: memref<192xi8> {stepwell.arena}
func.func @views(%x: memref<16xf32>, %y: memref<4x4xf32>) {
  %a = memref.alloc() : memref<16xf32>
  %b = memref.alloc() : memref<16xf32>
  %c = memref.alloc() : memref<16xf32>
  linalg.exp ins(%x : memref<16xf32>) outs(%a : memref<16xf32>)
  %v = memref.expand_shape %a [[0, 1]] output_shape [4, 4] : memref<16xf32> into memref<4x4xf32>
  linalg.exp ins(%x : memref<16xf32>) outs(%b : memref<16xf32>)
  linalg.exp ins(%b : memref<16xf32>) outs(%c : memref<16xf32>)
  linalg.exp ins(%v : memref<4x4xf32>) outs(%y : memref<4x4xf32>)
  return
}

// -----

// Small buffers in a loop go to the stack, ahead of it; others are in the arena for the whole loop if it carries them.
// CHECK-LABEL: func.func @loop
// CHECK-SAME: memref<8192xi8> {stepwell.arena}
// CHECK-NEXT: memref.alloca() {alignment = 64 : i64} : memref<16xf32>
// CHECK: scf.for
// CHECK-NOT: memref.alloc
// ARENA-LABEL: func.func @loop
// ARENA-SAME: memref<8256xi8> {stepwell.arena}
// ARENA: scf.for
// ARENA-NOT: memref.alloc
// ARENA: return
func.func @loop(%x: memref<16xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    %small = memref.alloc() : memref<16xf32>
    %large = memref.alloc() : memref<2048xf32>
    %zero = arith.constant 0.0 : f32
    linalg.fill ins(%zero : f32) outs(%large : memref<2048xf32>)
    linalg.exp ins(%x : memref<16xf32>) outs(%small : memref<16xf32>)
    %part = memref.subview %large[0] [16] [1] : memref<2048xf32> to memref<16xf32>
    linalg.add ins(%small, %part : memref<16xf32>, memref<16xf32>) outs(%x : memref<16xf32>)
  }
  return
}

// -----

// Buffers that leave the function, an iteration or a parallel region, and dynamic ones, are not planned.
// CHECK-LABEL: func.func @left_alone
// CHECK-NOT: stepwell.arena
// CHECK-COUNT-4: memref.alloc(
func.func @left_alone(%x: memref<2048xf32>, %n: index) -> memref<16xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %dynamic = memref.alloc(%n) : memref<?xf32>
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%dynamic : memref<?xf32>)
  %carried = scf.for %i = %c0 to %n step %c1 iter_args(%y = %x) -> (memref<2048xf32>) {
    %next = memref.alloc() : memref<2048xf32>
    linalg.exp ins(%y : memref<2048xf32>) outs(%next : memref<2048xf32>)
    scf.yield %next : memref<2048xf32>
  }
  scf.forall (%i) in (%n) {
    %private = memref.alloc() : memref<8192xf32>
    linalg.fill ins(%zero : f32) outs(%private : memref<8192xf32>)
  }
  %returned = memref.alloc() : memref<16xf32>
  linalg.fill ins(%zero : f32) outs(%returned : memref<16xf32>)
  return %returned : memref<16xf32>
}

// -----

// A small buffer in a parallel loop is on the stack of the thread that runs the iteration.
// CHECK-LABEL: func.func @of_the_thread
// CHECK-NOT: memref.alloc
// CHECK: scf.forall
// CHECK-NEXT: memref.alloca() {alignment = 64 : i64} : memref<16xf32>
func.func @of_the_thread(%x: memref<?x16xf32>, %n: index) {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  scf.forall (%i) in (%n) {
    %small = memref.alloc() : memref<16xf32>
    linalg.fill ins(%zero : f32) outs(%small : memref<16xf32>)
    %y = memref.load %small[%c0] : memref<16xf32>
    memref.store %y, %x[%i, %c0] : memref<?x16xf32>
  }
  return
}

// -----

// Private functions get no arena.
// CHECK-LABEL: func.func private @helper
// CHECK: memref.alloc()
func.func private @helper(%x: memref<16xf32>) {
  %a = memref.alloc() : memref<16xf32>
  linalg.exp ins(%x : memref<16xf32>) outs(%a : memref<16xf32>)
  return
}

// -----

// A buffer that a branch hands out is in use behind the branch.
// CHECK-LABEL: func.func @branch
// CHECK-SAME: memref<192xi8> {stepwell.arena}
// CHECK-NOT: memref.alloc
func.func @branch(%c: i1, %x: memref<16xf32>, %y: memref<16xf32>) {
  %r = scf.if %c -> (memref<16xf32>) {
    %a = memref.alloc() : memref<16xf32>
    linalg.exp ins(%x : memref<16xf32>) outs(%a : memref<16xf32>)
    scf.yield %a : memref<16xf32>
  } else {
    %b = memref.alloc() : memref<16xf32>
    linalg.log ins(%x : memref<16xf32>) outs(%b : memref<16xf32>)
    scf.yield %b : memref<16xf32>
  }
  %d = memref.alloc() : memref<16xf32>
  linalg.exp ins(%r : memref<16xf32>) outs(%d : memref<16xf32>)
  linalg.exp ins(%d : memref<16xf32>) outs(%y : memref<16xf32>)
  return
}

// -----

// Sizes that follow from the entry's arguments: offsets are computed when it begins, and buffers that are not in use
// together share a slot. What a slot holds is compared where it can be: 4*n is never above 8*n.
// DYNAMIC-LABEL: func.func @dynamic
// DYNAMIC-SAME: (%[[X:.*]]: memref<?xf32>, %{{.*}}: memref<?xf64>, %[[CONTEXT:.*]]: memref<?xi8> {stepwell.context})
// DYNAMIC: %[[N:.*]] = memref.dim %[[X]], %{{.*}} : memref<?xf32>
// DYNAMIC: %[[MEMORY:.*]] = call @stepwell_arena(%[[CONTEXT]], %{{.*}}) : (memref<?xi8>, i64) -> memref<?xi8>
// DYNAMIC: memref.view %[[MEMORY]][%[[FIRST:.*]]][%{{.*}}] : memref<?xi8> to memref<?xf32>
// DYNAMIC: memref.view %[[MEMORY]][%[[SECOND:.*]]][%{{.*}}] : memref<?xi8> to memref<?xf64>
// DYNAMIC: memref.view %[[MEMORY]][%[[FIRST]]][%{{.*}}] : memref<?xi8> to memref<?xf32>
// DYNAMIC-NOT: memref.alloc
// DYNAMIC: return
// CHECK-LABEL: func.func @dynamic
// CHECK-NOT: stepwell_arena
func.func @dynamic(%x: memref<?xf32>, %y: memref<?xf64>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %a = memref.alloc(%n) : memref<?xf32>
  linalg.exp ins(%x : memref<?xf32>) outs(%a : memref<?xf32>)
  %m = memref.dim %a, %c0 : memref<?xf32>
  %b = memref.alloc(%m) : memref<?xf64>
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%a : memref<?xf32>) outs(%b : memref<?xf64>) {
  ^bb0(%from: f32, %to: f64):
    %wide = arith.extf %from : f32 to f64
    linalg.yield %wide : f64
  }
  %c = memref.alloc(%n) : memref<?xf32>
  linalg.exp ins(%x : memref<?xf32>) outs(%c : memref<?xf32>)
  linalg.exp ins(%b : memref<?xf64>) outs(%y : memref<?xf64>)
  linalg.exp ins(%c : memref<?xf32>) outs(%x : memref<?xf32>)
  return
}

// -----

// A size that depends on data, and memory of an iteration of a parallel loop, stay as they are: nothing is asked for.
// DYNAMIC-LABEL: func.func @by_data
// DYNAMIC-NOT: stepwell_arena
// DYNAMIC: memref.alloc
// DYNAMIC: memref.alloc
// DYNAMIC: return
func.func @by_data(%x: memref<?xf32>, %count: memref<index>) {
  %c0 = arith.constant 0 : index
  %k = memref.load %count[] : memref<index>
  %a = memref.alloc(%k) : memref<?xf32>
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%a : memref<?xf32>)
  %n = memref.dim %x, %c0 : memref<?xf32>
  scf.forall (%i) in (%n) {
    %private = memref.alloc(%n) : memref<?xf32>
    linalg.fill ins(%zero : f32) outs(%private : memref<?xf32>)
  }
  return
}
