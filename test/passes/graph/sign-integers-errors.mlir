// RUN: stepwell-opt %s --sign-integers --verify-diagnostics

func.func @quotient(%a: !torch.vtensor<[4],ui64>) -> !torch.vtensor<[4],f32> {
  // expected-error @+1 {{'aten.div.Tensor' of unsigned 64-bit integers can't be lowered}}
  %0 = torch.aten.div.Tensor %a, %a : !torch.vtensor<[4],ui64>, !torch.vtensor<[4],ui64> -> !torch.vtensor<[4],f32>
  return %0 : !torch.vtensor<[4],f32>
}
