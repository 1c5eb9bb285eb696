"""Kernels of the kernel level run in numpy, blocks as they are: barriers, shared memory, tensor cores, copy engine."""
