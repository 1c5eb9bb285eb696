"""How much work a piece of code at the buffer level does: floating-point operations and bytes, counted in the IR."""
