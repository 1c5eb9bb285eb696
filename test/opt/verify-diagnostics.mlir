// RUN: stepwell-opt %s --split-input-file --verify-diagnostics --one-shot-bufferize
// RUN: stepwell-opt %s --split-input-file --verify-diagnostics=only-expected --one-shot-bufferize
// RUN: stepwell-opt %s --split-input-file --verify-diagnostics --one-shot-bufferize > %t.out
// RUN: FileCheck %s --check-prefix=NOTHING --allow-empty --input-file=%t.out
// NOTHING-NOT: {{.}}

// A parse error, at a relative line.
func.func @parse_error() {
  // expected-error@+1 {{custom op 'retur' is unknown}}
  retur
}

// -----

// The verifier's error, with a regular expression and above.
func.func @verifier(%x: i32) -> f32 {
  return %x : i32
  // expected-error-re@above {{type of return operand {{[0-9]+}} ('i32') doesn't match}}
}

// -----

// An error that a pass emits; consecutive expectations look past each other.
func.func @pass_error(%m: memref<?xf32>) -> tensor<?xf32> {
  // expected-error@below {{pass 'one-shot-bufferize' failed}}
  %t = bufferization.to_tensor %m : memref<?xf32> to tensor<?xf32>
  return %t : tensor<?xf32>
}

// -----

func.func @fine() {
  return
}
