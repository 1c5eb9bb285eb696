"""What schedules count on of a chip."""

MULTIPROCESSORS = 132
"""Of an H100 or H200 (SXM)."""
