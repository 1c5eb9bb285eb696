"""Parameter files in Python: written whole, aligned, readable by others and from others."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch

from stepwell.support import parameter_file
from stepwell.support.errors import ArtifactError, UnsupportedError
from stepwell.support.parameters import ParameterStore
from stepwell.support.signature import Dim, TensorSpec

VALUES: dict[str, np.ndarray[Any, Any]] = {
    "weight": np.arange(15, dtype=np.float32).reshape(3, 5),
    "bias": np.arange(7).astype(ml_dtypes.bfloat16),
    "scale": np.array(3.5),
    "none": np.zeros((0, 4), np.float32),
    "mask": np.array([True, False]),
    "f8": np.array([1, 2]).astype(ml_dtypes.float8_e4m3fn),
    'n"ä\n': np.arange(3),
}


def store_of(values: dict[str, np.ndarray[Any, Any]]) -> ParameterStore:
    store = ParameterStore()
    for name, value in values.items():
        store.add(name, lambda value=value: value)  # type: ignore[misc]
    return store


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    data_bytes = parameter_file.write(path, store_of(VALUES))
    read = parameter_file.open_file(path)
    assert list(read) == list(VALUES)
    for name, value in VALUES.items():
        assert read[name].dtype == value.dtype
        assert np.array_equal(read[name], value)
        assert read[name].ctypes.data % 64 == 0
        assert read.spec(name).shape == value.shape
    assert hashlib.sha256(path.read_bytes()[-data_bytes:]).hexdigest() == parameter_file.data_digest(path)
    assert data_bytes % 64 == 0
    assert [file.name for file in tmp_path.iterdir()] == ["p.safetensors"]


def test_same_bytes_each_time(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    parameter_file.write(first, store_of(VALUES))
    parameter_file.write(second, store_of(VALUES))
    assert first.read_bytes() == second.read_bytes()


def test_layout_with_gaps_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    parameter_file.write(path, store_of(VALUES), {"weight": 640, "bias": 64, "none": 640})
    header_end = 8 + int.from_bytes(path.read_bytes()[:8], "little")
    assert header_end % 64 == 0
    assert path.read_bytes()[header_end + 640 :][:60] == VALUES["weight"].tobytes()
    assert set(parameter_file.open_file(path)) == {"weight", "bias", "none"}
    assert set(safetensors.numpy.load_file(path)) > {"weight", "bias", "none"}


def test_nothing_to_write(tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    assert parameter_file.write(path, ParameterStore()) == 0
    assert len(parameter_file.open_file(path)) == 0


def test_overlapping_layout(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="'bias' would overlap another"):
        parameter_file.write(tmp_path / "p", store_of(VALUES), {"weight": 0, "bias": 32})


def test_read_by_the_reference(tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    parameter_file.write(path, store_of({name: VALUES[name] for name in ("weight", "bias", "mask")}))
    loaded = safetensors.torch.load_file(path)
    assert torch.equal(loaded["weight"], torch.from_numpy(VALUES["weight"]))
    assert loaded["bias"].dtype is torch.bfloat16


def test_file_of_the_reference(tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    odd = torch.arange(3, dtype=torch.uint8)
    safetensors.torch.save_file({"a": odd, "b": torch.randn(2, 2)}, path, {"format": "pt"})
    read = parameter_file.open_file(path)
    assert np.array_equal(read["a"], odd.numpy())
    assert read["b"].shape == (2, 2)
    assert read["b"].flags.aligned


def test_value_that_is_not_as_announced(tmp_path: Path) -> None:
    store = ParameterStore()
    store.add("w", lambda: np.zeros(3, np.float32), TensorSpec("w", "f32", (4,)))
    with pytest.raises(ArtifactError, match=r"'w' is float32\[3\], announced was f32\[4\]"):
        parameter_file.write(tmp_path / "p", store)
    assert list(tmp_path.iterdir()) == []


def test_dynamic_parameter(tmp_path: Path) -> None:
    store = ParameterStore()
    store.add("w", lambda: np.zeros(3, np.float32), TensorSpec("w", "f32", (Dim("n"),)))
    with pytest.raises(ArtifactError, match="'w' has a dynamic size"):
        parameter_file.write(tmp_path / "p", store)


def test_dtype_that_the_format_lacks(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="'c' is complex<f64>"):
        parameter_file.write(tmp_path / "p", store_of({"c": np.zeros(1, np.complex128)}))


def test_unwritable_folder() -> None:
    with pytest.raises(ArtifactError, match="can't write to '/proc/self/p"):
        parameter_file.write(Path("/proc/self/p.safetensors"), store_of(VALUES))


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    store = store_of(VALUES)

    def interrupt() -> np.ndarray[Any, Any]:
        raise KeyboardInterrupt

    store.add("late", interrupt, TensorSpec("late", "f32", (2,)))
    with pytest.raises(KeyboardInterrupt):
        parameter_file.write(tmp_path / "p.safetensors", store)
    assert list(tmp_path.iterdir()) == []


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="can't be read: No such file"):
        parameter_file.open_file(tmp_path / "p")


@pytest.mark.parametrize("length", [0, 7, 20, 300, 700])
def test_truncated_file(tmp_path: Path, length: int) -> None:
    path = tmp_path / "p.safetensors"
    parameter_file.write(path, store_of(VALUES))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ArtifactError, match="is damaged: it is truncated"):
        parameter_file.open_file(path)


def test_size_that_does_not_match_the_shape(tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    parameter_file.write(path, store_of({"weight": VALUES["weight"]}))
    path.write_bytes(path.read_bytes().replace(b"[3,5]", b"[3,4]"))
    with pytest.raises(ArtifactError, match="'weight' has 60 bytes, not those of its shape"):
        parameter_file.open_file(path)
