"""The loss of connectionist temporal classification by its forward variables (Graves et al., 2006), in logarithms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from stepwell.frontend.decompositions.loops import loop

_Lengths = Tensor | Sequence[int]


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: _Lengths,
    target_lengths: _Lengths,
    blank: int = 0,
    zero_infinity: bool = False,
) -> tuple[Tensor, Tensor]:
    """[N], and the forward variables [N, T, 2 S + 1], of ``log_probs`` [T, N, C] and ``targets`` [N, S] or in a row."""
    steps, batch, _ = log_probs.shape
    if not all(isinstance(size, int) for size in (*log_probs.shape, *targets.shape)) or not log_probs.numel():
        return cast("tuple[Tensor, Tensor]", NotImplemented)
    longest = targets.shape[-1] if isinstance(target_lengths, Tensor) else max(target_lengths)
    if longest == 0 or targets.numel() == 0:
        return cast("tuple[Tensor, Tensor]", NotImplemented)
    ends, lengths = _tensor(input_lengths, targets), _tensor(target_lengths, targets)
    labels = _labels(targets, lengths, longest)
    blanks = torch.full_like(labels, blank)
    states = torch.cat([torch.stack([blanks, labels], -1).reshape(batch, -1), blanks[:, :1]], -1)
    place = torch.arange(2 * longest + 1, device=targets.device)
    other = torch.cat([states[:, :2], states[:, :-2]], -1) != states
    skips = other & (place >= 2) & (place % 2 == 1)
    first = torch.gather(log_probs[0], 1, states)
    reached = (place == 0) | ((place == 1) & (lengths.unsqueeze(-1) > 0))
    alpha = torch.where(reached, first, -math.inf)
    number = torch.arange(steps, device=targets.device).reshape(1, -1, 1)
    all_alphas = torch.where(number == 0, alpha.unsqueeze(1), -math.inf)
    start = torch.ones([1], dtype=torch.int64, device=targets.device)
    fixed = (log_probs, states, skips, ends.unsqueeze(-1), number)
    _, alpha, all_alphas = loop(_is_within, _step, (start, alpha, all_alphas), fixed)
    last = (2 * lengths).unsqueeze(-1)
    at_blank = torch.gather(alpha, 1, last)
    at_label = torch.where(last > 0, torch.gather(alpha, 1, torch.clamp(last - 1, min=0)), -math.inf)
    loss = -torch.logaddexp(at_blank, at_label).squeeze(-1)
    nothing = torch.where(lengths == 0, 0.0, math.inf).to(loss.dtype)
    return torch.where(ends == 0, nothing, loss), all_alphas


def _is_within(step: Tensor, alpha: Tensor, alphas: Tensor, log_probs: Tensor, *others: Tensor) -> Tensor:
    return (step < log_probs.shape[0]).all()


def _step(
    step: Tensor,
    alpha: Tensor,
    alphas: Tensor,
    log_probs: Tensor,
    states: Tensor,
    skips: Tensor,
    ends: Tensor,
    number: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """From the same state, from that before, or from the label before a blank that may be left out."""
    none = torch.full_like(alpha[:, :2], -math.inf)
    one = torch.cat([none[:, :1], alpha[:, :-1]], -1)
    two = torch.where(skips, torch.cat([none, alpha[:, :-2]], -1), -math.inf)
    probability = torch.gather(log_probs.index_select(0, step).squeeze(0), 1, states)
    following = torch.logaddexp(torch.logaddexp(alpha, one), two) + probability
    inside = step < ends
    alphas = torch.where((number == step) & inside.unsqueeze(-1), following.unsqueeze(1), alphas)
    return step + 1, torch.where(inside, following, alpha), alphas


def _tensor(lengths: _Lengths, like: Tensor) -> Tensor:
    if isinstance(lengths, Tensor):
        return lengths.to(torch.int64)
    return torch.cat([torch.full([1], length, dtype=torch.int64, device=like.device) for length in lengths])


def _labels(targets: Tensor, lengths: Tensor, longest: int) -> Tensor:
    """[N, S]: what lies behind a target's length does not count."""
    if targets.dim() == 2:
        return targets[:, :longest].to(torch.int64)
    begin = (lengths.cumsum(0) - lengths).unsqueeze(-1)
    place = torch.clamp(begin + torch.arange(longest, device=targets.device), max=targets.shape[0] - 1)
    return targets.to(torch.int64).index_select(0, place.reshape(-1)).reshape(place.shape)
