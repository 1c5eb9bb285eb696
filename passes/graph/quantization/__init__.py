"""Operators of PyTorch in ``numeric``: one file for each family, what they share in ``quantizer``."""
