"""What is measured: layers and models, each a module with its inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from bench.cuda.models import MODELS


@dataclass(frozen=True)
class Case:
    """A module, its inputs, and the work in it.

    Attributes:
        make: the module and its inputs on the CPU, in the types that are measured.
        flops: floating-point operations of a call, 0 where memory is what counts.
        bytes: that a call must read and write, 0 where arithmetic is what counts.
        compared: whether torch.compile takes part.
        whole: whether the host's work counts, else the GPU's alone.
        kind: of what is multiplied, for the rate that the chip reaches.
        tf32: whether f32 is multiplied on tensor cores, by both.
        fast: whether both may keep fewer bits of sums of 8-bit floats.
    """

    make: Callable[[], tuple[nn.Module, tuple[torch.Tensor, ...]]]
    flops: float = 0
    bytes: float = 0
    compared: bool = False
    whole: bool = False
    kind: torch.dtype = torch.bfloat16
    tf32: bool = False
    fast: bool = False

    @property
    def target(self) -> str:
        """What it is compiled for."""
        return "cuda" + ",tf32=true" * self.tf32 + ",fp=fast" * self.fast


class Function(nn.Module):
    """A function as a model."""

    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.function(*inputs)


class Bytes(nn.Module):
    """A linear layer of bytes, whose results are sums of 32 bits."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.randint(-128, 128, (outputs, inputs), dtype=torch.int8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.is_floating_point():
            return x @ self.weight.T.to(x.dtype)
        return torch._int_mm(x, self.weight.T)


class Float8(nn.Module):
    """A linear layer of 8-bit floats with a scale for each matrix, whose results are bf16."""

    def __init__(
        self, inputs: int, outputs: int, kind: torch.dtype = torch.float8_e4m3fn, *, fast: bool = False
    ) -> None:
        super().__init__()
        self.fast = fast
        self.register_buffer("weight", torch.randn(outputs, inputs).to(torch.float8_e4m3fn))
        self.register_buffer("scale", torch.rand(()) + 0.5)
        self.register_buffer("weight_scale", torch.rand(()) + 0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.dtype.itemsize > 1:
            return x @ self.weight.T.to(x.dtype) * self.scale * self.weight_scale
        return torch._scaled_mm(
            x, self.weight.T, self.scale, self.weight_scale, out_dtype=torch.bfloat16, use_fast_accum=self.fast
        )


def _product(m: int, n: int, k: int, kind: torch.dtype, *, tf32: bool = False, fast: bool = False) -> Case:
    def make() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
        if kind is torch.float8_e4m3fn:
            return Float8(k, n, fast=fast), (torch.randn(m, k).to(kind),)
        if kind is torch.int8:
            return Bytes(k, n), (torch.randint(-128, 128, (m, k), dtype=kind),)
        return nn.Linear(k, n, bias=False).to(kind), (torch.randn(m, k).to(kind),)

    return Case(make, flops=2.0 * m * n * k, kind=kind, tf32=tf32, fast=fast)


class _Images(nn.Module):
    """A convolution of images that lie with channels last."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layer(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return result


def _convolution(batch: int, inputs: int, outputs: int, size: int, stride: int, pixels: int) -> Case:
    def make() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
        layer = nn.Conv2d(inputs, outputs, size, stride, (size - 1) // 2, bias=False)
        return _Images(layer).to(_BF16), (torch.randn(batch, pixels, pixels, inputs).to(_BF16),)

    return Case(make, flops=2.0 * batch * (pixels // stride) ** 2 * outputs * inputs * size * size)


def _rows(function: Callable[..., torch.Tensor], rows: int, length: int, kind: torch.dtype, *more: int) -> Case:
    def make() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
        inputs = [torch.randn(rows, length), *(torch.randn(length) for _ in more)]
        return Function(function), tuple(tensor.to(kind) for tensor in inputs)

    return Case(make, bytes=2.0 * rows * length * kind.itemsize)


def _attention(length: int, size: int, *, causal: bool) -> Case:
    batch, heads = 16384 // length, 2048 // size

    def make() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
        def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
            return F.scaled_dot_product_attention(q, k, v, is_causal=causal)

        inputs = tuple(torch.randn(batch, heads, length, size).to(torch.bfloat16) for _ in range(3))
        return Function(attend), inputs

    return Case(make, flops=4.0 * batch * heads * length * length * size / (2 if causal else 1))


def _model(name: str, batch: int) -> Case:
    def make() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
        torch.manual_seed(0)
        model, inputs = MODELS[name].make().eval().to(torch.bfloat16), MODELS[name].inputs(batch)
        return model, (inputs.to(torch.bfloat16) if inputs.is_floating_point() else inputs,)

    return Case(make, compared=True, whole=True)


_BF16, _F16, _F32 = torch.bfloat16, torch.float16, torch.float32

SECTIONS: dict[str, dict[str, Case]] = {
    "products": {
        **{
            f"{kind} {n}^3": _product(n, n, n, t)
            for kind, t in (("bf16", _BF16), ("f16", _F16))
            for n in (2048, 4096, 8192)
        },
        **{
            f"bf16 {m}x{n}x{k}": _product(m, n, k, _BF16)
            for m, n, k in (
                (1000, 776, 520),
                (16, 4096, 4096),
                (128, 11008, 4096),
                (4096, 768, 3072),
                (8192, 1024, 1024),
            )
        },
        "f32 4096^3": _product(4096, 4096, 4096, _F32),
        "tf32 4096^3": _product(4096, 4096, 4096, _F32, tf32=True),
        "tf32 8192^3": _product(8192, 8192, 8192, _F32, tf32=True),
        "fp8 4096^3": _product(4096, 4096, 4096, torch.float8_e4m3fn),
        "fp8 8192^3": _product(8192, 8192, 8192, torch.float8_e4m3fn),
        "fp8 4096^3, fast sums": _product(4096, 4096, 4096, torch.float8_e4m3fn, fast=True),
        "fp8 8192^3, fast sums": _product(8192, 8192, 8192, torch.float8_e4m3fn, fast=True),
        "int8 4096^3": _product(4096, 4096, 4096, torch.int8),
        "int8 8192^3": _product(8192, 8192, 8192, torch.int8),
    },
    "convolutions": {
        f"{size}x{size} {inputs} to {outputs} of {pixels}x{pixels}{f' by {stride}' if stride > 1 else ''}, {batch}": (
            _convolution(batch, inputs, outputs, size, stride, pixels)
        )
        for batch in (1, 32)
        for inputs, outputs, size, stride, pixels in (
            (3, 64, 7, 2, 224),
            (64, 64, 3, 1, 56),
            (64, 256, 1, 1, 56),
            (128, 128, 3, 2, 56),
            (256, 512, 1, 2, 56),
            (128, 128, 3, 1, 28),
            (256, 1024, 1, 1, 14),
            (256, 256, 3, 1, 14),
            (512, 512, 3, 1, 7),
        )
    },
    "rows": {
        f"{name} {rows}x{length} {kind}": _rows(function, rows, length, t, *more)
        for kind, t in (("bf16", _BF16), ("f32", _F32))
        for rows, length in ((8192, 4096), (16384, 1024))
        for name, function, more in (
            ("softmax", lambda x: torch.softmax(x, -1), ()),
            ("layer norm", lambda x, w, b: F.layer_norm(x, x.shape[-1:], w, b), (1, 1)),
            ("RMS norm", lambda x, w: F.rms_norm(x, x.shape[-1:], w, 1e-5), (1,)),
            ("gelu(x + b)", lambda x, b: F.gelu(x + b), (1,)),
        )
    },
    "attention": {
        f"{length} by {size}{', causal' if causal else ''}": _attention(length, size, causal=causal)
        for size in (64, 128)
        for length in (1024, 4096, 16384)
        for causal in (False, True)
    },
    "models": {f"{name}, batch {batch}": _model(name, batch) for name in MODELS for batch in (1, 32)},
}
