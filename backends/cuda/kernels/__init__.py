"""Kernel families built from Python: one file a family, with the dataclass of its schedule."""
