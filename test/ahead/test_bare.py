"""Code for a microcontroller without an operating system, run on an emulated Cortex-M4 and compared with PyTorch."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

import stepwell
from stepwell.support.errors import ArtifactError, Error, UnsupportedError, UsageError

EDGE = Path(__file__).parents[2] / "examples" / "edge"
QEMU = ("qemu-system-arm", "-M", "mps2-an386", "-display", "none", "-semihosting-config", "enable=on,target=native")
HARD = ("thumbv7em-none-eabihf,cpu=cortex-m4", "-mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16")
SOFTFP = ("thumbv7em-none-eabi,cpu=cortex-m4", "-mcpu=cortex-m4 -mfloat-abi=softfp -mfpu=fpv4-sp-d16")
SOFT = ("thumbv7em-none-eabi", "-mcpu=cortex-m4 -mfloat-abi=soft")


def build(model: torch.nn.Module, args: tuple[torch.Tensor, ...], target: tuple[str, str], folder: Path) -> Path:
    """An artifact and a program around it."""
    triple, flags = target
    stepwell.compile(model, args, target=f"cpu,triple={triple}").save(folder / "out")
    outputs = _tensors(model(*args))
    (folder / "bare_model.h").write_text(_tables(args, outputs))
    command = ["arm-none-eabi-gcc", "-std=gnu11", "-mthumb", *flags.split(), "-O1", "-Wall", "-Wextra", "-Werror"]
    command += ["-ffreestanding", "-nostdlib", f"-I{folder}", f"-I{folder}/out", f"-I{EDGE}", f"-T{EDGE}/board.ld"]
    command += [str(Path(__file__).parent / "bare" / "main.c"), str(folder / "out" / "model.a"), "-lgcc", "-o", "a.elf"]
    subprocess.run(command, cwd=folder, check=True)
    return folder


def run(folder: Path, args: Sequence[torch.Tensor], like: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """The outputs of one run."""
    for index, tensor in enumerate(args):
        (folder / f"input_{index}.bin").write_bytes(tensor.contiguous().view(torch.uint8).numpy().tobytes())
    done = subprocess.run([*QEMU, "-kernel", "a.elf"], cwd=folder, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"{done.returncode} {done.stdout}{done.stderr}")
    data = [np.fromfile(folder / f"output_{index}.bin", np.uint8) for index in range(len(like))]
    return [torch.from_numpy(raw).view(t.dtype).reshape(t.shape) for raw, t in zip(data, like, strict=True)]


def _tensors(results: torch.Tensor | tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    return list(results) if isinstance(results, tuple) else [results]


def _tables(args: Sequence[torch.Tensor], outputs: Sequence[torch.Tensor]) -> str:
    lines, calls = [], []
    for kind, tensors in (("input", args), ("output", outputs)):
        rows = []
        for index, tensor in enumerate(tensors):
            size = tensor.numel() * tensor.element_size()
            lines.append(f"static uint64_t {kind}_{index}[{size // 8 + 1}];")
            rows.append(f'{{"{kind}_{index}.bin", {kind}_{index}, {size}}}')
            calls.append(f"(void *){kind}_{index}")
        lines.append(f"static const struct {{ const char *name; void *data; size_t bytes; }} {kind}s[] = {{")
        lines.append(", ".join(rows) + "};")
    weights = "STEPWELL_PARAMETER_BYTES ? (const void *)WEIGHTS : 0"
    lines += [
        "#if STEPWELL_PARAMETER_BYTES",
        "#define WEIGHTS stepwell_parameters",
        "#else",
        "#define WEIGHTS 0",
        "#endif",
    ]
    lines.append(f"#define CALL(arena) stepwell_main({', '.join(calls)}, {weights}, arena)")
    lines.append(f"#define CALL_WITHOUT_INPUT(arena) stepwell_main({', '.join(['0', *calls[1:]])}, {weights}, arena)")
    return "\n".join(lines) + "\n"


class Mixed(torch.nn.Module):
    """Convolution, normalisation, elementary functions, f64 and f16, integers of 64 bits, softmax, products."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.norm = torch.nn.LayerNorm(8)
        self.table = torch.nn.Embedding(5, 8)

    def forward(self, x: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = self.conv(x).flatten(2).transpose(1, 2) + self.table(index)[:, None]
        y = self.norm(torch.erf(y) + torch.tanh(y.half()).float() + y.double().mul(0.1).float())
        return torch.softmax(y @ y.transpose(1, 2), -1), y.argmax(-1), (y > 0).sum(), y.max(-1).values


@pytest.mark.parametrize("target", [HARD, SOFTFP, SOFT], ids=["hard", "softfp", "soft"])
def test_numbers_are_those_of_torch(target: tuple[str, str], tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = Mixed().eval()
    args = (torch.randn(2, 3, 5, 7), torch.tensor([1, 4]))
    folder = build(model, args, target, tmp_path)
    inputs = (torch.randn(2, 3, 5, 7), torch.tensor([3, 0]))
    with torch.no_grad():
        expected = model(*inputs)
    for ours, theirs in zip(run(folder, inputs, expected), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


class Special(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return x.relu(), x.amax(-1), x.amin(-1), x.clamp(-1, 1), torch.maximum(x, x.flip(-1))


@pytest.mark.parametrize("target", [HARD, SOFT], ids=["hard", "soft"])
def test_special_values(target: tuple[str, str], tmp_path: Path) -> None:
    inf, nan = float("inf"), float("nan")
    x = torch.tensor(
        [[0.0, -0.0, 1e-40, -1e-40, 3.0], [inf, -inf, 1.0, 2.0, 3.0], [nan, 1.0, inf, 0.0, -0.0], [-0.0] * 5]
    )
    folder = build(Special(), (x,), target, tmp_path)
    expected = Special()(x)
    for ours, theirs in zip(run(folder, (x,), expected), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True)


def test_a_failed_assertion_is_an_error_code(tmp_path: Path) -> None:
    class Lookup(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = torch.nn.Embedding(5, 4)

        def forward(self, index: torch.Tensor) -> torch.Tensor:
            return self.table(index)

    model = Lookup().eval()
    folder = build(model, (torch.tensor([1, 4]),), HARD, tmp_path)
    inside = torch.tensor([0, 4])
    with torch.no_grad():
        expected = model(inside)
    torch.testing.assert_close(run(folder, (inside,), [expected])[0], expected)
    with pytest.raises(RuntimeError, match=r"^14 "):  # 10 + STEPWELL_ERROR_EXECUTION
        run(folder, (torch.tensor([5, 0]),), [expected])


def test_the_digits_example_is_small_and_right(tmp_path: Path) -> None:
    done = subprocess.run(
        ["make", "-s", "-C", EDGE, "run", "size", f"BUILD={tmp_path}", f"PYTHON={sys.executable}"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    sizes = {name: int(size) for size, name in re.findall(r"^ *(\d+)\s.*\s(\w+\.o) ", done.stdout, re.MULTILINE)}
    assert 0 < sizes["model.o"] < 64 << 10
    sys.path.insert(0, str(EDGE))
    try:
        import digits
    finally:
        sys.path.remove(str(EDGE))
    model, _ = digits.make()
    pictures, labels = digits.data()
    with torch.no_grad():
        expected = model(pictures[1500:1600])
    ours = torch.from_numpy(np.fromfile(tmp_path / "y.bin", np.float32)).reshape(100, 10)
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-6)
    assert (ours.argmax(1) == labels[1500:1600]).float().mean() > 0.9


def test_the_header_names_what_the_program_brings(tmp_path: Path) -> None:
    model = torch.nn.Linear(4, 4)
    stepwell.compile(model, (torch.randn(1, 4),), target=f"cpu,triple={SOFT[0]}").save(tmp_path / "out")
    header = (tmp_path / "out" / "model.h").read_text()
    brought = re.search(r"brings: (.*)\. \*/", header)
    assert brought is not None
    listed = subprocess.run(
        ["arm-none-eabi-nm", "-u", tmp_path / "out" / "model.a"], capture_output=True, text=True, check=True
    )
    assert set(brought[1].split(", ")) == set(re.findall(r"U (\S+)", listed.stdout))
    assert not set(brought[1].split(", ")) & {"malloc", "free", "stepwell_alloc", "stepwell_parallel_for"}


class Growing(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nonzero(x)


class Counting(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count += 1
        return x + self.count


@pytest.mark.parametrize(
    ("model", "target", "error", "words"),
    [
        (Growing(), SOFT[0], UnsupportedError, "only a run tells"),
        (Counting(), SOFT[0], UnsupportedError, "state|buffer"),
        (torch.nn.ReLU(), f"{SOFT[0]},profile=true", UsageError, "times its loops"),
        (torch.nn.ReLU(), "armv7-linux-gnueabihf", UsageError, "32-bit pointers and an operating system"),
        (torch.nn.Embedding(4, 4), "aarch64-none-elf", UnsupportedError, "checks values as it runs"),
    ],
)
def test_what_is_refused(model: torch.nn.Module, target: str, error: type[Error], words: str) -> None:
    args = (torch.zeros(2, dtype=torch.long),) if isinstance(model, torch.nn.Embedding) else (torch.randn(3),)
    with pytest.raises(error, match=words):
        stepwell.compile(model, args, target=f"cpu,triple={target}")


def test_dynamic_sizes_are_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"dynamic|known only"):
        stepwell.compile(
            torch.nn.ReLU(),
            (torch.randn(3),),
            target=f"cpu,triple={SOFT[0]}",
            dynamic_shapes=({0: torch.export.Dim("n")},),
        )


def test_it_does_not_run_here(tmp_path: Path) -> None:
    compiled = stepwell.compile(torch.nn.ReLU(), (torch.randn(3),), target=f"cpu,triple={SOFT[0]}")
    with pytest.raises(ArtifactError, match="thumbv7em"):
        compiled(torch.randn(3))
    compiled.save(tmp_path / "out")
    with pytest.raises(ArtifactError, match="thumbv7em"):
        stepwell.load(tmp_path / "out")


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 4)
    for name in ("one", "two"):
        compiled = stepwell.compile(model, (torch.randn(1, 4),), target=f"cpu,triple={HARD[0]}", cache=False)
        compiled.save(tmp_path / name)
    for file in ("model.a", "model.h"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
