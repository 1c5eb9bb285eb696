"""Generated hardware: area, clock, cycles; beside published figures and CIRCT's own routes."""
