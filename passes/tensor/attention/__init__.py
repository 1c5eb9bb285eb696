"""Attention on tensors: what stands between two products, and the same for a block of rows."""
