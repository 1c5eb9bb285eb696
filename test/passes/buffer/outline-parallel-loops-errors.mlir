// RUN: stepwell-opt %s --outline-parallel-loops --verify-diagnostics

func.func @matrix(%a: memref<?xf32>, %n: index, %v: vector<2x2xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error@+1 {{a parallel loop uses a value of type vector<2x2xf32>, which can't be handed to another thread}}
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    %x = vector.extract %v[0, 0] : f32 from vector<2x2xf32>
    memref.store %x, %a[%i] : memref<?xf32>
    scf.reduce
  }
  return
}
