"""Area and clock of generated hardware, by open tools; compiling needs none of this."""
