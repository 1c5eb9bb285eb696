"""`make bench-cuda`: kernels and models on one GPU beside torch eager and torch.compile, measured by CUDA events."""
