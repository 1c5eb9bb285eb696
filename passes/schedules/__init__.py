"""How code for an operation is shaped: a dataclass for each kind, worked out from sizes and a CPU, or overridden."""
