"""What a training step can't be made of, by its message."""

import pytest
import torch
from torch import nn

import stepwell

LOSS = nn.functional.cross_entropy
X, Y = torch.randn(3, 8), torch.tensor([0, 1, 2])


def step_of(model, loss=LOSS, optimizer=None, args=(X, Y), **options):
    optimizer = optimizer or torch.optim.SGD(model.parameters(), 0.1)
    return stepwell.compile_step(model, loss, optimizer, args, **options)


def test_an_optimizer_without_a_rule():
    model = nn.Linear(8, 4)
    with pytest.raises(stepwell.Error, match=r"optimizer Rprop(.|\n)*SGD, Adam, AdamW"):
        step_of(model, optimizer=torch.optim.Rprop(model.parameters()))


def test_a_subclass_may_do_anything():
    class Mine(torch.optim.SGD):
        pass

    model = nn.Linear(8, 4)
    with pytest.raises(stepwell.Error, match="optimizer Mine"):
        step_of(model, optimizer=Mine(model.parameters(), 0.1))


def test_a_differentiable_optimizer():
    model = nn.Linear(8, 4)
    with pytest.raises(stepwell.Error, match="not differentiable"):
        step_of(model, optimizer=torch.optim.SGD(model.parameters(), 0.1, differentiable=True))


class Dropping(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.linear, self.p = nn.Linear(8, 4), p

    def forward(self, x):
        return nn.functional.dropout(self.linear(x), self.p, self.training)


def test_dropout_names_its_line():
    with pytest.raises(stepwell.Error, match=r"random numbers \(aten.dropout(.|\n)*test_refusals.py:\d+"):
        step_of(Dropping(0.5))


@pytest.mark.parametrize(("p", "training"), [(0.0, True), (0.5, False)])
def test_dropout_that_drops_nothing_is_taken(p, training):
    model = Dropping(p).train(training)
    torch.testing.assert_close(step_of(model)(X, Y), LOSS(model.linear(X), Y).detach())


def test_a_loss_of_many_numbers():
    with pytest.raises(stepwell.Error, match=r"must be one number, it is a tensor of shape \[3\]"):
        step_of(nn.Linear(8, 4), lambda result, target: (result.sum(1) - target).abs())


def test_parameters_of_another_model():
    with pytest.raises(stepwell.Error, match=r"shape \[4, 8\] that the model does not have"):
        step_of(nn.Linear(8, 4), optimizer=torch.optim.SGD(nn.Linear(8, 4).parameters(), 0.1))


def test_arguments_that_do_not_fit():
    with pytest.raises(stepwell.Error, match=r"do not fit Linear.forward(.|\n)*the last to the loss"):
        step_of(nn.Linear(8, 4), args=(X, X, Y))


def test_dynamic_shapes_for_another_number_of_arguments():
    with pytest.raises(stepwell.Error, match="the step has 2: input, target"):
        step_of(nn.Linear(8, 4), dynamic_shapes=({0: torch.export.Dim("batch")},))


def test_a_sparse_gradient():
    class Sparse(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(5, 4, sparse=True)

        def forward(self, ids):
            return self.table(ids)

    with pytest.raises(stepwell.Error, match=r"gradient of 'table.weight' is sparse(.|\n)*sparse=True"):
        step_of(Sparse(), args=(torch.tensor([0, 1, 2]), Y))


def test_a_loss_that_depends_on_no_parameter():
    with pytest.raises(stepwell.Error, match="could not differentiate the loss"):
        step_of(nn.Linear(8, 4), lambda result, target: target.to(torch.float32).mean())


def test_an_option_that_changes_between_steps():
    model = nn.Linear(8, 4)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, weight_decay=0.5)
    step = step_of(model, optimizer=optimizer)
    optimizer.param_groups[0]["weight_decay"] = 0.25
    with pytest.raises(
        stepwell.Error, match=r"'weight_decay' of parameter group 0 is 0.25, the step was made with 0.5"
    ):
        step(X, Y)
