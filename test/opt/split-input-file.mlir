// Pieces are processed apart; line numbers stay those of the file; a piece that fails leaves the others alone.
// RUN: not stepwell-opt %s --split-input-file 2> %t.err | FileCheck %s
// RUN: FileCheck %s --check-prefix=ERROR --input-file=%t.err
// RUN: not stepwell-opt %s --split-input-file --output-split-marker="// next" 2>&1 | FileCheck %s --check-prefix=MARKER

// CHECK: func.func @first
// CHECK: // -----
// CHECK: func.func @third
// MARKER: // next
func.func @first() {
  return
}

// -----

// ERROR: split-input-file.mlir:[[#@LINE + 2]]:3: error: custom op 'retur' is unknown
func.func @second() {
  retur
}

// -----

func.func @third() {
  return
}
