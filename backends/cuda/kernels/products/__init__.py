"""Matrix products with what follows them: from a kernel's function to the family of kernels that takes it."""
