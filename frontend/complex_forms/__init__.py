"""Operators on complex tensors in real ones, by topic."""
