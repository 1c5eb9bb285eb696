"""The lines of the README: compile with a dynamic batch, save, load, check every level."""

import torch

import stepwell

model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.GELU(), torch.nn.Linear(16, 4)).eval()
x = torch.randn(3, 8)

f = stepwell.compile(model, (x,), target="cpu", dynamic_shapes=({0: torch.export.Dim("batch")},))
print(f(torch.randn(100, 8)).shape)

f.save("out/mlp")
torch.testing.assert_close(stepwell.load("out/mlp")(x), model(x))
print(stepwell.lower(model, (x,), to="tensor"))
print(stepwell.verify(model, (x,)).table())
