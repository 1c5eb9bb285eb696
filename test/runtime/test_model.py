"""Opening models: what does not fit is refused with words, before anything runs."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stepwell.support import parameter_file
from stepwell.support.errors import ArtifactError
from stepwell.support.native import NativeModel
from stepwell.support.parameters import ParameterStore

Compile = Callable[..., Path]

Other = Callable[..., Path]

WEIGHT = np.array([1, 2, 3, 4], np.float32)


def refuse(code: Path, parameters: Path | None, *, check_digest: bool = False) -> str:
    with pytest.raises(ArtifactError) as error:
        NativeModel.open(code, parameters, check_digest=check_digest)
    return str(error.value)


@pytest.fixture
def other(store: ParameterStore, tmp_path: Path) -> Callable[..., Path]:
    """Writes a parameter file with other values than the model's; None takes one away."""

    def write(**values: np.ndarray[Any, Any] | None) -> Path:
        for name, value in values.items():
            if value is None:
                store.remove(name.replace("_", ":"))
            else:
                store.add(name.replace("_", ":"), lambda value=value: value)  # type: ignore[misc]
        path = tmp_path / "other.safetensors"
        parameter_file.write(path, store)
        return path

    return write


def test_missing_code(tmp_path: Path, parameters: Path) -> None:
    assert "can't be loaded" in refuse(tmp_path / "model.so", parameters)


def test_code_is_not_looked_for_among_the_system_s_libraries(parameters: Path) -> None:
    assert "./libm.so.6" in refuse(Path("libm.so.6"), parameters)


def test_code_that_is_no_model(parameters: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.so"
    subprocess.run(["cc", "-shared", "-x", "c", "/dev/null", "-o", empty], check=True)
    assert "empty.so does not hold a compiled model" in refuse(empty, parameters)


@pytest.mark.parametrize("length", [0, 10, 1000, -1])
def test_code_that_is_cut_short(code: Path, parameters: Path, tmp_path: Path, length: int) -> None:
    short = tmp_path / "short.so"
    short.write_bytes(code.read_bytes()[:length])
    assert "short.so is truncated or no shared library" in refuse(short, parameters)


def test_missing_parameter_file(code: Path, tmp_path: Path) -> None:
    assert "model's parameter file is missing" in refuse(code, None)
    assert "can't be opened: No such file" in refuse(code, tmp_path / "none.safetensors")
    assert "is not a regular file" in refuse(code, tmp_path)


@pytest.mark.parametrize("length", [0, 5, 8, 100, 200, 500])
def test_truncated_parameter_file(code: Path, parameters: Path, tmp_path: Path, length: int) -> None:
    path = tmp_path / "short.safetensors"
    path.write_bytes(parameters.read_bytes()[:length])
    assert "parameter file" in refuse(code, path)
    with pytest.raises(ArtifactError, match="parameter file"):
        NativeModel.open(code, path)


def one(*, dtype: str = "F32", shape: str = "[]", offsets: str = "[0,4]") -> str:
    return f'"w":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}'


@pytest.mark.parametrize(
    "header",
    [
        "[]",
        "{",
        '{"w"}',
        '{"w":{"dtype":"F32"}}',
        '{"w\\u12":1}',
        "\x00\x01",
        f"{{{one()}}} x",
        f"{{{one()},{one()}}}",
        f"{{{one(offsets='[4,0]')}}}",
        f"{{{one(offsets='[0,99999]')}}}",
        f"{{{one(shape='[99999999999999999999999]')}}}",
    ],
)
def test_corrupt_header(code: Path, tmp_path: Path, header: str) -> None:
    path = tmp_path / "corrupt.safetensors"
    text = header.encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(64))
    message = refuse(code, path)
    assert "its header is damaged" in message or "it holds 'w' twice" in message
    with pytest.raises(ArtifactError, match="is damaged"):
        parameter_file.open_file(path)


def test_escaped_names_are_read(code: Path, parameters: Path, tmp_path: Path) -> None:
    path = tmp_path / "escaped.safetensors"
    data = parameters.read_bytes()
    assert b'"w":' in data
    text = data[8 : 8 + struct.unpack("<Q", data[:8])[0]].replace(b'"w":', b'"\\u0077":').rstrip()
    padded = text.ljust(-(-(len(text) + 8) // 64) * 64 - 8)
    path.write_bytes(struct.pack("<Q", len(padded)) + padded + data[8 + struct.unpack("<Q", data[:8])[0] :])
    model = NativeModel.open(code, path)
    assert torch.equal(model.session().run("add", [torch.zeros(1, 4)])[0], torch.from_numpy(WEIGHT)[None])


def test_missing_parameter(code: Path, other: Other) -> None:
    assert "lacks parameter 'w'" in refuse(code, other(w=None))


def test_parameter_of_another_dtype(code: Path, other: Other) -> None:
    assert "'w' is I32, the code expects F32" in refuse(code, other(w=WEIGHT.astype(np.int32)))


def test_parameter_of_another_size(code: Path, other: Other) -> None:
    assert "'w' has 12 bytes, the code expects 16" in refuse(code, other(w=WEIGHT[:3]))


def test_parameter_at_another_place(code: Path, store: ParameterStore, tmp_path: Path) -> None:
    path = tmp_path / "moved.safetensors"
    parameter_file.write(path, store, {"w": 0, "b": 64, "state:total": 128})
    assert "'b' lies at offset 64, the code expects 0" in refuse(code, path)


def test_state_of_another_size(code: Path, other: Other) -> None:
    assert "holds 16 bytes for state 'total', the code expects 8" in refuse(code, other(state_total=WEIGHT))


def test_more_data_than_expected(code: Path, other: Other) -> None:
    assert "holds 256 bytes of data, the code expects 192" in refuse(code, other(z=WEIGHT))


def test_state_without_initial_value_is_zero(code: Path, other: Other) -> None:
    session = NativeModel.open(code, other(state_total=None, z=WEIGHT)).session()
    assert session.state("total").tolist() == [0, 0]


def test_digest(compile_model: Compile, parameters: Path, tmp_path: Path) -> None:
    code = compile_model(f'-DDIGEST="{parameter_file.data_digest(parameters)}"')
    assert NativeModel.open(code, parameters, check_digest=True).entries[0] == "add"
    flipped = tmp_path / "flipped.safetensors"
    data = bytearray(parameters.read_bytes())
    data[-100] ^= 1
    flipped.write_bytes(data)
    assert "its data has SHA-256" in refuse(code, flipped, check_digest=True)
    NativeModel.open(code, flipped)


def test_features_that_no_processor_has_all_of(compile_model: Compile, parameters: Path) -> None:
    code = compile_model('-DFEATURES="+sse4.2,-avx512f,+some-tuning,+amx-bf16,+avx512fp16"')
    flags = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags"))
    if {"amx_bf16", "avx512_fp16"} <= set(flags.split()):
        pytest.skip("this processor has them all")
    message = refuse(code, parameters)
    assert "this processor lacks what the model was compiled for:" in message
    assert "sse4.2" not in message
    assert "some-tuning" not in message


def test_another_interface_version(compile_model: Compile, parameters: Path) -> None:
    message = refuse(compile_model("-DABI=99"), parameters)
    assert "compiled for interface version 99, this runtime has version 2" in message


def test_opening_a_folder(code: Path, parameters: Path, tmp_path: Path) -> None:
    import ctypes

    from stepwell.support.native_library import check, library

    shutil.copy(code, tmp_path / "model.so")
    handle = ctypes.c_void_p()
    with pytest.raises(ArtifactError, match="parameter file is missing"):
        check(library().sw_model_open(str(tmp_path).encode(), 0, ctypes.byref(handle)))
    shutil.copy(parameters, tmp_path / "model.safetensors")
    check(library().sw_model_open(str(tmp_path).encode(), 0, ctypes.byref(handle)))
    assert library().sw_model_entry(handle, b"square") == 3
    assert library().sw_model_entry(handle, b"cube") == -1
    library().sw_model_close(handle)
