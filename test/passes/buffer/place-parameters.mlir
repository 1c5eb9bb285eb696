// RUN: stepwell-opt %s --place-parameters --split-input-file | FileCheck %s

// Entries share one buffer; every offset is a multiple of 64.
// CHECK: module attributes {stepwell.layout = {bias = 256 : i64, scale = 192 : i64, weight = 0 : i64}}
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:arg[0-9]+]]: memref<4xf32> {stepwell.input = "x"}, %[[P:arg[0-9]+]]: memref<320xi8> {stepwell.parameters})
func.func @main(%w: memref<5x8xf32> {stepwell.parameter = "weight"}, %x: memref<4xf32> {stepwell.input = "x"},
                %s: memref<f64> {stepwell.parameter = "scale"}) -> memref<5x8xf32> {
  // CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
  // CHECK-DAG: %[[W:.*]] = memref.view %[[P]][%[[C0]]][] : memref<320xi8> to memref<5x8xf32>
  // CHECK-DAG: %[[C192:.*]] = arith.constant 192 : index
  // CHECK-DAG: memref.view %[[P]][%[[C192]]][] : memref<320xi8> to memref<f64>
  // CHECK: return %[[W]]
  return %w : memref<5x8xf32>
}
// CHECK-LABEL: func.func @decode
// CHECK-SAME: (%[[P:arg[0-9]+]]: memref<320xi8> {stepwell.parameters})
func.func @decode(%w: memref<5x8xf32> {stepwell.parameter = "weight"}, %b: memref<3xi8> {stepwell.parameter = "bias"}) {
  return
}

// -----

// Without parameters nothing changes.
// CHECK-NOT: stepwell.layout
// CHECK-LABEL: func.func @none
// CHECK-SAME: (%{{.*}}: memref<4xf32> {stepwell.input = "x"})
func.func @none(%x: memref<4xf32> {stepwell.input = "x"}) {
  return
}
