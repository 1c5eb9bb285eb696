"""The tests of single operators that come with ONNX (``onnx.backend.test``), as files of their own."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper, version_converter

from bench.conformance.sample import Sample, Tolerance

OLDEST, NEWEST = 13, 21
"""The operator sets that we promise to read."""


@dataclass(frozen=True)
class Case:
    """One test.

    Attributes:
        name: ONNX's own.
        operator: which operator it is of; that of the test that it expands, where it is the body of a function.
        opset: the version of the operator set, 13 where it was raised to that.
        rtol, atol: ONNX's own tolerance.
        tensors: whether all that goes in and comes out is a tensor of a type that PyTorch has.
    """

    name: str
    operator: str
    opset: int
    rtol: float
    atol: float
    tensors: bool


class OnnxNodes:
    """The tests of ONNX, by operator.

    Args:
        folder: where :func:`write_cases` put them.
        opsets: ``onnx`` for the versions that we promise to read and older ones, ``onnx_newer`` for those above.
        patterns: of names of tests, as a shell has them; without one, all.
    """

    def __init__(self, folder: str, opsets: str, *patterns: str) -> None:
        self._folder = Path(folder)
        self._cases: dict[str, list[Case]] = {}
        for found in json.loads((self._folder / "cases.json").read_text()):
            case = Case(**found)
            wanted = not patterns or any(fnmatch.fnmatch(case.name, pattern) for pattern in patterns)
            if wanted and (case.opset > NEWEST) == (opsets == "onnx_newer"):
                self._cases.setdefault(case.operator, []).append(case)

    def operators(self) -> list[str]:
        """ONNX's names, with the domain before a dot where it is not the standard one."""
        return sorted(self._cases)

    def samples(self, operator: str, seed: int) -> Sequence[Sample]:
        """All tests of ``operator``; ONNX fixes their inputs, so ``seed`` changes nothing."""
        return [sample for case in self._cases[operator] for sample in self._samples(case)]

    def _samples(self, case: Case) -> list[Sample]:
        folder = self._folder / case.name
        model = folder / "model.onnx"
        if not case.tensors:
            return [Sample(model, (), lambda: (), name=case.name)]
        sets = sorted(folder.glob("test_data_set_*"))
        return [
            Sample(model, tuple(_tensors(one, "input")), _later(one), tolerance=_tolerance(case, one), name=case.name)
            for one in sets
        ]


def _tolerance(case: Case, folder: Path) -> Tolerance:
    """ONNX's own, but two units in the last place of a 16-bit result: ONNX's reference rounds each step to 16 bits."""
    kinds = [tensor.dtype for tensor in _tensors(folder, "output")]
    narrow = [torch.finfo(kind).eps for kind in kinds if kind in (torch.float16, torch.bfloat16)]
    return Tolerance(max([case.rtol, *(2 * unit for unit in narrow)]), case.atol)


def _later(folder: Path) -> Any:
    return lambda: tuple(_tensors(folder, "output"))


def _tensors(folder: Path, kind: str) -> list[torch.Tensor]:
    files = sorted(folder.glob(f"{kind}_*.pb"), key=lambda path: int(path.stem.rpartition("_")[2]))
    return [_tensor(onnx.load_tensor(path)) for path in files]


def _tensor(proto: Any) -> torch.Tensor:
    array = np.ascontiguousarray(numpy_helper.to_array(proto)).reshape(tuple(proto.dims))
    if array.dtype.isbuiltin == 1:
        return torch.from_numpy(array.copy())
    # PyTorch has a type of the same name, or none
    return torch.from_numpy(array.view(f"u{array.dtype.itemsize}").copy()).view(getattr(torch, array.dtype.name))


def write_cases(folder: Path) -> Path:
    """Write all tests into a folder below ``folder`` that has ONNX's version in its name, unless they are there.

    Tests of operator sets below 13 are raised to it, as the reader's message tells users to.
    """
    from onnx.backend.test.case.node import collect_testcases

    place = folder / f"onnx-{onnx.__version__}"
    if (place / "cases.json").exists():
        return place
    found = {case.name: case for case in collect_testcases(None)}
    cases = [_write(place / name, case, found) for name, case in found.items()]
    (place / "cases.json").write_text(json.dumps([asdict(case) for case in cases]))
    return place


def _write(place: Path, test: Any, tests: dict[str, Any]) -> Case:
    model, opset = _raised(test.model)
    place.mkdir(parents=True, exist_ok=True)
    onnx.save(model, place / "model.onnx")
    tensors = True
    for number, (inputs, outputs) in enumerate(test.data_sets):
        data = place / f"test_data_set_{number}"
        data.mkdir(exist_ok=True)
        for kind, values in (("input", inputs), ("output", outputs)):
            for position, value in enumerate(values):
                proto = _proto(value)
                tensors = tensors and proto is not None
                if proto is not None:
                    onnx.save_tensor(proto, data / f"{kind}_{position}.pb")
    return Case(test.name, _operator(test, tests), opset, test.rtol, test.atol, tensors)


def _proto(value: Any) -> Any:
    """``value`` as ONNX stores a tensor, None for what is none or has a type that PyTorch does not."""
    if not isinstance(value, onnx.TensorProto | np.ndarray | np.generic):
        return None
    try:
        proto = value if isinstance(value, onnx.TensorProto) else numpy_helper.from_array(np.asarray(value))
        _tensor(proto).clone()  # of four bits it has the type, but copies nothing
    except Exception:  # strings, types of which PyTorch has none
        return None
    return proto


def _raised(model: Any) -> tuple[Any, int]:
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if not 0 < opset < OLDEST:
        return model, opset
    try:
        return version_converter.convert_version(model, OLDEST), OLDEST
    except Exception:  # the converter does not know how
        return model, opset


def _operator(test: Any, tests: dict[str, Any]) -> str:
    plain = tests.get(re.sub(r"_expanded(_ver\d+)?$", "", test.name), test)
    node = plain.model.graph.node[-1]
    return f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else str(node.op_type)
