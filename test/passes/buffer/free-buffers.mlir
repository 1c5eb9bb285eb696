// RUN: stepwell-opt %s --free-buffers --split-input-file | FileCheck %s
// RUN: stepwell-opt %s --free-buffers --free-buffers --split-input-file | FileCheck %s

// Freed behind the last use, views included.
// CHECK-LABEL: func.func @last_use
func.func @last_use(%x: memref<?x4xf32>, %y: memref<?xf32>, %n: index) {
  // CHECK: %[[A:.*]] = memref.alloc
  // CHECK: %[[FLAT:.*]] = memref.collapse_shape %[[A]]
  // CHECK: linalg.exp ins(%[[FLAT]]
  // CHECK-NEXT: memref.dealloc %[[A]]
  // CHECK-NEXT: linalg.exp ins(%{{.*}}) outs(%{{.*}})
  // CHECK-NOT: memref.dealloc
  %a = memref.alloc(%n) : memref<?x4xf32>
  linalg.exp ins(%x : memref<?x4xf32>) outs(%a : memref<?x4xf32>)
  %flat = memref.collapse_shape %a [[0, 1]] : memref<?x4xf32> into memref<?xf32>
  linalg.exp ins(%flat : memref<?xf32>) outs(%y : memref<?xf32>)
  linalg.exp ins(%y : memref<?xf32>) outs(%y : memref<?xf32>)
  return
}

// -----

// What is returned belongs to the caller; what a call returns belongs here.
// CHECK-LABEL: func.func private @callee
// CHECK-NOT: memref.dealloc
func.func private @callee(%n: index) -> memref<?xf32> {
  %a = memref.alloc(%n) : memref<?xf32>
  return %a : memref<?xf32>
}
// CHECK-LABEL: func.func @caller
func.func @caller(%n: index, %y: memref<?xf32>) {
  // CHECK: %[[A:.*]] = call @callee
  // CHECK: linalg.exp
  // CHECK-NEXT: memref.dealloc %[[A]]
  %a = call @callee(%n) : (index) -> memref<?xf32>
  linalg.exp ins(%a : memref<?xf32>) outs(%y : memref<?xf32>)
  return
}

// -----

// A loop owns what it carries: the old buffer is freed in each iteration, the last one behind the loop.
// CHECK-LABEL: func.func @loop
// CHECK-SAME: (%[[X:arg[0-9]+]]: memref<?xf32>
func.func @loop(%x: memref<?xf32>, %y: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // CHECK: memref.copy %[[X]], %[[FIRST:alloc.*]] :
  // CHECK: %[[LAST:.*]] = scf.for {{.*}} iter_args(%[[OLD:.*]] = %[[FIRST]])
  // CHECK:   %[[NEW:.*]] = memref.alloc
  // CHECK:   linalg.exp
  // CHECK:   memref.dealloc %[[OLD]]
  // CHECK:   scf.yield %[[NEW]]
  // CHECK: linalg.exp ins(%[[LAST]]
  // CHECK: memref.dealloc %[[LAST]]
  // CHECK-NOT: memref.dealloc
  // CHECK: return
  %last = scf.for %i = %c0 to %n step %c1 iter_args(%old = %x) -> (memref<?xf32>) {
    %new = memref.alloc(%n) : memref<?xf32>
    linalg.exp ins(%old : memref<?xf32>) outs(%new : memref<?xf32>)
    scf.yield %new : memref<?xf32>
  }
  linalg.exp ins(%last : memref<?xf32>) outs(%y : memref<?xf32>)
  return
}

// -----

// A branch hands out buffers of its own only.
// CHECK-LABEL: func.func @branch
// CHECK-SAME: (%[[X:arg[0-9]+]]: memref<?xf32>
func.func @branch(%x: memref<?xf32>, %n: index, %condition: i1, %y: memref<?xf32>) {
  // CHECK: %[[OUT:.*]] = scf.if
  // CHECK:   scf.yield %{{alloc.*}} :
  // CHECK: } else {
  // CHECK:   memref.copy %[[X]], %[[COPY:alloc.*]] :
  // CHECK:   scf.yield %[[COPY]]
  // CHECK: linalg.exp ins(%[[OUT]]
  // CHECK: memref.dealloc %[[OUT]]
  // CHECK-NOT: memref.dealloc
  // CHECK: return
  %out = scf.if %condition -> (memref<?xf32>) {
    %a = memref.alloc(%n) : memref<?xf32>
    linalg.exp ins(%x : memref<?xf32>) outs(%a : memref<?xf32>)
    scf.yield %a : memref<?xf32>
  } else {
    scf.yield %x : memref<?xf32>
  }
  linalg.exp ins(%out : memref<?xf32>) outs(%y : memref<?xf32>)
  return
}

// -----

// A loop that carries on with the buffer it was given owns nothing; arguments are never freed.
// CHECK-LABEL: func.func @nothing_owned
// CHECK-NOT: memref.dealloc
// CHECK-NOT: memref.alloc
func.func @nothing_owned(%x: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %same = scf.for %i = %c0 to %n step %c1 iter_args(%y = %x) -> (memref<?xf32>) {
    linalg.exp ins(%y : memref<?xf32>) outs(%y : memref<?xf32>)
    scf.yield %y : memref<?xf32>
  }
  return
}

// -----

// What is freed already is not freed again.
// CHECK-LABEL: func.func @freed
// CHECK-COUNT-1: memref.dealloc
// CHECK-NOT: memref.dealloc
func.func @freed(%n: index) {
  %a = memref.alloc(%n) : memref<?xf32>
  memref.dealloc %a : memref<?xf32>
  return
}
