"""Convolutions and pooling on buffers of images with channels last: what belongs together, and the code for it."""
