"""A training step as a model: loss, gradients and the optimiser's update in one graph."""
