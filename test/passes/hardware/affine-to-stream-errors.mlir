// RUN: stepwell-opt %s --split-input-file --verify-diagnostics --affine-to-stream

// What one loop needs of another goes through a memory.
func.func @main(%x: memref<8xi8>, %y: memref<8xi8>) {
  affine.for %i = 0 to 8 {
    %v = affine.load %x[%i] : memref<8xi8>
    affine.for %j = 0 to 4 {
      affine.store %v, %y[%i] : memref<8xi8>
    }
    affine.for %j = 0 to 4 {
      // expected-error@+1 {{no pipeline for 'affine.store': it reads a value from outside of its nest}}
      affine.store %v, %y[%i] : memref<8xi8>
    }
  }
  return
}

// -----

func.func @main(%x: memref<8xi8>, %y: memref<8xi8>) {
  %zero = arith.constant 0 : i8
  // expected-error@+1 {{no pipeline for 'affine.for': it carries a value through several loops inside}}
  %r = affine.for %i = 0 to 8 iter_args(%s = %zero) -> i8 {
    affine.for %j = 0 to 4 {
      %0 = affine.load %x[%i] : memref<8xi8>
      affine.store %0, %y[%i] : memref<8xi8>
    }
    affine.for %j = 0 to 4 {
      %0 = affine.load %x[%j] : memref<8xi8>
      affine.store %0, %y[%i] : memref<8xi8>
    }
    affine.yield %s : i8
  }
  affine.store %r, %y[0] : memref<8xi8>
  return
}

// -----

func.func @main(%x: memref<8xi8>, %y: memref<8xi8>) {
  affine.for %i = 0 to 8 {
    // expected-error@+1 {{no pipeline for a loop: its index (d0 + 3) floordiv 2 is not affine in loops, or parts of them, of 2 iterations}}
    affine.for %j = 0 to affine_map<(d0) -> ((d0 + 3) floordiv 2)>(%i) {
      %0 = affine.load %x[%j] : memref<8xi8>
      affine.store %0, %y[%i] : memref<8xi8>
    }
  }
  return
}

// -----

func.func @main(%x: memref<8xi8>, %y: memref<8xi8>) {
  affine.for %i = 0 to 8 {
    // expected-error@+1 {{no pipeline for a loop in steps of 2 from the largest of several values}}
    affine.for %j = max affine_map<(d0) -> (d0, 2)>(%i) to 8 step 2 {
      %0 = affine.load %x[%j] : memref<8xi8>
      affine.store %0, %y[%i] : memref<8xi8>
    }
  }
  return
}

// -----

func.func @main(%x: memref<8xi8>, %y: memref<8xi8>) {
  affine.for %i = 0 to 8 {
    // expected-error@+1 {{a loop never runs}}
    affine.for %j = 8 to affine_map<(d0) -> (d0)>(%i) {
      %0 = affine.load %x[%j] : memref<8xi8>
      affine.store %0, %y[%i] : memref<8xi8>
    }
  }
  return
}

// -----

// expected-error@+1 {{no memory for memref<8xf32>: pipelines compute with integers}}
func.func @main(%x: memref<8xf32>, %y: memref<8xf32>) {
  affine.for %i = 0 to 8 {
    %0 = affine.load %x[%i] : memref<8xf32>
    affine.store %0, %y[%i] : memref<8xf32>
  }
  return
}

// -----

// expected-error@+1 {{its shape is dynamic}}
func.func @main(%x: memref<?xi8>, %y: memref<8xi8>) {
  affine.for %i = 0 to 8 {
    %0 = affine.load %x[%i] : memref<?xi8>
    affine.store %0, %y[%i] : memref<8xi8>
  }
  return
}

// -----

func.func @main(%x: memref<8xi8>, %y: memref<8xi8>) {
  affine.for %i = 0 to 8 {
    %0 = affine.load %x[%i] : memref<8xi8>
    // expected-error@+1 {{no pipeline for 'arith.divsi': a pipeline has no such operation}}
    %1 = arith.divsi %0, %0 : i8
    affine.store %1, %y[%i] : memref<8xi8>
  }
  return
}

// -----

func.func @main(%x: memref<8xi8>, %y: memref<8xi8>) {
  affine.for %i = 0 to 8 {
    // expected-error@+1 {{no pipeline for 'affine.load': its index (d0 + 1) floordiv 2 is not affine in loops, or parts of them, of 2 iterations}}
    %0 = affine.load %x[(%i + 1) floordiv 2] : memref<8xi8>
    affine.store %0, %y[%i] : memref<8xi8>
  }
  return
}

// -----

func.func @main(%x: memref<8xi8>) {
  affine.for %i = 0 to 8 {
    // expected-error@+1 {{an argument is read before it is written to}}
    %0 = affine.load %x[%i] : memref<8xi8>
    affine.store %0, %x[%i] : memref<8xi8>
  }
  return
}

// -----

// What is read before the loop is read again in each of its iterations.
func.func @main(%x: memref<8xi8>, %y: memref<8xi8>) {
  %zero = arith.constant 0 : i8
  affine.for %i = 0 to 8 {
    affine.store %zero, %y[%i] : memref<8xi8>
    // expected-error@+1 {{the loop behind it writes to what it reads, and uses what it has read}}
    %0 = affine.load %y[%i] : memref<8xi8>
    affine.for %j = 0 to 8 {
      %1 = affine.load %x[%j] : memref<8xi8>
      %2 = arith.addi %0, %1 : i8
      affine.store %2, %y[%i] : memref<8xi8>
    }
  }
  return
}

// -----

func.func @main(%x: memref<8xi8>, %y: memref<8xi8>) {
  %zero = arith.constant 0 : i8
  // expected-error@+1 {{it carries a value that changes before or behind the loop inside}}
  %r = affine.for %i = 0 to 8 iter_args(%s = %zero) -> i8 {
    %t = affine.for %j = 0 to 8 iter_args(%u = %s) -> i8 {
      %1 = affine.load %x[%j] : memref<8xi8>
      %2 = arith.addi %u, %1 : i8
      affine.yield %2 : i8
    }
    %3 = arith.muli %t, %t : i8
    affine.yield %3 : i8
  }
  affine.store %r, %y[0] : memref<8xi8>
  return
}

// -----

// expected-error@+1 {{a function that computes nothing from its arguments has no hardware}}
func.func @main(%x: memref<8xi8>) {
  return
}

// -----

// expected-error@+1 {{no stream of booleans for memref<8xi1>}}
func.func @main(%x: memref<8xi1>, %y: memref<8xi8>) {
  affine.for %i = 0 to 8 {
    %0 = affine.load %x[%i] : memref<8xi1>
    %1 = arith.extui %0 : i1 to i8
    affine.store %1, %y[%i] : memref<8xi8>
  }
  return
}

// -----

// expected-error@+1 {{a result that no loop computes, or two that are one, have no hardware}}
func.func @main(%x: memref<8xi8>) -> (memref<8xi8>, memref<8xi8>) {
  %y = memref.alloc() : memref<8xi8>
  affine.for %i = 0 to 8 {
    %0 = affine.load %x[%i] : memref<8xi8>
    affine.store %0, %y[%i] : memref<8xi8>
  }
  return %y, %x : memref<8xi8>, memref<8xi8>
}
