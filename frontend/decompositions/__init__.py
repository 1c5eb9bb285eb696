"""Operators in terms of others, by topic; ``table`` has them all."""
