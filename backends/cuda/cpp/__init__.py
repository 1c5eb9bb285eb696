"""Kernels as CUDA C++ for people to read or to own: what ``--emit cu`` prints."""
