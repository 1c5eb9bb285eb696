"""Memory-bound kernels: elementwise work and reductions of a group of operations, in one pass over memory."""
