// The torch dialects are there when the text speaks of them; unregistered ones only when allowed.
// RUN: stepwell-opt %s --split-input-file --allow-unregistered-dialect | FileCheck %s
// RUN: not stepwell-opt %s --split-input-file 2>&1 | FileCheck %s --check-prefix=REFUSED

// CHECK: torch.aten.relu
// REFUSED-NOT: torch.aten.relu
// REFUSED: unregistered dialect
func.func @torch(%x: !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32> {
  %0 = torch.aten.relu %x : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
  return %0 : !torch.vtensor<[2],f32>
}

// -----

// CHECK: "nobody.knows"
func.func @unregistered() {
  "nobody.knows"() : () -> ()
  return
}
