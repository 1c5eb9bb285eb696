"""Running every level of a program on the same inputs and comparing."""
