"""What torch-mlir's own route to linalg takes is the least that is expected of us."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from torch_mlir import fx, ir
from torch_mlir.compiler_utils import OutputType
from torch_mlir.dialects import torch as torch_dialect
from torch_mlir.extras import onnx_importer
from torch_mlir.passmanager import PassManager

from bench.conformance.judge import Outcome, open_sizes
from bench.conformance.sample import Sample

_FROM_TORCH = "func.func(torch-match-quantized-custom-ops),torchdynamo-export-to-torch-backend-pipeline"
_FROM_ONNX = "torch-onnx-to-torch-backend-pipeline"
_TO_LINALG = "torch-backend-to-linalg-on-tensors-backend-pipeline"


def lower(sample: Sample, manner: str = "static") -> Outcome:
    """``right`` where torch-mlir lowers the call to linalg, ``refused`` where it does not. Nothing is run."""
    try:
        if isinstance(sample.model, Path):
            module, route = _import_onnx(sample.model), _FROM_ONNX
        else:
            inputs = [tensor.clone() for tensor in sample.inputs]
            shapes = open_sizes(sample) if manner == "dynamic" else None
            module = fx.export_and_import(sample.model, *inputs, output_type=OutputType.RAW, dynamic_shapes=shapes)
            route = _FROM_TORCH
        with module.context:
            PassManager.parse(f"builtin.module({route},{_TO_LINALG})").run(module.operation)
    except Exception as failure:  # of any kind: none is ours
        return Outcome("refused", str(failure).strip().split("\n", 1)[0][:200])
    return Outcome("right")


def _import_onnx(path: Path) -> Any:
    context = ir.Context()
    torch_dialect.register_dialect(context)
    info = onnx_importer.ModelInfo(onnx.shape_inference.infer_shapes(onnx.load(path), data_prop=True))
    module = info.create_module(context=context)
    with context, ir.Location.unknown():
        onnx_importer.NodeImporter.define_function(info.main_graph, module.operation).import_all()
    return module.operation
