"""Which operations of a program make one kernel, and kernels as functions of their own."""
