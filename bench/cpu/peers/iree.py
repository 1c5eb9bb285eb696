"""IREE: the torch dialect as our torch-mlir imports it, weights as parameters of an archive that it maps."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import iree.compiler as compiler
import iree.runtime as runtime
import torch
from torch.utils import _pytree as pytree
from torch_mlir import ir

from bench.cpu.peers.base import Call, Contender
from stepwell.frontend.export import decompose
from stepwell.frontend.importer import import_program

_FLAGS = ("--iree-llvmcpu-target-cpu=host", "--iree-opt-level=O3", "--iree-opt-data-tiling=true")
_SCOPE = "model"
_ARGUMENT = re.compile(r"(%\w+): !torch\.vtensor<\[([\d,]*)\],(\w+)>")


class Iree(Contender):
    """``llvm-cpu`` for the host at O3, its weights packed when the module is loaded."""

    keeps_state = False

    def build(self, exported: torch.export.ExportedProgram, model: torch.nn.Module, args: tuple[Any, ...]) -> None:
        program = import_program(decompose(exported), origin="bench")
        text, names = with_parameters(program.module)
        self._code = compiler.compile_str(
            text, target_backends=["llvm-cpu"], input_type="torch", extra_args=list(_FLAGS)
        )
        self._weights = {name: program.parameters[name] for name in names}
        self._inputs = [leaf for leaf in pytree.tree_leaves(args) if isinstance(leaf, torch.Tensor)]
        self._folder = tempfile.TemporaryDirectory(prefix="bench-")
        self.save(Path(self._folder.name))

    def call(self, threads: int) -> Call:
        main = self._load(Path(self._folder.name), threads)["main"]
        inputs = [tensor.contiguous().numpy() for tensor in self._inputs]
        return lambda: _on_host(main(*inputs))

    def results(self, value: Any) -> Any:
        return [torch.from_numpy(array) for array in value]

    def save(self, folder: Path) -> None:
        (folder / "model.vmfb").write_bytes(self._code)
        if self._weights:
            index = runtime.ParameterIndex()
            for name, tensor in self._weights.items():
                runtime.parameter_index_add_numpy_ndarray(index, name, tensor)
            index.create_archive_file(str(folder / "model.irpa"))

    def load(self, folder: Path) -> None:
        self._load(folder, 1)

    def _load(self, folder: Path, threads: int) -> Any:
        if threads == 1:
            config = runtime.Config("local-sync")
        else:
            runtime.flags.parse_flags(f"--task_topology_max_group_count={threads}")
            config = runtime.Config("local-task")
        modules = []
        if (folder / "model.irpa").exists():
            index = runtime.ParameterIndex()
            index.load(str(folder / "model.irpa"))
            modules.append(runtime.create_io_parameters_module(config.vm_instance, index.create_provider(_SCOPE)))
        modules.append(runtime.VmModule.mmap(config.vm_instance, str(folder / "model.vmfb")))
        return runtime.load_vm_modules(*modules, config=config)[-1]


def with_parameters(module: ir.Module) -> tuple[str, list[str]]:
    """The module's text with its weights, arguments of ``main``, as globals that are parameters; and their names.

    Marks of ours are taken from the module.
    """
    main = next(op.operation for op in module.body.operations if op.operation.name == "func.func")
    marks = [ir.DictAttr(mark) for mark in ir.ArrayAttr(main.attributes["arg_attrs"])]
    for owner, attribute in ((main, "arg_attrs"), (main, "res_attrs"), (module.operation, "stepwell.signatures")):
        if attribute in owner.attributes:
            del owner.attributes[attribute]
    head, _, rest = str(module).partition("func.func @main(")
    arguments, arrow, body = rest.partition(") -> ")
    results, brace, body = body.partition(" {\n")
    names: list[str] = []
    kept, globals_, loads = [], [], []
    for mark, argument in zip(marks, _ARGUMENT.finditer(arguments), strict=True):
        if "stepwell.parameter" not in mark:
            kept.append(argument[0])
            continue
        value, sizes, kind = argument.groups()
        symbol, name = f"@weight_{len(names)}", ir.StringAttr(mark["stepwell.parameter"]).value
        builtin = "tensor<" + "".join(f"{size}x" for size in sizes.split(",") if size) + f"{_builtin(kind)}>"
        globals_.append(f'util.global private {symbol} = #flow.parameter.named<"{_SCOPE}"::"{name}"> : {builtin}\n')
        loads.append(f"{value}_b = util.global.load {symbol} : {builtin}\n")
        loads.append(
            f"{value} = torch_c.from_builtin_tensor {value}_b : {builtin} -> !torch.vtensor<[{sizes}],{kind}>\n"
        )
        names.append(name)
    signature = f"func.func @main({', '.join(kept)}{arrow}{results}{brace}"
    return f"{head}{''.join(globals_)}{signature}{''.join(loads)}{body}", names


def _builtin(kind: str) -> str:
    return kind[1:] if kind.startswith("si") else kind


def _on_host(value: Any) -> list[Any]:
    values = value if isinstance(value, (tuple, list)) else [value]
    return [item.to_host() for item in values]
