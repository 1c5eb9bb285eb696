// RUN: stepwell-opt %s --outline-kernels --verify-diagnostics

func.func @unknown(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{what sizes 'scf.while' gives is not known before it runs}}
  %0 = scf.while (%t = %x) : (tensor<?xf32>) -> tensor<?xf32> {
    %v = tensor.extract %t[%c0] : tensor<?xf32>
    %zero = arith.constant 0.0 : f32
    %more = arith.cmpf ogt, %v, %zero : f32
    scf.condition(%more) %t : tensor<?xf32>
  } do {
  ^bb0(%t: tensor<?xf32>):
    %zero = arith.constant 0.0 : f32
    %s = tensor.insert %zero into %t[%c0] : tensor<?xf32>
    scf.yield %s : tensor<?xf32>
  }
  return %0 : tensor<?xf32>
}
