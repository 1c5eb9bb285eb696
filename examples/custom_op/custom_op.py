"""Two operators of your own that compile: one by a decomposition, one by a builder of MLIR.

PyTorch calls an operator that ``torch.library.custom_op`` defines, but what it computes is Python that nothing can look
into, so a model with it is refused: the message names the operator and the model's line. A lowering says what it is.

``demo::snake`` is arithmetic: its lowering is a function of PyTorch's operators, which take its place in the graph.

``demo::leaky`` is a recurrence, ``y[t] = decay * y[t - 1] + x[t]``. In PyTorch's operators each step would be a part of
the graph; its lowering builds a loop at the tensor level instead, for any length. It is called with the types of the
results, and then with the operator's arguments: tensors as MLIR values, the rest as Python's own.

Every target takes both. ``python -m examples.custom_op.custom_op`` compiles a model with them and compares it with
PyTorch; ``stepwell compile examples.custom_op.custom_op:make -o out/filter`` does so ahead of time. A model in a file
that does not import the lowerings gets them by ``stepwell --load custom_op.py compile ...``.
"""

import torch
from torch_mlir import ir
from torch_mlir.dialects import arith, scf, tensor

import stepwell


@torch.library.custom_op("demo::snake", mutates_args=())
def snake(x: torch.Tensor, rate: float) -> torch.Tensor:
    """``x + sin(rate * x) ** 2 / rate``."""
    return x + torch.sin(rate * x) ** 2 / rate


@torch.library.custom_op("demo::leaky", mutates_args=())
def leaky(x: torch.Tensor, decay: float) -> torch.Tensor:
    """``y[t] = decay * y[t - 1] + x[t]`` for ``x`` of shape [length, channels]."""
    rows = [torch.zeros_like(x[0])]
    for row in x:
        rows.append(decay * rows[-1] + row)
    return torch.stack(rows[1:])


snake.register_fake(lambda x, rate: torch.empty_like(x))
leaky.register_fake(lambda x, decay: torch.empty_like(x))


@stepwell.register_lowering("demo::snake")
def lower_snake(x: torch.Tensor, rate: float) -> torch.Tensor:
    """In PyTorch's operators."""
    wave = torch.sin(x * rate)
    return x + wave * wave / rate


@stepwell.register_lowering("demo::leaky", level="tensor")
def build_leaky(types: list[ir.RankedTensorType], x: ir.Value, decay: float) -> ir.Value:
    """A loop over channels around one over steps, which hands on what the step before it has made."""
    zero, one = (arith.constant(ir.IndexType.get(), number) for number in (0, 1))
    length, channels = tensor.dim(x, zero), tensor.dim(x, one)
    element = types[0].element_type
    factor, nothing = arith.constant(element, decay), arith.constant(element, 0.0)
    sizes = [size for axis, size in enumerate((length, channels)) if types[0].is_dynamic_dim(axis)]
    empty = ir.Operation.create("tensor.empty", results=[types[0]], operands=sizes).result
    outer = scf.ForOp(zero, channels, one, [empty])
    with ir.InsertionPoint(outer.body):
        inner = scf.ForOp(zero, length, one, [outer.inner_iter_args[0], nothing])
        scf.yield_([inner.results[0]])
    with ir.InsertionPoint(inner.body):
        place = [inner.induction_variable, outer.induction_variable]
        rows, last = inner.inner_iter_args
        now = arith.addf(arith.mulf(factor, last), tensor.extract(x, place))
        scf.yield_([tensor.insert(now, rows, place), now])
    return outer.results[0]


class Filter(torch.nn.Module):
    """A leaky sum along the first dimension, and an activation."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return snake(leaky(x, 0.9), 2.0)


def make() -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """The model and its example arguments."""
    return Filter(), (torch.randn(16, 4),)


def main() -> None:
    """Compile for any length, run on another one, compare."""
    model, args = make()
    compiled = stepwell.compile(model, args, dynamic_shapes=({0: torch.export.Dim("length")},))
    x = torch.randn(100, 4)
    torch.testing.assert_close(compiled(x), model(x))
    print(stepwell.verify(model, args).table())


if __name__ == "__main__":
    main()
