"""Composite operators of the torch dialect in simpler ones.

Each function takes the operands and the type of the one result, and returns the new value, or None where it can't.
The formulas are those of PyTorch's documentation; NaN and infinities come out as PyTorch gives them.
"""
