"""The CPU target beside its peers: torch eager and compiled, IREE, ONNX Runtime. ``python -m bench.cpu --help``."""
