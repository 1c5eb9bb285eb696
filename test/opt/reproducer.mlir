// A failing pass leaves the IR before it and the rest of the pipeline in a file, and names it.
// RUN: not stepwell-opt %s --cse --one-shot-bufferize --canonicalize 2>&1 | FileCheck %s
// RUN: not stepwell-opt %s --cse --one-shot-bufferize --canonicalize 2>&1 | sed -n "s/.*reproducer: //p" > %t.path
// RUN: cat %t.path | xargs cat | FileCheck %s --check-prefix=FILE

// CHECK: reproducer.mlir:[[#@LINE + 7]]:8: error: pass 'one-shot-bufferize' failed: {{.*}}to_tensor ops without `restrict`
// CHECK-NEXT: bufferization.to_tensor
// CHECK-NEXT: ^
// CHECK: hint: reproducer: {{.*}}.mlir
// CHECK-NOT: Traceback
// FILE: // configuration: --pass-pipeline='builtin.module(one-shot-bufferize,canonicalize)'
func.func @f(%m: memref<?xf32>) -> tensor<?xf32> {
  %t = bufferization.to_tensor %m : memref<?xf32> to tensor<?xf32>
  return %t : tensor<?xf32>
}
