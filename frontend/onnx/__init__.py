"""ONNX files, QONNX among them, to the graph level."""
