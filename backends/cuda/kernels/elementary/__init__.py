"""Elementary functions of f32 in a kernel, with stated bounds and without libdevice."""
