"""Models that arrive quantised: one file for each family of operators, what they share in ``islands``."""
