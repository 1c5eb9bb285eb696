"""Measurements: speed beside the peers, overhead per call, compile time and memory, and the tables of the zoo."""
