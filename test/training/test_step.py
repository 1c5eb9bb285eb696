"""A compiled training step against PyTorch: ten steps, in float64 and in its own float32."""

import copy

import pytest
import torch
from torch import nn

import stepwell

LOSS = nn.functional.cross_entropy
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, 0.1),
    "momentum": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, dampening=0.2, weight_decay=0.01),
    "nesterov": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True, maximize=True),
    "adam": lambda p: torch.optim.Adam(p, 0.01, betas=(0.8, 0.95), weight_decay=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, 0.01, amsgrad=True),
}


class Block(nn.Module):
    """A transformer block and a head."""

    def __init__(self):
        super().__init__()
        self.block = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True, activation="gelu")
        self.head = nn.Linear(16, 4)

    def forward(self, x):
        return self.head(self.block(x).mean(1))


def mlp():
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))


def cnn():
    """Batch norm behind a convolution without bias, a depthwise convolution, pooling."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, stride=2, groups=8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
    )  # fmt: skip


MODELS = {"cnn": (cnn, (3, 9, 9)), "block": (Block, (5, 16))}


def batches(sizes, count=10, batch=6):
    return [(torch.randn(batch, *sizes), torch.randint(0, 4, (batch,))) for _ in range(count)]


def train(model, make_optimizer, data, dtype, rates=None):
    """Losses, the trained model and its optimizer, by PyTorch in ``dtype``."""
    model = copy.deepcopy(model).to(dtype)
    optimizer, losses = make_optimizer(model.parameters()), []
    for number, (x, y) in enumerate(data):
        if rates:
            optimizer.param_groups[0]["lr"] = rates[number]
        optimizer.zero_grad()
        loss = LOSS(model(x.to(dtype)), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return losses, model, optimizer


def distance(values, expected):
    """Largest error of a dictionary of tensors, each relative to its largest element."""
    assert values.keys() == expected.keys()
    errors = [0.0]
    for name, right in expected.items():
        largest = float(right.double().abs().max()) if right.numel() else 0.0
        errors.append(float((values[name].double() - right.double()).abs().max()) / (largest or 1.0))
    return max(errors)


def check_ten_steps(model, make_optimizer, data, **options):
    """Losses, parameters, buffers and optimizer state are as close to float64 as PyTorch's float32."""
    exact, double, double_optimizer = train(model, make_optimizer, data, torch.float64)
    eager, single, single_optimizer = train(model, make_optimizer, data, torch.float32)
    step = stepwell.compile_step(model, LOSS, make_optimizer(model.parameters()), data[0], **options)
    for (x, y), right, torchs in zip(data, exact, eager, strict=True):
        assert abs(step(x, y) - right) <= max(1e-5, 4 * abs(torchs - right))
    states, right_states = double.state_dict(), single.state_dict()
    assert distance(step.state_dict(), states) <= max(1e-5, 4 * distance(right_states, states))
    kept = step.optimizer_state_dict()["state"]
    for index, right in double_optimizer.state_dict()["state"].items():
        torchs = distance(single_optimizer.state_dict()["state"][index], right)
        assert distance(kept[index], right) <= max(1e-5, 4 * torchs)
    return step


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_ten_steps_of_each_optimizer(optimizer):
    check_ten_steps(mlp(), OPTIMIZERS[optimizer], batches((8,)))


def test_ten_steps_of_a_transformer_block():
    check_ten_steps(Block(), OPTIMIZERS["momentum"], batches((5, 16)))


@pytest.mark.parametrize("name", ["cnn", pytest.param("block", marks=pytest.mark.slow)])
def test_ten_steps_with_a_batch_that_varies(name):
    make, sizes = MODELS[name]
    batch = torch.export.Dim("batch", max=64)
    data = [*batches(sizes, 5), *batches(sizes, 4, batch=3), *batches(sizes, 1, batch=2)]
    check_ten_steps(make(), OPTIMIZERS["momentum"], data, dynamic_shapes=({0: batch}, {0: batch}))


@pytest.mark.slow
def test_ten_steps_in_the_interpreter():
    check_ten_steps(mlp(), OPTIMIZERS["adamw"], batches((8,)), target="interpreter")


def test_the_first_call_compiles():
    model, data = mlp(), batches((8,), 1)
    step = stepwell.compile_step(model, LOSS, torch.optim.SGD(model.parameters(), 0.1))
    with pytest.raises(stepwell.Error, match="not compiled yet"):
        step.state_dict()
    (expected,), trained, _ = train(model, OPTIMIZERS["sgd"], data, torch.float32)
    torch.testing.assert_close(step(*data[0]), expected)
    for mine, right in zip(step.parameters(), trained.parameters(), strict=True):
        torch.testing.assert_close(mine, right.detach())


def test_a_scheduler_sets_the_learning_rate():
    model, data, rates = mlp(), batches((8,), 3), [0.1, 0.05, 0.025]
    _, trained, _ = train(model, OPTIMIZERS["adam"], data, torch.float32, rates)
    optimizer = torch.optim.Adam(model.parameters(), 0.1, betas=(0.8, 0.95), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    step = stepwell.compile_step(model, LOSS, optimizer, data[0])
    for x, y in data:
        step(x, y)
        optimizer.step()  # without gradients: tells the scheduler that a step was made
        schedule.step()
    for name, right in trained.state_dict().items():
        torch.testing.assert_close(step.state_dict()[name], right)


@pytest.mark.slow
def test_groups_have_rates_and_options_of_their_own():
    model, data = mlp(), batches((8,), 3)

    def two_groups(parameters):
        first, *rest = parameters
        return torch.optim.SGD([{"params": [first], "lr": 0.2, "momentum": 0.9}, {"params": rest}], 0.05)

    _, trained, _ = train(model, two_groups, data, torch.float32)
    step = stepwell.compile_step(model, LOSS, two_groups(model.parameters()), data[0])
    for x, y in data:
        step(x, y)
    assert distance(step.state_dict(), trained.state_dict()) < 1e-5


class Unusual(nn.Module):
    """A weight used twice, a frozen one, one that nothing depends on, and one that the optimizer does not have."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.first.bias.requires_grad_(False)
        self.unused = nn.Parameter(torch.ones(3))
        self.left_out = nn.Parameter(torch.randn(4))

    def forward(self, x):
        return self.second(self.first(x).tanh()) * self.left_out


def test_tied_frozen_and_unused_parameters():
    model, data = Unusual(), batches((4,), 3)

    def optimizer(parameters):
        return torch.optim.SGD(list(parameters)[:-1], 0.1, momentum=0.9, weight_decay=0.1)

    _, trained, torchs = train(model, optimizer, data, torch.float32)
    step = stepwell.compile_step(model, LOSS, optimizer(model.parameters()), data[0])
    for x, y in data:
        step(x, y)
    assert distance(step.state_dict(), trained.state_dict()) < 1e-5
    assert step.optimizer_state_dict()["state"].keys() == torchs.state_dict()["state"].keys()


def test_training_goes_on_in_pytorch_and_back():
    model, data = mlp(), batches((8,), 4)
    _, trained, _ = train(model, OPTIMIZERS["momentum"], data, torch.float32)
    optimizer = OPTIMIZERS["momentum"](model.parameters())
    first = stepwell.compile_step(model, LOSS, optimizer, data[0])
    first(*data[0])
    first.write_back()
    optimizer.zero_grad()
    LOSS(model(data[1][0]), data[1][1]).backward()
    optimizer.step()
    second = stepwell.compile_step(model, LOSS, optimizer, data[0])
    second(*data[2])
    second(*data[3])
    assert distance(second.state_dict(), trained.state_dict()) < 1e-5
    second.reset()
    assert distance(second.state_dict(), model.state_dict()) == 0


def test_a_model_may_give_its_loss_itself():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = mlp()

        def forward(self, x, *, labels):
            return LOSS(self.inner(x), labels)

    model, ((x, y),) = Own(), batches((8,), 1)
    step = stepwell.compile_step(model, None, torch.optim.SGD(model.parameters(), 0.1), (x,), {"labels": y})
    torch.testing.assert_close(step(x, labels=y), LOSS(model.inner(x), y).detach())


def test_an_artifact_trains(tmp_path):
    model, data = mlp(), batches((8,), 2)
    step = stepwell.compile_step(model, LOSS, torch.optim.AdamW(model.parameters(), 0.01), data[0])
    step.save(tmp_path / "step")
    loaded = stepwell.load(tmp_path / "step")
    for x, y in data:
        assert torch.equal(loaded(x, y, torch.tensor(0.01, dtype=torch.float64)), step(x, y))
    assert torch.equal(loaded.state("model.0.weight"), step.state_dict()["0.weight"])
