// RUN: stepwell-opt %s --affine-to-stream --split-input-file | FileCheck %s

// Arguments that are read become inputs, one that is written an output; two neighbours come in a beat.
// CHECK: "stream.graph"
// CHECK: %[[X:.*]] = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 2 : i64, [8], "row-major">
// CHECK: %[[Y:.*]] = "stream.loops"(%[[X]])
// CHECK: ^bb0(%[[A:.*]]: memref<8xi8>, %[[W:.*]]: memref<8xi8>, %[[B:.*]]: memref<8xi8>):
// CHECK: affine.for
// CHECK: affine.load %[[A]]
// CHECK: affine.load %[[W]]
// CHECK: affine.store %{{.*}}, %[[B]]
// CHECK: stepwell.interval = 1
// CHECK: arg_attrs = [{stepwell.banks = ["cyclic 2"], stepwell.input = "x"}, {stepwell.parameter = "w"}, {stepwell.output = "arg2"}]
// CHECK: "stream.sink"(%[[Y]]) {output = "arg2"}
// CHECK: sym_name = "main"
func.func @main(%x: memref<8xi8> {stepwell.input = "x", stepwell.banks = ["cyclic 2"]},
                %w: memref<8xi8> {stepwell.parameter = "w"}, %y: memref<8xi8>) {
  affine.for %i = 0 to 8 {
    %0 = affine.load %x[%i] : memref<8xi8>
    %1 = affine.load %w[%i] : memref<8xi8>
    %2 = arith.addi %0, %1 {stepwell.cycle = 1 : i64} : i8
    affine.store %2, %y[%i] {stepwell.cycle = 2 : i64} : memref<8xi8>
  } {stepwell.interval = 1 : i64}
  return
}

// -----

// What is returned is an output, what is not stays inside.
// CHECK: "stream.loops"
// CHECK: ^bb0(%{{.*}}: memref<4xi8>, %{{.*}}: memref<4xi8>, %{{.*}}: memref<4xi16>):
// CHECK-COUNT-1: memref.alloc
// CHECK-NOT: memref.alloc
// CHECK: "stream.sink"(%{{.*}}) {output = "first"}
// CHECK: "stream.sink"(%{{.*}}) {output = "1"}
func.func @main(%x: memref<4xi8>) -> (memref<4xi8> {stepwell.output = "first"}, memref<4xi16>) {
  %inside = memref.alloc() : memref<4xi8>
  %y = memref.alloc() : memref<4xi8>
  %z = memref.alloc() : memref<4xi16>
  affine.for %i = 0 to 4 {
    %0 = affine.load %x[%i] : memref<4xi8>
    affine.store %0, %inside[-%i + 3] : memref<4xi8>
    affine.store %0, %y[%i] : memref<4xi8>
  }
  affine.for %i = 0 to 4 {
    %0 = affine.load %inside[%i] : memref<4xi8>
    %1 = arith.extui %0 : i8 to i16
    affine.store %1, %z[%i] : memref<4xi16>
  }
  return %y, %z : memref<4xi8>, memref<4xi16>
}

// -----

// A constant is part of the component.
// CHECK-NOT: memref.global
// CHECK: "stream.loops"
// CHECK: arg_attrs = [{stepwell.input = "arg0"}, {stepwell.constant = dense<[3, -1]> : tensor<2xi8>}, {stepwell.output = "arg1"}]
memref.global "private" constant @table : memref<2xi8> = dense<[3, -1]>
func.func @main(%x: memref<2xi8>, %y: memref<2xi8>) {
  %table = memref.get_global @table : memref<2xi8>
  affine.for %i = 0 to 2 {
    %0 = affine.load %x[%i] : memref<2xi8>
    %1 = affine.load %table[%i] : memref<2xi8>
    %2 = arith.addi %0, %1 : i8
    affine.store %2, %y[%i] : memref<2xi8>
  }
  return
}

// -----

// A result that shows a memory in another shape is its stream, said to be of that shape, in beats that fit.
// CHECK: %[[Y:.*]] = "stream.loops"({{.*}}
// CHECK: ^bb0(%{{.*}}: memref<2x4xi8>, %[[M:.*]]: memref<2x4xi8>):
// CHECK: affine.store %{{.*}}, %[[M]]
// CHECK-NOT: memref.
// CHECK: (!stream.stream<i8, 1 : i64, [2, 4], "row-major">) -> !stream.stream<i8, 4 : i64, [2, 4], "row-major">
// CHECK: %[[R:.*]] = "stream.resize"(%[[Y]]) : {{.*}} -> !stream.stream<i8, 2 : i64, [2, 4], "row-major">
// CHECK: %[[S:.*]] = "stream.reshape"(%[[R]]) : {{.*}} -> !stream.stream<i8, 2 : i64, [2, 2, 2], "row-major">
// CHECK: "stream.sink"(%[[S]])
func.func @shown(%x: memref<2x4xi8>) -> memref<2x2x2xi8> {
  %y = memref.alloc() {stepwell.banks = ["whole", "cyclic 4"]} : memref<2x4xi8>
  affine.for %i = 0 to 2 {
    affine.for %j = 0 to 4 {
      %0 = affine.load %x[%i, %j] : memref<2x4xi8>
      affine.store %0, %y[%i, %j] {stepwell.cycle = 1 : i64} : memref<2x4xi8>
    }
  } {stepwell.interval = 1 : i64}
  %v = memref.expand_shape %y [[0], [1, 2]] output_shape [2, 2, 2] : memref<2x4xi8> into memref<2x2x2xi8>
  return %v : memref<2x2x2xi8>
}
