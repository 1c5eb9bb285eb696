"""The page that ``--html`` writes: the levels of a model side by side."""
