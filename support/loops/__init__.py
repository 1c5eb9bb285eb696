"""Loop nests over integers as plain data: their model, ranges, dependences, schedules and values; no MLIR."""
