// RUN: not stepwell-opt %s --check-shapes 2>&1 | FileCheck %s

// The signature says that the result's size is that of the argument; the entry made a constant of it.
// CHECK: error: the lowering gives 'y' the shape 1x4, but the model says y: bx4xf32
module attributes {stepwell.signatures = {main = "{\22inputs\22: [], \22results\22: [{\22name\22: \22y\22, \22dtype\22: \22f32\22, \22shape\22: [{\22symbol\22: \22b\22, \22scale\22: 1, \22offset\22: 0}, 4], \22scalar\22: null}], \22states\22: [], \22outputs\22: [], \22symbols\22: {}, \22in_spec\22: null, \22out_spec\22: null, \22input_leaves\22: [], \22leaf_constants\22: {}}"}} {
  func.func @main(%x: tensor<1x4xf32>) -> (tensor<1x4xf32> {stepwell.output = "y"}) {
    return %x : tensor<1x4xf32>
  }
}
