"""Elementary functions of f32 as branch-free arithmetic, on scalars and vectors; used by the pass expand-math."""
