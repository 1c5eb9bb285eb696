// RUN: stepwell-opt %s --plan-launches | FileCheck %s

// What must hold of sizes is part of the plan.
// CHECK: \22checks\22: [{\22holds\22: [\22and\22, [\22eq\22, [\22dim\22, 0, 0], [\22dim\22, 1, 0]], [\22lt\22, 0, [\22dim\22, 0, 0]]], \22message\22: \22sizes differ\22}]
func.func @main(%x: memref<?xf32> {stepwell.input = "x"}, %y: memref<?xf32> {stepwell.input = "y"}) -> memref<?xf32> {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %m = memref.dim %y, %c0 : memref<?xf32>
  %same = arith.cmpi eq, %n, %m : index
  %some = arith.cmpi slt, %c0, %n : index
  %both = arith.andi %same, %some : i1
  cf.assert %both, "sizes differ"
  return %x : memref<?xf32>
}
