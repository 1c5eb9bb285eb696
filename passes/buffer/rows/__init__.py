"""Elementwise operations and reductions on buffers: what they access, and vector code for them."""
