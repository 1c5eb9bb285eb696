// RUN: stepwell-opt %s --bind-outputs --split-input-file --verify-diagnostics

// expected-error @below {{result 0 of 'main' is f32, not a buffer}}
func.func @main(%x: f32) -> f32 {
  return %x : f32
}

// -----

// expected-error @below {{the new value of state 's' is not in the memory of its argument}}
func.func @main(%s: memref<4xf32> {stepwell.state = "s"}) -> (memref<4xf32> {stepwell.state = "s"}) {
  %new = memref.alloc() : memref<4xf32>
  linalg.exp ins(%s : memref<4xf32>) outs(%new : memref<4xf32>)
  return %new : memref<4xf32>
}
