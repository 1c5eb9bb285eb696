// RUN: stepwell-opt %s --load %S/../plugins/plus.py --cut-operators --verify-diagnostics

func.func private @branch(%x: !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32> {
  %number = torch.constant.float 1.5
  // expected-error@+1 {{operator 'test_passes.plus' is in a branch, where its lowering can't be built}}
  %y = torch.operator "torch.test_passes.plus"(%x, %number) : (!torch.vtensor<[2],f32>, !torch.float) -> !torch.vtensor<[2],f32>
  return %y : !torch.vtensor<[2],f32>
}
