"""Streaming hardware components: each with its circuit, its memories and its reference in numpy."""
