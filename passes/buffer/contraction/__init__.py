"""Contractions on buffers: what plays which role, and the register-blocked loop nest that computes them."""
