"""Channels-last twins of image tensors, and how each operation makes one."""
