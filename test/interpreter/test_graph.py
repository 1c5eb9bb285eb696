import numpy as np
import pytest
import torch
from torch_mlir import ir

from stepwell.backends.interpreter.graph import GraphInterpreter
from stepwell.dialects.context import make_context
from stepwell.support.errors import ExecutionError, InputError, UnsupportedError


@pytest.fixture(scope="module")
def graph_context() -> ir.Context:
    return make_context(allow_unregistered=True)


LINEAR = """
func.func @main(%x: !torch.vtensor<[2,3],f32> {stepwell.input = "x"},
    %n: !torch.vtensor<[],f32> {stepwell.state = "n"}, %w: !torch.vtensor<[4,3],f32> {stepwell.parameter = "w"})
    -> (!torch.vtensor<[],f32> {stepwell.state = "n"}, !torch.vtensor<[2,4],f32> {stepwell.output = "0"}) {
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %float = torch.constant.float 2.0
  %none = torch.constant.none
  %dims = torch.prim.ListConstruct %int1, %int0 : (!torch.int, !torch.int) -> !torch.list<int>
  %t = torch.aten.permute %w, %dims : !torch.vtensor<[4,3],f32>, !torch.list<int> -> !torch.vtensor<[3,4],f32>
  %m = torch.aten.mm %x, %t : !torch.vtensor<[2,3],f32>, !torch.vtensor<[3,4],f32> -> !torch.vtensor<[2,4],f32>
  %c = torch.aten.clamp %m, %float, %none : !torch.vtensor<[2,4],f32>, !torch.float, !torch.none
    -> !torch.vtensor<[2,4],f32>
  %k = torch.aten.add.Scalar %n, %int1, %int1 : !torch.vtensor<[],f32>, !torch.int, !torch.int -> !torch.vtensor<[],f32>
  return %k, %c : !torch.vtensor<[],f32>, !torch.vtensor<[2,4],f32>
}
"""


def test_operators_run_through_pytorch(graph_context):
    interpreter = GraphInterpreter(ir.Module.parse(LINEAR, graph_context))
    x = torch.randn(2, 3)
    w = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    output, state = interpreter.run_entry([x], {"w": w, "state:n": np.array(4.0, np.float32)})
    assert torch.equal(output, (x @ torch.tensor(w).T).clamp(min=2.0))
    assert state.item() == 5.0


def test_gradients_flow(graph_context):
    interpreter = GraphInterpreter(ir.Module.parse(LINEAR, graph_context))
    x, w = torch.ones(2, 3), torch.ones(4, 3, requires_grad=True)
    _, output = interpreter.run([x, torch.zeros(()), w])
    output.sum().backward()
    assert torch.equal(w.grad, torch.full((4, 3), 2.0))


def test_dtypes_given_as_numbers_and_literals(graph_context):
    text = """func.func @main() -> (!torch.vtensor<[3],bf16>, !torch.vtensor<[2],ui8>) {
      %start = torch.constant.int 0
      %end = torch.constant.int 3
      %step = torch.constant.int 1
      %dtype = torch.constant.int 15
      %none = torch.constant.none
      %a = torch.aten.arange.start_step %start, %end, %step, %dtype, %none, %none, %none
        : !torch.int, !torch.int, !torch.int, !torch.int, !torch.none, !torch.none, !torch.none
        -> !torch.vtensor<[3],bf16>
      %b = torch.vtensor.literal(dense<[200, 7]> : tensor<2xui8>) : !torch.vtensor<[2],ui8>
      return %a, %b : !torch.vtensor<[3],bf16>, !torch.vtensor<[2],ui8>
    }"""
    a, b = GraphInterpreter(ir.Module.parse(text, graph_context)).run([])
    assert torch.equal(a, torch.arange(3, dtype=torch.bfloat16))
    assert torch.equal(b, torch.tensor([200, 7], dtype=torch.uint8))


def test_sorts_keep_the_order_of_equal_elements(graph_context):
    text = """func.func @main(%x: !torch.vtensor<[64],si8>) -> !torch.vtensor<[64],si64> {
      %dim = torch.constant.int 0
      %true = torch.constant.bool true
      %v, %i = torch.aten.sort %x, %dim, %true
        : !torch.vtensor<[64],si8>, !torch.int, !torch.bool -> !torch.vtensor<[64],si8>, !torch.vtensor<[64],si64>
      return %i : !torch.vtensor<[64],si64>
    }"""
    x = torch.randint(-2, 2, (64,), dtype=torch.int8)
    places = GraphInterpreter(ir.Module.parse(text, graph_context)).run([x])[0]
    assert torch.equal(places, torch.sort(x, stable=True, descending=True).indices)


def test_view_of_a_value_that_is_laid_out_otherwise(graph_context):
    text = """func.func @main(%x: !torch.vtensor<[2,3],f32>) -> !torch.vtensor<[6],f32> {
      %six = torch.constant.int 6
      %shape = torch.prim.ListConstruct %six : (!torch.int) -> !torch.list<int>
      %0 = torch.aten.view %x, %shape : !torch.vtensor<[2,3],f32>, !torch.list<int> -> !torch.vtensor<[6],f32>
      return %0 : !torch.vtensor<[6],f32>
    }"""
    x = torch.arange(6.0).reshape(3, 2).T
    (result,) = GraphInterpreter(ir.Module.parse(text, graph_context)).run([x])
    assert result.tolist() == [0, 2, 4, 1, 3, 5]


def test_user_operators_run(graph_context):
    library = torch.library.Library("stepwell_graph_test", "FRAGMENT")
    library.define("twice(Tensor x) -> Tensor")
    library.impl("twice", lambda x: 2 * x, "CompositeExplicitAutograd")
    text = """func.func @main(%x: !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32> {
      %0 = torch.operator "torch.stepwell_graph_test.twice"(%x) : (!torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32>
      return %0 : !torch.vtensor<[2],f32>
    }"""
    (result,) = GraphInterpreter(ir.Module.parse(text, graph_context)).run([torch.ones(2)])
    assert result.tolist() == [2, 2]


def test_observer_sees_each_operator(graph_context):
    seen: list[str] = []
    interpreter = GraphInterpreter(ir.Module.parse(LINEAR, graph_context), lambda op, values: seen.append(op.name))
    interpreter.run([torch.ones(2, 3), torch.zeros(()), torch.ones(4, 3)])
    assert seen[-3:] == ["torch.aten.mm", "torch.aten.clamp", "torch.aten.add.Scalar"]


def test_unknown_operation_and_refused_arguments(graph_context):
    unknown = """func.func @main() {
      "nowhere.op"() : () -> ()
      return
    }"""
    with pytest.raises(UnsupportedError, match=r"does not know the operation 'nowhere\.op'") as caught:
        GraphInterpreter(ir.Module.parse(unknown, graph_context)).run([])
    assert caught.value.where == "-:2:7"
    interpreter = GraphInterpreter(ir.Module.parse(LINEAR, graph_context))
    with pytest.raises(ExecutionError, match=r"'torch\.aten\.mm' failed: mat1 and mat2 shapes cannot be multiplied"):
        interpreter.run([torch.ones(2, 5), torch.zeros(()), torch.ones(4, 3)])
    with pytest.raises(InputError, match="takes 3 arguments, 0 were given"):
        interpreter.run([])
