// RUN: stepwell-opt %s --declare-entries --split-input-file | FileCheck %s

// CHECK: stepwell.entries = {main = {arena = 128 : i64, context = 0 : i64, inputs = 1 : i64, parameters = 64 : i64, states = 1 : i64}}
module {
  // CHECK: func.func private @stepwell_output{{.*}} attributes {llvm.emit_c_interface}
  func.func private @stepwell_output(memref<?xi8>, i64, memref<?xindex>) -> memref<?xi8>
  // CHECK: func.func @main{{.*}} attributes {llvm.emit_c_interface}
  func.func @main(%x: memref<?xf32> {stepwell.input = "x"}, %s: memref<4xf32> {stepwell.state = "s"},
                  %p: memref<64xi8> {stepwell.parameters}, %a: memref<128xi8> {stepwell.arena},
                  %c: memref<?xi8> {stepwell.context}) {
    return
  }
  // CHECK: func.func private @helper
  // CHECK-NOT: emit_c_interface
  func.func private @helper(%x: index) {
    return
  }
}
