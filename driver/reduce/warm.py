"""Loads what compiling a model needs, which is more than importing does: for the server of candidates only."""

import torch

import stepwell

stepwell.compile(torch.nn.ReLU(), (torch.ones(1),), cache=False)
