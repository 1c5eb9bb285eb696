"""Area and clock of a circuit before any tool has seen it."""
