"""Memory-bound kernels: elementwise work and reductions of a group of structured operations, in one pass over memory."""
