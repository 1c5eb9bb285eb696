"""What schedules count on of a chip."""

MULTIPROCESSORS = 132
"""Of an H100 or H200 (SXM)."""

OLDEST_MMA = 80
"""The architecture that brought ``cp.async`` and products of bf16."""
