"""Passes that know the kernels of this target."""
