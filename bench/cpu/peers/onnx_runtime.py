"""ONNX Runtime: the model exported by torch.onnx, all graph optimisations."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from torch.utils import _pytree as pytree

from bench.cpu.peers.base import Call, Contender


class OnnxRuntime(Contender):
    """Inputs and outputs are numpy's, without copies of inputs."""

    keeps_state = False

    def build(self, exported: torch.export.ExportedProgram, model: torch.nn.Module, args: tuple[Any, ...]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="bench-")
        self._file = Path(self._folder.name, "model.onnx")
        program = torch.onnx.export(exported, args, dynamo=True, verbose=False)
        assert program is not None
        program.save(self._file)
        self._inputs = [leaf for leaf in pytree.tree_leaves(args) if isinstance(leaf, torch.Tensor)]
        self._sessions: dict[int, onnxruntime.InferenceSession] = {}
        self._session(1)

    def call(self, threads: int) -> Call:
        session = self._session(threads)
        names = [value.name for value in session.get_inputs()]
        by_position = dict(zip(self._given(session), self._inputs, strict=True))
        feed = {name: by_position[name].numpy() for name in names}
        return lambda: session.run(None, feed)

    def results(self, value: Any) -> Any:
        return [torch.from_numpy(array) for array in value]

    def save(self, folder: Path) -> None:
        for path in Path(self._folder.name).iterdir():
            (folder / path.name).write_bytes(path.read_bytes())

    def load(self, folder: Path) -> None:
        onnxruntime.InferenceSession(folder / "model.onnx", _options(1), providers=["CPUExecutionProvider"])

    def _given(self, session: onnxruntime.InferenceSession) -> list[str]:
        names = [value.name for value in session.get_inputs()]
        if len(names) != len(self._inputs):
            raise NotImplementedError(f"its model takes {len(names)} inputs instead of {len(self._inputs)}")
        return names

    def _session(self, threads: int) -> onnxruntime.InferenceSession:
        if threads not in self._sessions:
            self._sessions[threads] = onnxruntime.InferenceSession(
                self._file, _options(threads), providers=["CPUExecutionProvider"]
            )
        return self._sessions[threads]


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return options
